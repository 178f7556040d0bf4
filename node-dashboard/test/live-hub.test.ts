import { describe, expect, it } from 'vitest';
import { LiveHub, type FromHub, type HubPort } from '../src/web/live-hub.ts';
import type { LiveSelection } from '../src/web/live-connection.ts';
import { windowMessage } from './messages.ts';

class Page implements HubPort {
  readonly heard: FromHub[] = [];

  postMessage(message: FromHub): void {
    this.heard.push(message);
  }

  get windows(): string[] {
    return this.heard.flatMap((event) =>
      event.kind === 'window' ? [`${event.message.series} ${event.message.window}`] : [],
    );
  }
}

/** A hub, and what it has connected to; a connection that was closed brings nothing more. */
function hubWithConnections() {
  const open: { readonly selection: LiveSelection; readonly told: (event: FromHub) => void }[] = [];
  const hub = new LiveHub((selection, told) => {
    const connection = { selection, told };
    open.push(connection);
    return {
      close: () => {
        open.splice(open.indexOf(connection), 1);
      },
    };
  });
  return { hub, open };
}

const select = (fields: Partial<LiveSelection> = {}): LiveSelection => ({
  ...{ address: 'http://localhost/api/live', stream: 'host', windows: ['10s'], series: [] },
  token: '',
  ...fields,
});

describe('pages that share event streams', () => {
  it('have one for each stream, for all that they want, and each gets what it wants', () => {
    const { hub, open } = hubWithConnections();
    const [first, second, other] = [new Page(), new Page(), new Page()];
    hub.take(first, { kind: 'listen', selection: select({ series: ['a'] }) });
    hub.take(second, { kind: 'listen', selection: select({ series: ['b'], windows: ['1m'] }) });
    hub.take(other, { kind: 'listen', selection: select({ stream: 'sensors' }) });
    expect(hub.connections).toBe(2);
    expect(open.map(({ selection }) => selection)).toEqual([
      select({ series: ['a', 'b'], windows: ['10s', '1m'] }),
      select({ stream: 'sensors' }),
    ]);
    for (const series of ['a', 'b']) {
      for (const window of ['10s', '1m']) {
        open[0]?.told({ kind: 'window', message: windowMessage({ series, window }) });
      }
    }
    open[0]?.told({ kind: 'reset' });
    expect([first.windows, second.windows, other.windows]).toEqual([['a 10s'], ['b 1m'], []]);
    expect([first, second, other].map(({ heard }) => heard.length)).toEqual([2, 2, 0]);
  });

  it('make it begin anew when one comes or chooses something else, so that nothing is missing', () => {
    const { hub, open } = hubWithConnections();
    const [first, second] = [new Page(), new Page()];
    hub.take(first, { kind: 'listen', selection: select() });
    const [begun] = open;
    hub.take(second, { kind: 'listen', selection: select({ series: ['a'] }) });
    expect(open).toHaveLength(1);
    expect(open[0]).not.toBe(begun);
    expect(open[0]?.selection.series).toEqual([]);
    hub.take(second, { kind: 'listen', selection: select({ stream: 'sensors' }) });
    expect(open.map(({ selection }) => selection.stream).sort()).toEqual(['host', 'sensors']);
  });

  it.each([
    ['more than the server takes', Array.from({ length: 1001 }, (_, index) => `${index}`)],
    ['longer than an address can be', Array.from({ length: 20 }, (_, index) => `${index}`.padEnd(300, 'ü'))],
  ])('ask for all series when their names are %s, and each still gets what it wants', (_, names) => {
    const { hub, open } = hubWithConnections();
    const half = names.length / 2;
    const [first, second] = [new Page(), new Page()];
    hub.take(first, { kind: 'listen', selection: select({ series: names.slice(0, half) }) });
    hub.take(second, { kind: 'listen', selection: select({ series: names.slice(half) }) });
    expect(open.map(({ selection }) => selection)).toEqual([select()]);
    for (const series of [names[0], names.at(-1), 'other']) {
      open[0]?.told({ kind: 'window', message: windowMessage({ series: series ?? '' }) });
    }
    expect([first.windows, second.windows]).toEqual([[`${names[0]} 10s`], [`${names.at(-1)} 10s`]]);
    hub.take(second, { kind: 'listen', selection: select({ series: ['a'] }) });
    hub.take(first, { kind: 'listen', selection: select({ series: ['b'] }) });
    expect(open.map(({ selection }) => selection.series)).toEqual([['a', 'b']]);
  });

  it('leave none behind, whether they say that they go or not', () => {
    const { hub, open } = hubWithConnections();
    const [first, second] = [new Page(), new Page()];
    hub.take(first, { kind: 'listen', selection: select() }, 0);
    hub.take(second, { kind: 'listen', selection: select({ stream: 'sensors' }) }, 0);
    hub.take(second, { kind: 'leave' }, 1);
    expect(open.map(({ selection }) => selection.stream)).toEqual(['host']);
    const third = new Page();
    hub.take(third, { kind: 'listen', selection: select({ stream: 'sensors' }) }, 200_000);
    expect(open.map(({ selection }) => selection.stream)).toEqual(['sensors']);
    // It was only asleep.
    hub.take(first, { kind: 'ping', selection: select() }, 200_001);
    expect(first.heard).toEqual([{ kind: 'reset' }]);
    expect(hub.connections).toBe(2);
    hub.take(first, { kind: 'ping', selection: select() }, 200_002);
    expect(first.heard).toHaveLength(1);
  });

  it('all hear the alerts, and when events begin', () => {
    const { hub, open } = hubWithConnections();
    const pages = [new Page(), new Page()];
    pages.forEach((page) => {
      hub.take(page, { kind: 'listen', selection: select() });
    });
    open[0]?.told({ kind: 'begin' });
    open[0]?.told({ kind: 'alerts', answer: { count: 0, alerts: [] } });
    for (const page of pages) {
      expect(page.heard.map(({ kind }) => kind)).toEqual(['begin', 'alerts']);
    }
  });
});

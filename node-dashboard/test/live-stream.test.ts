import { describe, expect, it } from 'vitest';
import { LiveStream, parsePosition, type Listener } from '../src/server/live-stream.ts';
import type { WindowMessage } from '../src/shared/window.ts';
import { windowMessage } from './messages.ts';

/** Listens as a client does: keeps the ids and the windows it is sent, and the other events' names. */
class Client implements Listener {
  readonly series: ReadonlySet<string> | null;
  readonly windows: WindowMessage[] = [];
  readonly others: string[] = [];
  lastEventId: string | null = null;

  constructor(series: readonly string[] | null = null) {
    this.series = series === null ? null : new Set(series);
  }

  send(text: string): void {
    for (const block of text.split('\n\n').filter((part) => part !== '')) {
      const fields = new Map(
        block.split('\n').map((line) => line.split(/: (.*)/s).slice(0, 2) as [string, string]),
      );
      this.lastEventId = fields.get('id') ?? this.lastEventId;
      if (fields.get('event') === 'window') {
        this.windows.push(JSON.parse(fields.get('data') ?? '') as WindowMessage);
      } else {
        this.others.push(fields.get('event') ?? '');
      }
    }
  }

  get revisions(): string[] {
    return this.windows.map(({ series, start, revision }) => `${series}@${start}#${revision}`);
  }
}

function connect(
  stream: LiveStream,
  client: Client,
  lastEventId: string | null = client.lastEventId,
): Client {
  client.send(stream.subscribe(client, lastEventId));
  return client;
}

function append(
  stream: LiveStream,
  partition: number,
  from: number,
  ...messages: readonly WindowMessage[]
): number {
  const records = messages.map((message, index) => ({
    offset: BigInt(from + index),
    value: JSON.stringify(message),
  }));
  return stream.append(partition, records, BigInt(from + messages.length));
}

function streamOf(partitions: number, remembered?: number): LiveStream {
  const stream = new LiveStream('host', remembered);
  for (let partition = 0; partition < partitions; partition += 1) {
    stream.begin(partition, 0n);
  }
  return stream;
}

const a = (revision: number, start = 0): WindowMessage => windowMessage({ series: 'a', start, revision });
const b = (revision: number, start = 0): WindowMessage => windowMessage({ series: 'b', start, revision });

describe('a live stream', () => {
  it('is not ready before its topic is found', () => {
    expect(new LiveStream('host').ready).toBe(false);
    expect(streamOf(1).ready).toBe(true);
  });

  it('sends what comes in to every listener, each only the series it wants', () => {
    const stream = streamOf(1);
    const all = connect(stream, new Client());
    const some = connect(stream, new Client(['b']));
    append(stream, 0, 0, a(1), b(1), a(2));
    expect(all.revisions).toEqual(['a@0#1', 'b@0#1', 'a@0#2']);
    expect(some.revisions).toEqual(['b@0#1']);
    expect(stream.counters).toMatchObject({ records_out: 4 });
  });

  it('starts a new listener with the newest version of every window that it remembers', () => {
    const stream = streamOf(2);
    append(stream, 0, 0, a(1), a(2), a(1, 10_000));
    append(stream, 1, 0, b(5), b(4));
    expect(connect(stream, new Client()).revisions).toEqual(['a@0#2', 'a@10000#1', 'b@0#5']);
  });

  it('sends a listener that comes back exactly what it missed, in every partition', () => {
    const stream = streamOf(2);
    const client = connect(stream, new Client());
    append(stream, 0, 0, a(1));
    append(stream, 1, 0, b(1));
    stream.unsubscribe(client);
    append(stream, 0, 1, a(2), a(3));
    append(stream, 1, 1, b(2));
    connect(stream, client);
    append(stream, 1, 2, b(3));
    expect(client.revisions).toEqual(['a@0#1', 'b@0#1', 'a@0#3', 'b@0#2', 'b@0#3']);
    expect(client.others).toEqual([]);
    expect(client.lastEventId).toBe('0:3,1:3');
  });

  it('can be resumed from every event of a replay that broke off', () => {
    const stream = streamOf(2);
    append(stream, 0, 0, a(1), a(2), a(1, 10_000));
    append(stream, 1, 0, b(1), b(1, 10_000));
    const events = stream
      .subscribe(new Client(), '0:0,1:0')
      .split('\n\n')
      .filter((event) => event !== '');
    for (const [index] of events.entries()) {
      const client = new Client();
      client.send(events.slice(0, index + 1).join('\n\n'));
      connect(stream, client);
      expect(new Set(client.revisions)).toEqual(new Set(['a@0#2', 'a@10000#1', 'b@0#1', 'b@10000#1']));
      expect(client.lastEventId).toBe('0:3,1:2');
    }
  });

  it.each([
    ['too old', '0:0'],
    ['from another time of the topic', '0:99999'],
    ['no id at all', 'abc'],
  ])('starts a listener over whose last event id is %s', (_, id) => {
    const stream = streamOf(1, 1000);
    for (let revision = 1; revision <= 20; revision += 1) {
      append(stream, 0, revision - 1, a(revision));
    }
    const client = connect(stream, new Client(), id);
    expect(client.others).toEqual(['reset']);
    expect(client.revisions).toEqual(['a@0#20']);
  });

  it('remembers no more than it was told to, but as much as that', () => {
    const stream = streamOf(1, 10_000);
    for (let revision = 1; revision <= 1000; revision += 1) {
      append(stream, 0, revision - 1, a(1, revision * 10_000));
    }
    const { revisions } = connect(stream, new Client());
    const size = JSON.stringify(a(1, 1_000_000)).length;
    expect(revisions.length).toBeGreaterThan(10_000 / size - 2);
    expect(revisions.length).toBeLessThan((2 * 10_000) / size + 2);
    expect(revisions.at(-1)).toBe('a@10000000#1');
  });

  it('starts everybody over when records were lost before it could read them', () => {
    const stream = streamOf(1);
    const client = connect(stream, new Client());
    append(stream, 0, 0, a(1));
    stream.begin(0, 500n);
    append(stream, 0, 500, a(9));
    expect(client.others).toEqual(['reset']);
    expect(client.revisions).toEqual(['a@0#1', 'a@0#9']);
    expect(client.lastEventId).toBe('0:501');
  });

  it('skips and counts what is no window, and goes on', () => {
    const stream = streamOf(1);
    const client = connect(stream, new Client());
    const records = [
      { offset: 0n, value: 'nonsense' },
      { offset: 1n, value: null },
      { offset: 2n, value: JSON.stringify(a(1)) },
    ];
    expect(stream.append(0, records, 3n)).toBe(1);
    expect(client.revisions).toEqual(['a@0#1']);
    expect(stream.position).toBe('0:3');
  });

  it('tells its listeners when the tail is lost', () => {
    const stream = streamOf(1);
    const client = connect(stream, new Client());
    stream.announce(false, 'kafka is gone');
    expect(client.others).toEqual(['status']);
  });
});

it.each(['', '0', '0:', ':1', '0:1,', '0:-1', '0:1;1:2', '0:99999999999999999999'])(
  '"%s" is no position',
  (id) => {
    expect(parsePosition(id)).toBeNull();
  },
);

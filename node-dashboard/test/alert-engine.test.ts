import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { AlertsAnswer } from '../src/shared/api.ts';
import { parseWindowSpec } from '../src/shared/window-spec.ts';
import { AlertEngine, type EngineOptions } from '../src/server/alerts/engine.ts';
import type { Notification } from '../src/server/alerts/notifier.ts';
import { keyOf, type Subject } from '../src/server/alerts/rules.ts';
import type { Silence } from '../src/server/alerts/silences.ts';
import type { AlertStore, StoredAlert, StoredState } from '../src/server/alerts/store.ts';
import type { Told } from '../src/server/alerts/words.ts';
import type { AlertConfig } from '../src/server/config-alerts.ts';
import { windowMessage } from './messages.ts';

/** What Cassandra's lightweight transactions do, in memory: a row is replaced only where it is what was expected. */
class SharedStore implements AlertStore {
  readonly states = new Map<string, StoredAlert>();
  readonly kept = new Map<string, Silence>();
  readonly present = new Set<string>();
  isAway = false;

  load(): Promise<StoredAlert[]> {
    return this.#answer([...this.states.values()]);
  }

  replace(
    subject: Subject,
    from: StoredState | null,
    to: StoredState,
    toldBy: string | null,
  ): Promise<StoredState | null> {
    const { stored: there = null, told = null } = this.states.get(keyOf(subject)) ?? {};
    const isExpected = from?.state === there?.state && from?.since === there?.since;
    this.#change(isExpected, { subject, stored: to, toldBy, told });
    return this.#answer(isExpected ? null : there);
  }

  takeOver({ subject, stored, toldBy: from, told }: StoredAlert, toldBy: string): Promise<boolean> {
    const there = this.states.get(keyOf(subject));
    const isExpected = there?.toldBy === from && there.stored.since === stored.since && there.told === told;
    this.#change(isExpected, there && { ...there, toldBy });
    return this.#answer(isExpected);
  }

  told(subject: Subject, since: number): Promise<void> {
    const there = this.states.get(keyOf(subject));
    this.#change(there?.stored.since === since, there && { ...there, told: since });
    return this.#answer(undefined);
  }

  dashboards(): Promise<ReadonlySet<string>> {
    return this.#answer(new Set(this.present));
  }

  watch(dashboard: string): Promise<void> {
    this.present.add(dashboard);
    return this.#answer(undefined);
  }

  leave(dashboard: string): Promise<void> {
    this.present.delete(dashboard);
    return this.#answer(undefined);
  }

  silences(): Promise<Silence[]> {
    return this.#answer([...this.kept.values()]);
  }

  silence(silence: Silence): Promise<void> {
    this.kept.set(JSON.stringify([silence.alert, silence.stream, silence.series]), silence);
    return this.#answer(undefined);
  }

  unsilence({ alert, stream, series }: Omit<Silence, 'until'>): Promise<void> {
    this.kept.delete(JSON.stringify([alert, stream, series]));
    return this.#answer(undefined);
  }

  #change(isExpected: boolean, to: StoredAlert | undefined): void {
    if (isExpected && !this.isAway && to !== undefined) {
      this.states.set(keyOf(to.subject), to);
    }
  }

  #answer<Answer>(answer: Answer): Promise<Answer> {
    return this.isAway ? Promise.reject(new Error('cassandra is away')) : Promise.resolve(answer);
  }
}

const HOT: AlertConfig = {
  ...{ name: 'hot', stream: 'host', metric: '*', series: '*', window: parseWindowSpec('10s') },
  ...{ field: 'avg', above: 50, lasting: 0, severity: 'critical' },
};
const SILENT: AlertConfig = { ...HOT, name: 'silent', field: 'age', above: 60, severity: 'warning' };

let store: SharedStore;
let told: Notification[];
let marked: Told[];
let answers: AlertsAnswer[];
let failures: string[];
let now: number;
let dashboards: number;
/** Whether those who have to be told of an alert take it. */
let isTaken: boolean;

beforeEach(() => {
  store = new SharedStore();
  [told, marked, answers, failures] = [[], [], [], []];
  now = 1_000_000;
  dashboards = 0;
  isTaken = true;
});

function engine(alerts: readonly AlertConfig[], more: Partial<EngineOptions> = {}): AlertEngine {
  return new AlertEngine({
    ...{ alerts, store, dashboard: `dashboard-${(dashboards += 1)}`, lateness: new Map([['host', 0]]) },
    notify: (notification) => {
      told.push(notification);
      return Promise.resolve(isTaken);
    },
    changed: (answer) => answers.push(answer),
    note: (some) => marked.push(...some),
    failed: (message) => failures.push(message),
    ...more,
  });
}

/** A complete window of a series, by the event after its end. */
function complete(dashboards: readonly AlertEngine[], start: number, avg: number, series = 'a'): void {
  for (const dashboard of dashboards) {
    dashboard.observe(windowMessage({ series, start, end: start + 10_000, avg, last_event: start + 9000 }));
    dashboard.observe(
      windowMessage({
        series,
        metric: 'load',
        start: start + 10_000,
        end: start + 20_000,
        last_event: start + 10_000,
      }),
    );
  }
}

async function tick(...dashboards: readonly AlertEngine[]): Promise<void> {
  now += 1000;
  for (const dashboard of dashboards) {
    await dashboard.tick(now);
  }
}

/** A dashboard whose alert has begun to fire. */
async function firing(): Promise<AlertEngine> {
  const dashboard = engine([HOT]);
  complete([dashboard], 0, 60);
  await tick(dashboard);
  return dashboard;
}

describe('an alert on values', () => {
  it('is told when it fires and when it is resolved, once each', async () => {
    const dashboard = engine([HOT]);
    for (const [start, avg] of [
      [0, 10],
      [10_000, 60],
      [20_000, 70],
      [30_000, 20],
      [40_000, 10],
    ] as const) {
      complete([dashboard], start, avg);
      await tick(dashboard);
    }
    expect(told.map(({ state, text }) => [state, text])).toEqual([
      ['firing', 'hot firing: a usage: average 60 in 10s (limit: not above 50)'],
      ['resolved', 'hot resolved: a usage: average 20 in 10s (limit: not above 50)'],
    ]);
    expect(told[0]).toMatchObject({
      ...{ alert: 'hot', stream: 'host', severity: 'critical', threshold: 50, window: '10s', count: 1 },
      series: [{ series: 'a', metric: 'usage', value: 60, since: 20_000 }],
    });
    expect(answers.map(({ alerts }) => alerts[0]?.state)).toEqual(['firing', 'resolved']);
    expect(marked).toHaveLength(2);
  });

  it('is not told of a window that still grows', async () => {
    const dashboard = engine([HOT]);
    dashboard.observe(windowMessage({ series: 'a', avg: 99, last_event: 5000 }));
    await tick(dashboard);
    expect(told).toEqual([]);
  });

  it('is one notification for all series that fire at once', async () => {
    const dashboard = engine([HOT]);
    for (let index = 0; index < 150; index += 1) {
      complete([dashboard], 0, 60, `sensor-${index}`);
    }
    await tick(dashboard);
    expect(told).toHaveLength(1);
    expect(told[0]).toMatchObject({ count: 150, text: 'hot firing: 150 series of host' });
    expect(told[0]?.series).toHaveLength(100);
    expect(dashboard.answer(now).count).toBe(150);
  });

  it('is kept through a restart, and not told again', async () => {
    await firing();
    const second = engine([HOT]);
    await tick(second);
    expect(second.answer(now).alerts).toMatchObject([{ state: 'firing', since: 10_000, value: 60 }]);
    // What is read again of the topic, and what is new.
    complete([second], 0, 60);
    complete([second], 10_000, 70);
    await tick(second);
    expect(told).toHaveLength(1);
    complete([second], 20_000, 10);
    await tick(second);
    expect(told.map(({ state }) => state)).toEqual(['firing', 'resolved']);
  });

  it('of which nobody was told that it fires is not told to be resolved', async () => {
    const dashboard = engine([HOT]);
    complete([dashboard], 0, 60);
    complete([dashboard], 10_000, 10);
    await tick(dashboard);
    expect(told).toEqual([]);
    expect(dashboard.answer(now).alerts).toMatchObject([{ state: 'resolved' }]);
  });
});

describe('what a dashboard that is gone was to tell', () => {
  /** A dashboard that was killed after it had stored what it was to tell. */
  async function killed(windows: readonly (readonly [start: number, avg: number])[]): Promise<void> {
    isTaken = false;
    const dashboard = engine([HOT]);
    for (const [start, avg] of windows) {
      complete([dashboard], start, avg);
      await tick(dashboard);
    }
    isTaken = true;
    store.present.clear();
    told = [];
  }

  it.each([
    ['fires', [[0, 60]], 'firing'],
    [
      'is resolved',
      [
        [0, 60],
        [10_000, 10],
      ],
      'resolved',
    ],
  ] as const)('and %s is told by the next one, once', async (_, windows, state) => {
    await killed(windows);
    const next = engine([HOT]);
    await tick(next);
    expect(told).toMatchObject([{ state, series: [{ series: 'a', metric: 'usage' }] }]);
    store.present.clear();
    await tick(engine([HOT]));
    expect(told).toHaveLength(1);
  });

  it('is told by one of those that run already, before any of them is started again', async () => {
    const others = [engine([HOT]), engine([HOT])];
    await tick(...others);
    await killed([[0, 60]]);
    now += 10_000;
    await Promise.all(others.map((other) => other.tick(now)));
    expect(told.map(({ state }) => state)).toEqual(['firing']);
    expect(others.map((other) => other.answer(now).count)).toContain(1);
  });

  it('is left to it as long as it says that it is there', async () => {
    isTaken = false;
    const first = await firing();
    const other = engine([HOT]);
    await tick(other);
    expect(told).toHaveLength(1);
    await first.close();
    store.present.delete('dashboard-1');
    now += 10_000;
    await tick(other);
    expect(told).toHaveLength(2);
  });

  it('is told although one of many cannot be taken over, and that one later, be it taken or not', async () => {
    await killed([[0, 60]]);
    for (const row of [...store.states.values()]) {
      for (const series of ['b', 'c']) {
        const subject = { ...row.subject, series };
        store.states.set(keyOf(subject), { ...row, subject });
      }
    }
    const takeOver = store.takeOver.bind(store);
    let failed = 0;
    store.takeOver = async (alert, by) => {
      const isTaken = await takeOver(alert, by);
      if (alert.subject.series === 'b' && (failed += 1) === 1) {
        throw new Error(`cassandra is away, although it was taken: ${isTaken}`);
      }
      return isTaken;
    };
    const next = engine([HOT]);
    await tick(next);
    expect(told.map(({ count }) => count)).toEqual([2]);
    now += 10_000;
    await tick(next);
    expect(told.map(({ count }) => count)).toEqual([2, 1]);
    expect(new Set(told.flatMap(({ series }) => series.map((one) => one.series)))).toEqual(
      new Set(['a', 'b', 'c']),
    );
  });

  it('is not told again by one that has found it told meanwhile', async () => {
    await killed([[0, 60]]);
    const load = store.load.bind(store);
    store.load = async () => {
      const rows = await load();
      for (const [key, row] of store.states) {
        store.states.set(key, { ...row, told: row.stored.since });
      }
      return rows;
    };
    await tick(engine([HOT]));
    expect(told).toEqual([]);
  });

  it('is left to it after a time in which none of them could say that it is there', async () => {
    isTaken = false;
    const first = await firing();
    const other = engine([HOT]);
    await tick(other);
    store.isAway = true;
    now += 40_000;
    await tick(other, first);
    store.isAway = false;
    store.present.clear();
    now += 10_000;
    await tick(other);
    await tick(first);
    now += 20_000;
    await tick(other, first);
    expect(told).toHaveLength(1);
  });

  it('is known as stored to one whose keyspace knows no dashboards yet', async () => {
    await firing();
    store.watch = () => Promise.reject(new Error('cassandra is away: unconfigured table dashboards'));
    const next = engine([HOT]);
    await tick(next);
    complete([next], 0, 60);
    complete([next], 10_000, 70);
    await tick(next);
    expect(told).toHaveLength(1);
    expect(next.answer(now).alerts).toMatchObject([{ state: 'firing', since: 10_000 }]);
  });

  it('and nobody needs any more is not told: what was over an hour ago', async () => {
    await killed([
      [0, 60],
      [10_000, 10],
    ]);
    now += 3_600_000;
    const next = engine([HOT]);
    await tick(next);
    expect(told).toEqual([]);
    expect(next.answer(now).alerts).toMatchObject([{ state: 'resolved' }]);
  });

  it('but was stored by an earlier version is taken to be told', async () => {
    await killed([[0, 60]]);
    for (const [key, row] of store.states) {
      store.states.set(key, { ...row, toldBy: null });
    }
    await tick(engine([HOT]));
    expect(told).toEqual([]);
  });

  it('and cannot be stored as told is said, and told again at worst', async () => {
    const dashboard = engine([HOT]);
    store.told = () => Promise.reject(new Error('cassandra is away'));
    complete([dashboard], 0, 60);
    await tick(dashboard);
    await vi.waitFor(() => {
      expect(failures).toEqual(['that an alert was told cannot be stored: cassandra is away']);
    });
    expect(told).toHaveLength(1);
  });

  it('is stored as told but for the one of which that cannot be stored', async () => {
    const dashboard = engine([HOT]);
    const mark = store.told.bind(store);
    store.told = (subject, since) =>
      subject.series === 'sensor-0' ? Promise.reject(new Error('cassandra is away')) : mark(subject, since);
    for (let index = 0; index < 100; index += 1) {
      complete([dashboard], 0, 60, `sensor-${index}`);
    }
    await tick(dashboard);
    await vi.waitFor(() => {
      expect([...store.states.values()].filter(({ told: since }) => since === null)).toHaveLength(1);
    });
    expect(failures).toHaveLength(1);
  });
});

it('a dashboard that ends says so, when what it tells is told and stored', async () => {
  let take: (isTaken: boolean) => void = () => undefined;
  const dashboard = engine([HOT], { notify: () => new Promise((resolve) => (take = resolve)) });
  complete([dashboard], 0, 60);
  await tick(dashboard);
  expect([...store.present]).toEqual(['dashboard-1']);
  dashboard.start();
  const closed = dashboard.close();
  take(true);
  await closed;
  expect([...store.present]).toEqual([]);
  expect([...store.states.values()]).toMatchObject([{ told: 10_000, toldBy: 'dashboard-1' }]);
});

describe('several dashboards', () => {
  it('tell people once, whoever is first, and show the same', async () => {
    const dashboards = [engine([HOT]), engine([HOT]), engine([HOT])];
    for (const [start, avg] of [
      [0, 60],
      [10_000, 70],
      [20_000, 10],
      [30_000, 80],
    ] as const) {
      complete(dashboards, start, avg);
      await tick(...dashboards);
      dashboards.reverse();
    }
    expect(told.map(({ state }) => state)).toEqual(['firing', 'resolved', 'firing']);
    const [one, ...others] = dashboards.map((dashboard) => dashboard.answer(now));
    others.forEach((other) => {
      expect(other).toEqual(one);
    });
  });

  it('that lag behind do not take back what the others have found', async () => {
    const [quick, slow] = [engine([HOT]), engine([HOT])];
    complete([quick], 0, 60);
    await tick(quick);
    complete([quick], 10_000, 10);
    await tick(quick);
    complete([slow], 0, 60);
    await tick(slow);
    expect(told.map(({ state }) => state)).toEqual(['firing', 'resolved']);
    expect(slow.answer(now).alerts).toMatchObject([{ state: 'resolved' }]);
  });
});

describe('while nothing can be stored', () => {
  it('people are told all the same, once by each dashboard', async () => {
    const dashboard = engine([HOT]);
    await tick(dashboard);
    store.isAway = true;
    complete([dashboard], 0, 60);
    await tick(dashboard);
    complete([dashboard], 10_000, 70);
    await tick(dashboard);
    complete([dashboard], 20_000, 10);
    await tick(dashboard);
    expect(told.map(({ state }) => state)).toEqual(['firing', 'resolved']);
    expect(failures).toContain('the state of an alert cannot be stored: cassandra is away');
  });

  it('people are told of the end when it can be stored again', async () => {
    const dashboard = engine([HOT]);
    await tick(dashboard);
    store.isAway = true;
    complete([dashboard], 0, 60);
    await tick(dashboard);
    store.isAway = false;
    complete([dashboard], 10_000, 10);
    await tick(dashboard);
    expect(told.map(({ state }) => state)).toEqual(['firing', 'resolved']);
    expect([...store.states.values()].map(({ stored }) => stored.state)).toEqual(['resolved']);
  });

  it('a dashboard waits a while for what is stored before it begins without', async () => {
    store.isAway = true;
    const dashboard = await firing();
    expect(told).toEqual([]);
    now += 30_000;
    await tick(dashboard);
    expect(told).toHaveLength(1);
  });

  it('a dashboard that has begun without what is stored takes it in as soon as it can be read', async () => {
    await firing();
    store.isAway = true;
    const second = engine([HOT]);
    await tick(second);
    now += 30_000;
    await tick(second);
    store.isAway = false;
    now += 10_000;
    await tick(second);
    expect(second.answer(now).alerts).toMatchObject([{ state: 'firing' }]);
    complete([second], 10_000, 10);
    await tick(second);
    expect(told.map(({ state }) => state)).toEqual(['firing', 'resolved']);
  });
});

it('a store that hangs is waited for once, however many series fire', async () => {
  const dashboard = engine([HOT]);
  await tick(dashboard);
  let asked = 0;
  store.replace = async () => {
    asked += 1;
    await new Promise((resolve) => setTimeout(resolve, 50));
    throw new Error('cassandra is away');
  };
  for (let index = 0; index < 500; index += 1) {
    complete([dashboard], 0, 60, `sensor-${index}`);
  }
  await tick(dashboard);
  expect(told).toMatchObject([{ state: 'firing', count: 500 }]);
  expect(asked).toBeLessThan(100);
  expect(failures).toEqual(['the state of an alert cannot be stored: cassandra is away']);
});

describe('an alert on the age', () => {
  it('rings when nothing comes any more, and is resolved when something comes', async () => {
    now = 1_000_000;
    const dashboard = engine([SILENT]);
    dashboard.observe(windowMessage({ series: 'a', last_event: now }));
    await tick(dashboard);
    now += 58_000;
    await tick(dashboard);
    expect(told).toEqual([]);
    await tick(dashboard);
    await tick(dashboard);
    expect(told).toMatchObject([
      {
        state: 'firing',
        series: [{ series: 'a', since: 1_060_000, text: expect.stringContaining('61 s old') as string }],
      },
    ]);
    dashboard.observe(windowMessage({ series: 'a', last_event: now }));
    await tick(dashboard);
    expect(told.map(({ state }) => state)).toEqual(['firing', 'resolved']);
  });

  it('rings for a series that was silent before the start', async () => {
    const heard = [{ series: 'a', metrics: ['usage'], last_seen: now - 120_000 }];
    const dashboard = engine([SILENT], { heard: () => Promise.resolve(heard) });
    await tick(dashboard);
    expect(told).toMatchObject([{ state: 'firing', series: [{ series: 'a', metric: 'usage' }] }]);
  });

  it('rings for the stream when there is no series at all', async () => {
    const dashboard = engine([SILENT]);
    await tick(dashboard);
    now += 60_000;
    await tick(dashboard);
    expect(told).toMatchObject([
      { text: 'silent firing: all of host: the newest event is 61 s old (limit 60 s)' },
    ]);
    dashboard.observe(windowMessage({ series: 'a', last_event: now }));
    await tick(dashboard);
    expect(told.at(-1)).toMatchObject({ state: 'resolved' });
  });
});

describe('a silence', () => {
  it('keeps people from being told, until it is over', async () => {
    const dashboard = engine([HOT]);
    await tick(dashboard);
    const until = now + 60_000;
    await dashboard.silence({ alert: 'hot', stream: '', series: '', until }, now);
    complete([dashboard], 0, 60);
    await tick(dashboard);
    expect(told).toEqual([]);
    expect(dashboard.answer(now).alerts).toMatchObject([{ state: 'firing', silenced_until: until }]);
    now += 60_000;
    await tick(dashboard);
    await tick(dashboard);
    expect(told.map(({ state }) => state)).toEqual(['firing']);
    expect(dashboard.answer(now).alerts).toMatchObject([{ silenced_until: null }]);
  });

  it('is over for who was started again meanwhile, too', async () => {
    const first = engine([HOT]);
    await tick(first);
    const until = now + 60_000;
    await first.silence({ alert: 'hot', stream: '', series: '', until }, now);
    complete([first], 0, 60);
    await tick(first);
    store.present.clear();
    const second = engine([HOT]);
    await tick(second);
    await tick(second);
    expect(told).toEqual([]);
    now = until;
    await tick(second);
    await tick(second);
    expect(told.map(({ state }) => state)).toEqual(['firing']);
  });

  it('that ended while no dashboard ran is over for the next one', async () => {
    const first = engine([HOT]);
    await tick(first);
    const until = now + 60_000;
    await first.silence({ alert: 'hot', stream: '', series: '', until }, now);
    complete([first], 0, 60);
    await tick(first);
    expect(told).toEqual([]);
    store.present.clear();
    now = until;
    const next = engine([HOT]);
    await tick(next);
    await tick(next);
    expect(told.map(({ state }) => state)).toEqual(['firing']);
  });

  it('of what people were told before is no reason to tell it again, restarted or not', async () => {
    const first = await firing();
    const until = now + 60_000;
    await first.silence({ alert: 'hot', stream: '', series: '', until }, now);
    store.present.clear();
    const next = engine([HOT]);
    await tick(next);
    now = until;
    await tick(first, next);
    expect(told).toHaveLength(1);
  });

  it('that hid the end of an alert hides it for the next dashboard, too', async () => {
    const first = await firing();
    await first.silence({ alert: 'hot', stream: '', series: '', until: now + 60_000 }, now);
    complete([first], 10_000, 10);
    await tick(first);
    store.present.clear();
    now += 60_000;
    await tick(engine([HOT]));
    expect(told.map(({ state }) => state)).toEqual(['firing']);
  });

  it('is known to the others', async () => {
    const [one, other] = [engine([HOT]), engine([HOT])];
    await tick(one, other);
    await one.silence({ alert: 'hot', stream: 'host', series: 'a', until: now + 600_000 }, now);
    now += 10_000;
    await tick(other);
    complete([other], 0, 60, 'a');
    complete([other], 0, 60, 'b');
    await tick(other);
    expect(told).toMatchObject([{ count: 1, series: [{ series: 'b' }] }]);
    await one.unsilence({ alert: 'hot', stream: 'host', series: 'a' }, now);
    now += 10_000;
    await tick(other);
    expect(told.map(({ series }) => series[0]?.series)).toEqual(['b', 'a']);
  });
});

afterEach(() => {
  expect(failures.filter((failure) => !failure.includes('cassandra is away'))).toEqual([]);
});

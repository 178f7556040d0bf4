import { describe, expect, it } from 'vitest';
import type { SeriesInfo, StreamInfo } from '../src/shared/api.ts';
import { addressOf, query } from '../src/web/address.ts';
import { coalesce } from '../src/web/coalesce.ts';
import { liveliest } from '../src/web/series-order.ts';
import {
  formatAge,
  formatAxisTime,
  formatCount,
  formatRate,
  formatSpan,
  formatValue,
} from '../src/web/format.ts';
import { Freshness } from '../src/web/freshness.ts';
import { problemOf, readSelection, viewProblemOf, writeSelection } from '../src/web/selection.ts';
import { lastSettled, WindowStore, type NewestWindows } from '../src/web/store.ts';
import { LineTable, tableOf, type Columns } from '../src/web/table.ts';
import { isolated } from '../src/web/panels/points.ts';
import { formatMarks, formatQuantity } from '../src/web/units.ts';
import { UTC } from '../src/shared/alignment.ts';
import { mergeWindows } from '../src/shared/merge.ts';
import { windowMessage } from './messages.ts';

const window = (label: string) => ({ label, size: 1, slide: 1 });
const STREAMS: readonly StreamInfo[] = [
  {
    name: 'host',
    title: 'Host',
    unit: '%',
    units: { usage: '%' },
    metrics: ['usage'],
    windows: [window('10s'), window('1m')],
    lateness: 0,
    charts: [],
    alerts: [],
  },
  {
    ...{ name: 'sensors', title: 'Sensors', unit: '°C', units: { t: '°C' }, metrics: ['t'] },
    ...{ windows: [window('1m')], lateness: 0, charts: [], alerts: [] },
  },
];

describe('the address of another selection', () => {
  const asked = '?stream=host&page=fleet&fleet.metric=load&fleet.search=a&zone=UTC';
  const selection = { window: '10s', range: 300_000, series: [] };

  it('keeps what the page was asked to show of the stream', () => {
    query.value = asked;
    const address = new URLSearchParams(addressOf({ stream: 'host', ...selection }));
    expect(address.get('fleet.metric')).toBe('load');
  });

  it('leaves that behind with the stream, and keeps all else', () => {
    query.value = asked;
    const address = new URLSearchParams(addressOf({ stream: 'sensors', ...selection }));
    expect(address.get('fleet.metric')).toBeNull();
    expect([address.get('page'), address.get('fleet.search'), address.get('zone')]).toEqual([
      'fleet',
      'a',
      'UTC',
    ]);
  });
});

describe('the choice of series', () => {
  it('prefers what still moves to what has ended', () => {
    const info = (series: string, last_seen: number | null): SeriesInfo => ({
      series,
      last_seen,
      metrics: ['m'],
    });
    const hour = 3_600_000;
    expect(liveliest([info('a', 0), info('s10', hour), info('s9', hour - 60_000)])).toEqual([
      's9',
      's10',
      'a',
    ]);
    expect(liveliest([info('unknown', null), info('z', 0)])).toEqual(['z', 'unknown']);
    expect(liveliest([])).toEqual([]);
  });
});

describe('the selection', () => {
  it('survives the way through the address', () => {
    const selection = { stream: 'sensors', window: '1m', range: 3_600_000, series: ['a/b', 'ü&=?'] };
    expect(readSelection(writeSelection(selection), STREAMS)).toEqual(selection);
  });

  it('takes a span of time in milliseconds or as ISO 8601, and keeps it', () => {
    const query = '?from=2026-01-31T12:00:00Z&to=1769864400000';
    const selection = readSelection(query, STREAMS);
    expect(selection?.span).toEqual({ from: 1_769_860_800_000, to: 1_769_864_400_000 });
    expect(problemOf(query, STREAMS)).toBe('');
    expect(selection === null ? null : readSelection(writeSelection(selection), STREAMS)).toEqual(selection);
  });

  it('falls back to the first of what does not exist', () => {
    expect(readSelection('?stream=no&window=no&range=5', STREAMS)).toMatchObject({
      stream: 'host',
      window: '10s',
    });
    expect(readSelection('', [])).toBeNull();
  });
});

describe('how it is shown, by the address', () => {
  it.each([
    '',
    '?draw=heat&statistic=p95&band=all&by=change&sort=value&top=5',
    '?zone=UTC',
    '?zone=Europe/Berlin',
  ])('is all of use in %s', (query) => {
    expect(viewProblemOf(query)).toBe('');
  });

  it.each([
    [
      '?band=two&sort=age',
      'band "two"; there are: one, all, none; sort "age"; there are: name, value, change',
    ],
    ['?draw=bars', 'draw "bars"; there are: lines, heat'],
    ['?statistic=p90', 'statistic "p90"; there are: avg, min, max, stddev, p50, p95, p99, count'],
    ['?top=7&by=age', 'by "age"; there are: value, change; top "7"; there are: 3, 5, 10, 20'],
    ['?zone=Mars/Olympus', 'zone "Mars/Olympus"; it takes UTC, or a name such as Europe/Berlin'],
  ])('is told where there is no such thing: %s', (query, problem) => {
    expect(viewProblemOf(query)).toBe(`the address asks for what is not there: ${problem}`);
  });
});

describe('the address', () => {
  it.each(['', '?', '?stream=host&window=1m&range=300000&series=a&series=b', '?stream=sensors', '?token=x'])(
    'is all of use in %s',
    (query) => {
      expect(problemOf(query, STREAMS)).toBe('');
    },
  );

  it.each<readonly [query: string, problem: string]>([
    ['?stream=hots', 'stream "hots"; there are: host, sensors'],
    ['?stream=sensors&window=10s', 'window "10s"; there are: 1m'],
    ['?range=5', 'range "5"; there are: 300000, 900000, 3600000, 21600000, 86400000, 604800000, 2592000000'],
    ['?range=', 'range ""; there are: 300000, 900000, 3600000, 21600000, 86400000, 604800000, 2592000000'],
    ['?form=0', 'parameter "form"; there are: stream, window, range, series, from, to'],
    ...['?from=0', '?to=5', '?from=5&to=5', '?from=now&to=2026-01-01'].map(
      (query) =>
        [
          query,
          `${[...new URLSearchParams(query)].map(([name, value]) => `${name} "${value}"`).join(', ')}; both take ` +
            'milliseconds since the epoch, or ISO 8601 with a time zone, and from is the earlier one',
        ] as const,
    ),
    ['?stream=host&stream=no', 'stream "no"; there are: host, sensors'],
    ['?fleet.metrics=t', 'parameter "fleet.metrics"; there are: stream, window, range, series, from, to'],
  ])('says of %s what is not there', (query, problem) => {
    expect(problemOf(query, STREAMS)).toBe(`the address asks for what is not there: ${problem}`);
  });
});

describe('work that is wanted many times', () => {
  it('is done once more when it was wanted while it was under way', async () => {
    let done = 0;
    const work = coalesce(async () => {
      await Promise.resolve();
      done += 1;
    });
    await Promise.all(Array.from({ length: 50 }, work));
    expect(done).toBe(2);
    await work();
    expect(done).toBe(3);
  });

  it('can be wanted again after it has failed', async () => {
    let done = 0;
    const work = coalesce(() => {
      done += 1;
      return done === 1 ? Promise.reject(new Error('lost')) : Promise.resolve();
    });
    await expect(work()).rejects.toThrow('lost');
    await work();
    expect(done).toBe(2);
  });
});

function columnsOf(store: WindowStore, series: readonly string[]): Columns {
  return tableOf(
    store,
    series.map((name) => ({ key: name, metric: 'usage', series: name })),
  );
}

describe('the store', () => {
  it('shows the newest version of each window, whether the history or the live edge brought it', () => {
    const store = new WindowStore({ step: 10_000, stride: 10_000, window: UTC });
    store.add('usage', 'a', windowMessage({ start: 10_000, revision: 5, avg: 5 }));
    store.add('usage', 'a', windowMessage({ start: 0, revision: 9, avg: 9 }));
    store.add('usage', 'a', windowMessage({ start: 10_000, revision: 4, avg: 4 }));
    store.add('usage', 'b', windowMessage({ start: 10_000, revision: 1, avg: 1 }));
    const { starts, rows } = columnsOf(store, ['a', 'b', 'none']);
    expect(starts).toEqual([0, 10]);
    expect(rows.get('a')?.map((value) => value?.avg)).toEqual([9, 5]);
    expect(rows.get('b')?.map((value) => value?.avg)).toEqual([undefined, 1]);
    expect(rows.get('none')).toEqual([undefined, undefined]);
    expect(store.points).toBe(3);
  });

  it('tells the last complete window from the one that still grows', () => {
    const store = new WindowStore({ step: 10_000, stride: 10_000, window: UTC });
    const starts = ({ complete, growing }: NewestWindows) => [complete?.start, growing?.start];
    expect(starts(store.newest('usage', 'a', 0))).toEqual([undefined, undefined]);
    for (const start of [10_000, 0, 20_000]) {
      store.add('usage', 'a', windowMessage({ start, end: start + 10_000 }));
    }
    expect(starts(store.newest('usage', 'a', 9_999))).toEqual([undefined, 0]);
    expect(starts(store.newest('usage', 'a', 20_000))).toEqual([10_000, 20_000]);
    expect(starts(store.newest('usage', 'a', 30_000))).toEqual([20_000, undefined]);
  });

  it('breaks its lines from one missing window on, however seldom windows come', () => {
    const store = new WindowStore({ step: 10_000, stride: 10_000, window: UTC });
    for (const start of [0, 10, 20, 40, 80, 90]) {
      store.add('usage', 'a', windowMessage({ start: start * 1000 }));
    }
    const { starts, rows } = columnsOf(store, ['a']);
    expect(starts).toEqual([0, 10, 20, 30, 40, 50, 80, 90]);
    expect(rows.get('a')?.map((value) => value !== undefined)).toEqual(
      [1, 1, 1, 0, 1, 0, 1, 1].map((there) => there === 1),
    );
    for (const start of [0, 300, 600]) {
      store.add('usage', 'slow', windowMessage({ start: start * 1000 }));
    }
    expect(columnsOf(store, ['slow']).starts).toEqual([0, 10, 300, 310, 600]);
  });

  it('knows the points that no line leads to, also beside a window that still grows', () => {
    expect(isolated([1, null, 2, 3, undefined, 4, 5], Infinity)).toEqual([0]);
    expect(isolated([1, null, 2, 3, undefined, 4, 5], 5)).toEqual([0, 5]);
    expect(isolated([null, 7], 0)).toEqual([]);
    expect(isolated([7], 0)).toEqual([0]);
  });

  it('takes a window for settled once an event at its end or later has come', () => {
    const windows = [windowMessage({ end: 10_000 }), undefined, windowMessage({ end: 20_000 })];
    expect([9999, 10_000, 19_999, 20_000].map((newest) => lastSettled(windows, newest))).toEqual([
      -1, 0, 0, 2,
    ]);
  });

  it('goes on merging where the server has ended, and knows when what that has merged is outdated', () => {
    const store = new WindowStore({ step: 20_000, stride: 10_000, window: UTC });
    const live = (start: number, fields: object = {}) =>
      windowMessage({ start, end: start + 10_000, ...fields });
    store.add('usage', 'a', live(0));
    const merged = mergeWindows([live(0), live(10_000)], 0, 20_000);
    store.addPoint('usage', 'a', merged ?? live(0));
    store.add('usage', 'a', live(20_000, { avg: 1, sum: 1 }));
    store.add('usage', 'a', live(30_000, { avg: 3, sum: 3 }));
    store.add('usage', 'a', live(60_000));
    const { starts, rows } = columnsOf(store, ['a']);
    expect(starts).toEqual([0, 20, 40, 60]);
    expect(rows.get('a')?.map((point) => point?.merged)).toEqual([2, 2, undefined, 1]);
    expect(rows.get('a')?.[1]).toMatchObject({ avg: 2, end: 40_000, p95: null });
    expect(store.points).toBe(4);
    expect(store.takeOutdated()).toBe(false);
    store.add('usage', 'a', live(10_000, { revision: 2 }));
    expect([store.takeOutdated(), store.takeOutdated()]).toEqual([true, false]);
  });

  it('knows merged points as outdated once for each version of a window, also when it is sent again', () => {
    const store = new WindowStore({ step: 20_000, stride: 10_000, window: UTC });
    const live = (start: number, fields: object = {}) =>
      windowMessage({ start, end: start + 10_000, revision: 5, last_event: 9000, ...fields });
    const heard = (...windows: ReturnType<typeof live>[]): boolean => {
      for (const window of windows) {
        store.add('usage', 'a', window);
      }
      return store.takeOutdated();
    };
    const merge = (): void => {
      store.addPoint('usage', 'a', mergeWindows([live(0), live(10_000)], 0, 20_000) ?? live(0));
    };
    expect(heard(live(0), live(10_000))).toBe(false);
    merge();
    // As the server sends it once more when another page opens.
    expect(heard(live(0), live(10_000, { revision: 4 }), live(10_000))).toBe(false);
    // A late reading, which is neither the newest one nor one more than there are in the merged point.
    const late = live(0, { revision: 6 });
    expect([heard(late), heard(live(0), late)]).toEqual([true, false]);
    merge();
    expect(heard(late)).toBe(false);
    const anew = live(0, { generation: 1, revision: 1 });
    expect([heard(anew), heard(late, anew)]).toEqual([true, false]);
    store.prune(100_000);
    expect(store.points).toBe(0);
  });

  it('forgets what is out of range', () => {
    const store = new WindowStore({ step: 10_000, stride: 10_000, window: UTC });
    store.add('usage', 's10', windowMessage({ start: 0, end: 10_000 }));
    store.add('usage', 's9', windowMessage({ start: 10_000, end: 20_000 }));
    store.prune(15_000);
    expect(store.points).toBe(1);
    expect(columnsOf(store, ['s9', 's10']).starts).toEqual([10]);
  });
});

describe('the table of a chart', () => {
  const at = (start: number, fields: object = {}) => windowMessage({ start, end: start + 10_000, ...fields });
  const lines = ['a', 'b'].map((name) => ({ key: name, metric: 'usage', series: name }));
  const filled = (): WindowStore => {
    const store = new WindowStore({ step: 10_000, stride: 10_000, window: UTC });
    for (const series of ['a', 'b']) {
      store.add('usage', series, at(0));
      store.add('usage', series, at(10_000));
    }
    return store;
  };

  it('makes anew only what has changed', () => {
    const store = filled();
    const table = new LineTable();
    const first = table.of(store, lines);
    expect(table.of(store, lines)).toBe(first);
    store.add('usage', 'a', at(10_000, { revision: 2, avg: 7 }));
    const second = table.of(store, lines);
    expect(second.starts).toBe(first.starts);
    expect(second.rows.get('b')).toBe(first.rows.get('b'));
    expect(second.rows.get('a')?.map((point) => point?.avg)).toEqual([2, 7]);
    // Who draws can still compare with what it has drawn.
    expect(first.rows.get('a')?.map((point) => point?.avg)).toEqual([2, 2]);
  });

  it('is what it would be if it were made anew, whatever comes and goes', () => {
    const store = filled();
    const table = new LineTable();
    const same = (): void => {
      expect(table.of(store, lines)).toEqual(tableOf(store, lines));
    };
    same();
    store.add('usage', 'b', at(40_000));
    same();
    store.add('usage', 'a', at(40_000));
    same();
    store.prune(10_001);
    same();
    expect(table.of(store, lines).starts).toEqual([10, 20, 40]);
    lines.reverse();
    same();
    const other = filled();
    expect(table.of(other, lines).starts).toEqual([0, 10]);
  });
});

describe('freshness', () => {
  it('is stale after ten seconds without anything newer', () => {
    const freshness = new Freshness();
    expect(freshness.isStale(1e12)).toBe(false);
    for (let event = 1000; event <= 5000; event += 1000) {
      freshness.observe(event);
    }
    expect(freshness.age(6400)).toBe(1400);
    expect(freshness.isStale(14_900)).toBe(false);
    expect(freshness.isStale(15_100)).toBe(true);
  });

  it('waits longer for a source that seldom reports', () => {
    const freshness = new Freshness();
    freshness.start(0);
    freshness.observe(300_000);
    freshness.observe(600_000);
    expect(freshness.isStale(600_000 + 900_000)).toBe(false);
    expect(freshness.isStale(600_000 + 1_300_000)).toBe(true);
  });

  it('does not go back for an old event', () => {
    const freshness = new Freshness();
    freshness.observe(5000);
    freshness.observe(4000);
    expect(freshness.newest).toBe(5000);
  });
});

it.each([
  [0, '0.000'],
  [0.0004, '4.00e-4'],
  [0.5, '0.500'],
  [12.345, '12.35'],
  [123.456, '123.5'],
  [12_345.6, '12,346'],
  [5e9, '5.00e+9'],
  [-12.345, '-12.35'],
])('writes the value %d as %s', (value, text) => {
  expect(formatValue(value)).toBe(text);
});

it.each([
  [-5, '0.0 s'],
  [1449, '1.4 s'],
  [125_000, '2 min 05 s'],
  [12_000_000, '3 h 20 min'],
  [187_200_000, '2 d 4 h'],
])('writes the age %d as %s', (age, text) => {
  expect(formatAge(age)).toBe(text);
});

it('writes rates', () => {
  expect([0.25, 42, 12_345].map(formatRate)).toEqual(['0.3/s', '42/s', '12.35 k/s']);
});

/** The unit stands behind a space that does not break. */
const plain = (text: string): string => text.replaceAll('\u00a0', ' ');

it.each([
  [13_234_567, 'bytes/s', '13.2 MB/s'],
  [999, 'bytes/s', '999 B/s'],
  [999_960, 'bytes', '1.0 MB'],
  [0, 'bytes', '0 B'],
  [1.25, 'bytes/s', '1.3 B/s'],
  [-2048, 'bytes', '-2.0 kB'],
  [12.345, 'percent', '12.35%'],
  [21.4, '°C', '21.40 °C'],
  [21.4, '', '21.40'],
])('writes %d in %s as %s', (value, unit, text) => {
  expect(plain(formatQuantity(value, unit))).toBe(text);
});

it.each([
  [[0, 500_000, 1_000_000], 'bytes/s', ['0 MB/s', '0.5 MB/s', '1 MB/s']],
  [[0, 50, 100], '%', ['0%', '50%', '100%']],
  [[-5, 0, 5], '°C', ['-5 °C', '0 °C', '5 °C']],
  [[0, 250_000], 'requests', ['0', '250k']],
  [[], 'bytes', []],
])('marks an axis at %j in %s as %j', (values, unit, texts) => {
  expect(formatMarks(values, unit).map(plain)).toEqual(texts);
});

it('writes the time of day in 24 hours, and the day where one begins', () => {
  expect(formatAxisTime(new Date(2026, 10, 23, 13, 5).getTime())).toBe('13:05');
  expect(formatAxisTime(new Date(2026, 10, 23).getTime())).toBe('23 Nov');
});

it('writes the span of a window with its day, unless that is today', () => {
  const at = (day: number, hour: number) => new Date(2026, 10, day, hour).getTime();
  expect(formatSpan(at(23, 14), at(23, 15), at(23, 16))).toBe('14:00:00 – 15:00:00');
  expect(formatSpan(at(22, 14), at(22, 15), at(23, 16))).toBe('22 Nov, 14:00:00 – 15:00:00');
  expect(formatSpan(at(22, 23), at(23, 0), at(23, 16))).toBe('22 Nov, 23:00:00 – 23 Nov, 00:00:00');
});

it('writes counts', () => {
  expect(formatCount(1_234_567)).toBe('1,234,567');
});

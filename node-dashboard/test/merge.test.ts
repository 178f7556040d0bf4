import { describe, expect, it } from 'vitest';
import { fromColumns, toColumns } from '../src/shared/columns.ts';
import { MAX_READ } from '../src/shared/limits.ts';
import { UTC } from '../src/shared/alignment.ts';
import { mergeBySteps, mergeWindows } from '../src/shared/merge.ts';
import { resolutionFor } from '../src/shared/resolution.ts';
import { parseWindowSpec } from '../src/shared/window-spec.ts';
import type { WindowValue } from '../src/shared/window.ts';
import { historyRequests } from '../src/web/history-requests.ts';
import { windowMessage } from './messages.ts';

/** Readings of a fixed seed (a linear congruential generator, Numerical Recipes). */
function readings(count: number): number[] {
  let state = 42;
  return Array.from({ length: count }, () => {
    state = (state * 1_664_525 + 1_013_904_223) % 2 ** 32;
    return 1000 + state / 2 ** 31;
  });
}

/** What a window of these readings says, computed straight from them. */
function windowOf(start: number, values: readonly number[]): WindowValue {
  const sum = values.reduce((total, value) => total + value, 0);
  const avg = sum / values.length;
  const squares = values.reduce((total, value) => total + (value - avg) ** 2, 0);
  return windowMessage({
    ...{ start, end: start + 10_000, last_event: start + values.length },
    ...{ count: values.length, revision: values.length, sum, avg },
    ...{ min: Math.min(...values), max: Math.max(...values), stddev: Math.sqrt(squares / values.length) },
    ...{ first: values[0] ?? null, last: values.at(-1) ?? null },
  });
}

describe('merged windows', () => {
  it('are what a window of all their readings would be, without percentiles', () => {
    const values = readings(60);
    const parts = [values.slice(0, 7), values.slice(7, 8), values.slice(8)];
    const merged = mergeWindows(
      parts.map((some, index) => windowOf(index * 10_000, some)),
      0,
      30_000,
    );
    const whole = windowOf(0, values);
    expect(merged).toMatchObject({ start: 0, end: 30_000, count: 60, revision: 60, merged: 3 });
    expect(merged).toMatchObject({ min: whole.min, max: whole.max, first: whole.first, last: whole.last });
    expect(merged).toMatchObject({ p50: null, p95: null, p99: null, last_event: 20_052 });
    for (const field of ['sum', 'avg', 'stddev'] as const) {
      expect(merged?.[field]).toBeCloseTo(whole[field], 9);
    }
  });

  it('are partial when one of them is, and know no first reading that is not known', () => {
    const merged = mergeWindows(
      [windowMessage({ first: null, last: 1 }), windowMessage({ start: 10_000, partial: true, last: 2 })],
      0,
      20_000,
    );
    expect(merged).toMatchObject({ partial: true, first: null, last: 2 });
    expect(mergeWindows([], 0, 10_000)).toBeNull();
  });

  it('are of any number of windows', () => {
    // One request may read half as many; the stack of a test's thread is four times as deep as the server's.
    const length = 2 * MAX_READ;
    const one = windowMessage();
    const windows = Array.from({ length }, (_, index) => ({
      ...one,
      ...{ start: index * 10_000, min: -index, max: index, last_event: index, generation: index % 3 },
    }));
    const last = length - 1;
    expect(mergeWindows(windows, 0, length * 10_000)).toMatchObject({
      ...{ count: length, merged: length, min: -last, max: last, last_event: last, generation: 2 },
    });
  });

  it('leave a step out that has no window', () => {
    const windows = [0, 10, 50].map((start) => windowMessage({ start: start * 1000 }));
    expect(mergeBySteps(windows, 20_000, UTC).map(({ start, end, merged }) => [start, end, merged])).toEqual([
      [0, 20_000, 2],
      [40_000, 60_000, 1],
    ]);
  });
});

describe('the resolution of a range', () => {
  const [ten, minute, hour] = ['10s', '1m', '1h'].map((text) => parseWindowSpec(text)) as [
    never,
    never,
    never,
  ];
  const hours = 3_600_000;
  const shown = (windows: readonly never[], wanted: never, span: number, points: number) => {
    const { window, stride, step } = resolutionFor(windows, wanted, span, points);
    return [window.label, stride / 1000, step / 1000];
  };

  it.each([
    ['an hour', hours, 2000, ['10s', 10, 10]],
    ['a day, for which the stream has minutes', 24 * hours, 2000, ['1m', 60, 60]],
    ['a week, for which an hour would be too coarse', 168 * hours, 2000, ['1m', 60, 360]],
    ['a quarter of a year', 2160 * hours, 2500, ['1h', 3600, 3600]],
    ['two years', 17_520 * hours, 2000, ['1h', 3600, 32_400]],
  ])('of %s', (_, span, points, expected) => {
    expect(shown([ten, minute, hour], ten, span, points)).toEqual(expected);
  });

  it('is by windows of the kind that is wanted, if that is the only one', () => {
    expect(shown([ten], ten, 24 * hours, 2000)).toEqual(['10s', 10, 50]);
    expect(shown([ten, minute], minute, hours, 2000)).toEqual(['1m', 60, 60]);
  });

  it('of the days of a zone never goes on with those of another one', () => {
    const [day, ours, theirs] = ['1d@Europe/Berlin', '7d@Mon@Europe/Berlin', '7d@Mon@Asia/Tokyo'].map(
      (text) => parseWindowSpec(text),
    ) as [never, never, never];
    const years = 1000 * 24 * hours;
    expect(shown([day, theirs], day, years, 200)[0]).toBe('1d@Europe/Berlin');
    expect(shown([day, theirs, ours], day, years, 200)[0]).toBe('7d@Mon@Europe/Berlin');
  });

  it('leaves sliding windows out while the others hold all readings, and merges those that do not overlap', () => {
    const sliding = parseWindowSpec('5m/1m') as never;
    expect(shown([sliding], sliding, 24 * hours, 700)).toEqual(['5m/1m', 180, 180]);
    expect(shown([sliding], sliding, 24 * hours, 100)).toEqual(['5m/1m', 300, 900]);
  });

  it('leaves no reading out of windows that cannot be merged: a coarser kind, or more points', () => {
    const [odd, short] = ['5m/2m', '10s/4s'].map((text) => parseWindowSpec(text)) as [never, never];
    expect(shown([odd, hour], odd, 24 * hours, 400)).toEqual(['5m/2m', 240, 240]);
    // An hour fills less than an eighth of the points.
    expect(shown([odd, hour], odd, 24 * hours, 200)).toEqual(['1h', 3600, 3600]);
    expect(shown([odd], odd, 24 * hours, 100)).toEqual(['5m/2m', 240, 240]);
    expect(shown([short], short, 24 * hours, 100)).toEqual(['10s/4s', 8, 8]);
  });

  it.each([1, 7, 100, 999, 2400])('shows every reading, with %d points', (points) => {
    for (const label of ['10s', '5m/1m', '5m/2m', '10s/4s', '7m/5m', '1h']) {
      for (const kinds of [[], [minute], [minute, hour]]) {
        const { window, stride, step } = resolutionFor(kinds, parseWindowSpec(label), 24 * hours, points);
        // The windows that are read follow each other without a gap, and those that are merged do not overlap.
        expect(stride % window.slide).toBe(0);
        expect(stride).toBeLessThanOrEqual(window.size);
        expect(step === stride || (stride === window.size && step % stride === 0)).toBe(true);
      }
    }
  });

  it.each([1, 7, 100, 999, 2400])('has at most %d points', (points) => {
    for (const label of ['10s', '5m/1m', '5m/2m', '1h']) {
      const wanted = parseWindowSpec(label);
      for (const span of [hours / 7, 24 * hours, 720 * hours]) {
        const { step } = resolutionFor([ten, minute, hour], wanted, span, points);
        expect(Math.ceil(span / step)).toBeLessThanOrEqual(points);
      }
    }
  });
});

describe('columns', () => {
  const points = [windowMessage({ avg: 1 / 3, first: 5 }), windowMessage({ start: 10_000, partial: true })];
  const fields = points.map(({ stream, series, metric, window, emitted, ...value }) => {
    expect([stream, series, metric, window, emitted]).not.toContain(undefined);
    return value;
  });

  it('hold everything there is to know', () => {
    expect(fromColumns(toColumns(points))).toEqual(fields);
    const [merged] = mergeBySteps(points, 20_000, UTC);
    expect(fromColumns(toColumns(merged === undefined ? [] : [merged]))).toEqual([merged]);
    expect(fromColumns(toColumns([]))).toEqual([]);
  });

  it('tell the sum where it was left out, as precise as the average, and where it is known', () => {
    const whole = [
      windowMessage({ avg: 2.5, count: 4, sum: 10 }),
      windowMessage({ avg: 1 / 3, count: 3, sum: 1 }),
    ];
    const columns = toColumns(whole, { derived: false, digits: 7 });
    expect(columns).not.toHaveProperty('sum');
    expect(fromColumns(columns).map(({ sum }) => sum)).toEqual([10, 0.9999999]);
    const many = toColumns([windowMessage({ avg: 1, count: 123_456_789, sum: 123_456_789 })], {
      derived: false,
    });
    expect(fromColumns(many)[0]?.sum).toBe(123_456_789);
    expect(fromColumns(toColumns(whole, { fields: ['avg'] })).map(({ sum }) => sum)).toEqual([null, null]);
  });

  it('are rounded on demand, but whole numbers', () => {
    const big = windowMessage({ avg: 1 / 3, start: 1_700_000_000_000, sum: 123_456_789 });
    expect(toColumns([big], { digits: 7 })).toMatchObject({
      ...{ avg: [0.3333333], start: [1_700_000_000_000], sum: [123_456_789] },
    });
  });
});

describe('requests for the history', () => {
  const has = (series: string, metric: string): boolean => series === 'all' || series.startsWith(metric);

  it('ask for what the series have, and for nothing else', () => {
    expect(historyRequests(['a', 'b', 'c'], ['a1', 'b1', 'all'], has, 100)).toEqual([
      { series: ['a1', 'all'], metrics: ['a'] },
      { series: ['b1', 'all'], metrics: ['b'] },
      { series: ['all'], metrics: ['c'] },
    ]);
    expect(historyRequests(['a', 'b'], ['all'], has, 100)).toEqual([
      { series: ['all'], metrics: ['a', 'b'] },
    ]);
    expect(historyRequests(['a'], ['b1'], has, 100)).toEqual([]);
  });

  it('ask for no more at once than one may, and for names that an address can hold', () => {
    const many = Array.from({ length: 20 }, (_, index) => `a${index}`);
    expect(historyRequests(['a'], many, has, 100_000).map(({ series }) => series.length)).toEqual([
      ...[3, 3, 3, 3, 3, 3, 2],
    ]);
    const metrics = Array.from({ length: 100 }, (_, index) => `m${index}`);
    expect(historyRequests(metrics, many, () => true, 1).map(({ series }) => series.length)).toEqual([
      10, 10,
    ]);
    const long = many.map((name) => name.padEnd(1000, 'ü'));
    expect(historyRequests(['a'], long, has, 1)).toHaveLength(20);
  });
});

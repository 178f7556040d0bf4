import fc from 'fast-check';
import { expect, it, vi } from 'vitest';
import { FAR, outliers, outliersByHour, usual } from '../src/server/anomalies.ts';
import { medianOf } from '../src/shared/numbers.ts';
import { reasonFor } from '../src/shared/unusual.ts';

// Much is computed, on a machine that may be busy.
vi.setConfig({ testTimeout: 60_000 });

const DAY = 86_400_000;
const MINUTE = 60_000;
/** A value of 1 to 5 for each minute of a day, and then the given ones: their median is 3, and MAD is 1. */
const day = Array.from({ length: 1440 }, (_, minute) => ({ start: minute * MINUTE, avg: 1 + (minute % 5) }));
const after = (...values: number[]) => values.map((avg, index) => ({ start: DAY + index * MINUTE, avg }));

/** Quadratic, and straight from the definition: a median is a value that as many are below as above. */
function medianByCounting(values: readonly number[]): number {
  const below = (limit: number): number => values.filter((value) => value <= limit).length;
  const half = values.length / 2;
  const lower = Math.min(...values.filter((value) => below(value) >= half));
  const upper = Math.min(...values.filter((value) => below(value) > half));
  return (lower + upper) / 2;
}

it('the median and the spread are those of an independent computation', () => {
  const values = fc.array(fc.integer({ min: -1000, max: 1000 }), { minLength: 30, maxLength: 80 });
  fc.assert(
    fc.property(values, (some) => {
      const median = medianByCounting(some);
      expect(medianOf(some)).toBe(median);
      const mad = medianByCounting(some.map((value) => Math.abs(value - median)));
      const known = usual(some);
      if (mad > 0) {
        expect(known?.median).toBe(median);
        expect(known?.spread).toBeCloseTo(mad / 0.6745, 9);
      }
    }),
  );
});

it('a window far outside of the day before is marked, with its score', () => {
  const windows = [...day, ...after(3, 40, -30, 4)];
  const found = outliers(windows, DAY);
  expect(found.map(({ index }) => windows[index]?.avg)).toEqual([40, -30]);
  // 0.6745 * (40 - 3) / 1, by hand.
  expect(found[0]?.score).toBeCloseTo(24.9565, 6);
  expect(found[1]?.score).toBeCloseTo(-22.2585, 6);
  const numbers = { value: (value: number) => value.toFixed(3), times: (times: number) => times.toFixed(1) };
  expect(found[0] && reasonFor({ avg: 40, ...found[0] }, numbers)).toBe(
    '40.000 is 25.0 times the usual spread above the median of the day before, 3.000 (spread 1.483)',
  );
});

it('a window at the limit is not', () => {
  const limit = 3 + FAR / 0.6745;
  expect(outliers([...day, ...after(limit - 1e-9, limit + 1e-6)], DAY).map(({ index }) => index)).toEqual([
    1441,
  ]);
});

it('one wild value in the day before does not hide the next one', () => {
  const wild = day.map((window, index) => (index === 700 ? { ...window, avg: 1e9 } : window));
  expect(outliers([...wild, ...after(40)], DAY)).toHaveLength(1);
});

it('what goes that far out all day long is not marked, and what goes further is', () => {
  // Quiet for 19 minutes of 20, and then at 100: the median deviation is that of the quiet ones.
  const busy = day.map((window, index) => (index % 20 === 0 ? { ...window, avg: 100 } : window));
  const windows = [...busy, ...after(100, 99, 101, 3)];
  expect(outliers(windows, DAY).map(({ index }) => windows[index]?.avg)).toEqual([101]);
});

it('where most are the same, the mean deviation says what is usual', () => {
  const values = [...Array.from({ length: 90 }, () => 5), ...Array.from({ length: 10 }, () => 6)];
  expect(usual(values)?.spread).toBeCloseTo(0.1 * 1.2533141373155, 9);
});

it.each([
  ['too few', [1, 2, 3]],
  ['all the same', Array.from({ length: 100 }, () => 5)],
])('of values that say nothing nothing is marked: %s', (_, values) => {
  expect(usual(values)).toBeNull();
});

it('each hour is judged by the day before it, as when all of it is looked through each time', () => {
  const hour = 60 * MINUTE;
  const gaps = fc.array(
    fc.record({ gap: fc.integer({ min: 1, max: 90 }), avg: fc.integer({ max: 1000, min: 0 }) }),
    {
      ...{ minLength: 200, maxLength: 400 },
    },
  );
  fc.assert(
    fc.property(gaps, fc.integer({ min: 0, max: 5 * DAY }), (some, from) => {
      let start = 0;
      const windows = some.map(({ gap, avg }) => ({
        start: (start += gap * MINUTE),
        avg: avg > 990 ? 1e6 * avg : avg % 50,
      }));
      const expected = windows.flatMap(({ start: at, avg }, index) => {
        const begin = Math.floor(at / hour) * hour;
        const before = windows.filter((one) => one.start >= begin - DAY && one.start < begin);
        const known = usual(before.map((one) => one.avg));
        const isFar = known !== null && Math.abs((avg - known.median) / known.spread) > FAR;
        const asFar = before.filter(
          (one) => Math.abs(one.avg - (known?.median ?? 0)) >= Math.abs(avg - (known?.median ?? 0)),
        );
        const isRare = asFar.length <= before.length / 100;
        return at >= from && isFar && isRare ? [index] : [];
      });
      expect(outliers(windows, from).map(({ index }) => index)).toEqual(expected);
    }),
    { seed: 20, numRuns: 60 },
  );
});

it('an hour of a month looks at no more than its own windows and those of the day before', () => {
  let looks = 0;
  const windows = Array.from({ length: 30_000 }, (_, index) => ({
    start: index * 100_000,
    get avg() {
      looks += 1;
      return index % 5;
    },
  }));
  let [hours, most] = [0, 0];
  for (const found of outliersByHour(windows, 0)) {
    [hours, most, looks] = [hours + 1, Math.max(most, looks), 0];
    expect(found).toEqual([]);
  }
  expect(hours).toBe(834);
  expect(most).toBe(25 * 36);
});

it('marks do not depend on what is asked for', () => {
  const windows = [
    ...day,
    ...after(...Array.from({ length: 200 }, (_, index) => (index % 50 === 0 ? 50 : 3))),
  ];
  const all = outliers(windows, DAY);
  const later = outliers(windows, DAY + 100 * MINUTE);
  expect(all.map(({ index }) => index)).toEqual([1440, 1490, 1540, 1590]);
  expect(later).toEqual(all.slice(2));
});

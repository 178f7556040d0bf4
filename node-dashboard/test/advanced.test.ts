import { UTC } from '../src/shared/alignment.ts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { PointValue } from '../src/shared/merge.ts';
import {
  byDay,
  correlationWords,
  matched,
  meanDifference,
  moved,
  pearson,
  withGaps,
} from '../src/web/advanced/statistics.ts';
import { tenSeconds } from './page-stage.ts';

const HOUR = 3_600_000;

function points(...averages: readonly (number | null)[]): PointValue[] {
  return averages.flatMap((avg, index) =>
    avg === null ? [] : [tenSeconds(index * 10_000, { avg, sum: avg, count: 1 })],
  );
}

const pairs = (xs: readonly number[], ys: readonly number[]) =>
  xs.map((x, start) => ({ start, x, y: ys[start] ?? NaN }));

describe("Pearson's coefficient", () => {
  it('is one on a rising line, minus one on a falling one', () => {
    expect(pearson(pairs([1, 2, 3, 4], [10, 20, 30, 40]))).toBeCloseTo(1, 12);
    expect(pearson(pairs([1, 2, 3, 4], [4, 3, 2, 1]))).toBeCloseTo(-1, 12);
  });

  it('is what Anscombe published of his four data sets', () => {
    const x = [10, 8, 13, 9, 11, 14, 6, 4, 12, 7, 5];
    const first = [8.04, 6.95, 7.58, 8.81, 8.33, 9.96, 7.24, 4.26, 10.84, 4.82, 5.68];
    const fourth = [6.58, 5.76, 7.71, 8.84, 8.47, 7.04, 5.25, 12.5, 5.56, 7.91, 6.89];
    expect(pearson(pairs(x, first))).toBeCloseTo(0.816, 3);
    expect(pearson(pairs([8, 8, 8, 8, 8, 8, 8, 19, 8, 8, 8], fourth))).toBeCloseTo(0.817, 3);
  });

  it('is unknown of too few pairs, and where one side does not change', () => {
    expect(pearson([])).toBeNull();
    expect(pearson(pairs([1, 2], [1, 2]))).toBeNull();
    expect(pearson(pairs([5, 5, 5], [1, 2, 3]))).toBeNull();
  });

  it('keeps its digits however large the numbers are', () => {
    expect(pearson(pairs([1e9 + 1, 1e9 + 2, 1e9 + 3], [1, 2, 3]))).toBeCloseTo(1, 9);
  });

  it('lies within its bounds, and does not mind scale, place or order of the two', () => {
    const numbers = fc.array(
      fc.tuple(fc.integer({ min: -1e6, max: 1e6 }), fc.integer({ min: -1e6, max: 1e6 })),
      {
        minLength: 3,
      },
    );
    fc.assert(
      fc.property(numbers, fc.integer({ min: 1, max: 1000 }), (found, scale) => {
        const [xs, ys] = [found.map(([x]) => x), found.map(([, y]) => y)];
        const r = pearson(pairs(xs, ys));
        const swapped = pearson(pairs(ys, xs));
        const scaled = pearson(
          pairs(
            xs.map((x) => x * scale + 7),
            ys,
          ),
        );
        if (r === null) {
          expect([swapped, scaled]).toEqual([null, null]);
        } else {
          expect(Math.abs(r)).toBeLessThanOrEqual(1);
          expect(swapped).toBeCloseTo(r, 9);
          expect(scaled).toBeCloseTo(r, 9);
        }
      }),
      { seed: 13 },
    );
  });

  it.each([
    [0.83, 120, 'r = 0.83 over 120 windows: strong, both rise together'],
    [-0.5, 10, 'r = -0.50 over 10 windows: moderate, one rises when the other falls'],
    [0.05, 10, 'r = 0.05 over 10 windows: none to speak of'],
    [null, 2, '2 windows have both: too few to tell'],
    [null, 20, 'one of the two does not change: there is no correlation to tell'],
  ])('is told in words: %s of %s', (coefficient, count, words) => {
    expect(correlationWords(coefficient, count)).toBe(words);
  });
});

it('windows are matched by their start, and what only one side has is left out', () => {
  expect(matched(points(1, null, 3), points(10, 20, 30))).toEqual([
    { start: 0, x: 1, y: 10 },
    { start: 20_000, x: 3, y: 30 },
  ]);
});

it('a range is compared window by window with the one before', () => {
  const before = moved(points(1, 2, 3), 20_000, UTC);
  expect(before.map(({ start, end }) => [start, end])).toEqual([
    [20_000, 30_000],
    [30_000, 40_000],
    [40_000, 50_000],
  ]);
  expect(meanDifference(points(null, null, 5, 5), before)).toBe(3.5);
  expect(meanDifference(points(1), before)).toBeNull();
});

it('a line has a gap from one missing window on', () => {
  expect(withGaps(points(1, null, 3, 4), 10_000, ({ avg }) => avg)).toEqual({
    starts: [0, 10_000, 20_000, 30_000],
    values: [1, null, 3, 4],
  });
});

it('days and hours are those of the zone, weighted by readings, and empty where there are none', () => {
  const found = [
    { ...tenSeconds(0), sum: 10, count: 10 },
    { ...tenSeconds(10_000), sum: 90, count: 10 },
    { ...tenSeconds(23 * HOUR), sum: 7, count: 1 },
  ];
  const { days, slots, averages } = byDay(found, HOUR, () => HOUR);
  expect(days).toEqual([0, 24 * HOUR]);
  expect(slots).toHaveLength(24);
  expect(averages.map((day) => day.filter((value) => value !== null))).toEqual([[5], [7]]);
  expect(averages[0]?.[1]).toBe(5);
  expect(averages[1]?.[0]).toBe(7);
});

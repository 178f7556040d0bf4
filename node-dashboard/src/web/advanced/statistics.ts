import { isGap, later, type Alignment } from '../../shared/alignment.ts';
import { formatCount, formatDecimal } from '../format.ts';
import type { PointValue } from '../../shared/merge.ts';

const DAY = 86_400_000;

/** What two series had in the same window. */
export interface Pair {
  readonly start: number;
  readonly x: number;
  readonly y: number;
}

/** The averages of two lines of points, where both have a window that starts at the same time. */
export function matched(first: readonly PointValue[], second: readonly PointValue[]): Pair[] {
  const byStart = new Map(second.map(({ start, avg }) => [start, avg]));
  return first.flatMap(({ start, avg: x }) => {
    const y = byStart.get(start);
    return y === undefined ? [] : [{ start, x, y }];
  });
}

/**
 * Pearson's coefficient of correlation: the covariance, in units of the two standard deviations, from -1 to 1. Null for
 * fewer than three pairs, which lie on a line by chance, and where one side never changes, so that there is none.
 */
export function pearson(pairs: readonly Pair[]): number | null {
  const meanX = mean(pairs.map(({ x }) => x));
  const meanY = mean(pairs.map(({ y }) => y));
  // Around the means: sums of squares of large numbers would leave no digits for their difference.
  const sumOf = (product: (x: number, y: number) => number): number =>
    pairs.reduce((sum, { x, y }) => sum + product(x - meanX, y - meanY), 0);
  const [xx, yy, xy] = [sumOf((x) => x * x), sumOf((_, y) => y * y), sumOf((x, y) => x * y)];
  const isDefined = pairs.length >= 3 && xx > 0 && yy > 0;
  return isDefined ? Math.max(-1, Math.min(1, xy / Math.sqrt(xx) / Math.sqrt(yy))) : null;
}

function mean(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0) / numbers.length;
}

/** What a coefficient says, in words. */
export function correlationWords(coefficient: number | null, pairs: number): string {
  if (coefficient === null) {
    return pairs < 3
      ? `${formatCount(pairs)} windows have both: too few to tell`
      : 'one of the two does not change: there is no correlation to tell';
  }
  const size = Math.abs(coefficient);
  const strength = size < 0.1 ? 'none to speak of' : size < 0.3 ? 'weak' : size < 0.7 ? 'moderate' : 'strong';
  const direction =
    size < 0.1 ? '' : coefficient > 0 ? ', both rise together' : ', one rises when the other falls';
  return `r = ${formatDecimal(coefficient, 2)} over ${formatCount(pairs)} windows: ${strength}${direction}`;
}

/** Points of an earlier time, moved to the time that they are compared with. */
export function moved(points: readonly PointValue[], by: number, alignment: Alignment): PointValue[] {
  const at = (time: number): number => later(alignment, time, by);
  return points.map((point) => ({ ...point, start: at(point.start), end: at(point.end) }));
}

/** By how much the second is above the first on average, where both have a window; null where none has both. */
export function meanDifference(now: readonly PointValue[], before: readonly PointValue[]): number | null {
  const pairs = matched(now, before);
  return pairs.length === 0 ? null : mean(pairs.map(({ x, y }) => x - y));
}

/** Values at the starts of points, with a null wherever a window is missing, since a line would be drawn across. */
export function withGaps(
  points: readonly PointValue[],
  step: number,
  valueOf: (point: PointValue) => number | null,
): { readonly starts: number[]; readonly values: (number | null)[] } {
  const starts: number[] = [];
  const values: (number | null)[] = [];
  points.forEach((point, index) => {
    starts.push(point.start);
    values.push(valueOf(point));
    const next = points[index + 1];
    if (next !== undefined && isGap(next.start - point.start, step)) {
      starts.push(point.start + step);
      values.push(null);
    }
  });
  return { starts, values };
}

/** The averages of points by day and by the time of the day, in windows of this length. */
export function byDay(
  points: readonly PointValue[],
  slot: number,
  offsetAt: (time: number) => number,
): { readonly days: number[]; readonly slots: number[]; readonly averages: (number | null)[][] } {
  const sums = new Map<number, Map<number, { sum: number; count: number }>>();
  for (const { start, sum, count } of points) {
    const local = start + offsetAt(start);
    const day = Math.floor(local / DAY) * DAY;
    const place = Math.floor((local - day) / slot) * slot;
    const slots = sums.get(day) ?? new Map<number, { sum: number; count: number }>();
    sums.set(day, slots);
    const known = slots.get(place) ?? { sum: 0, count: 0 };
    slots.set(place, { sum: known.sum + sum, count: known.count + count });
  }
  const days = [...sums.keys()].sort((a, b) => a - b);
  const slots = Array.from({ length: Math.ceil(DAY / slot) }, (_, index) => index * slot);
  const averages = days.map((day) =>
    slots.map((place) => {
      const known = sums.get(day)?.get(place);
      return known === undefined ? null : known.sum / known.count;
    }),
  );
  return { days, slots, averages };
}

import { medianOf, medianOfSorted } from '../shared/numbers.ts';
import { DAY, HOUR } from '../shared/unusual.ts';

/** A value that lies far outside of the values before it. */
export interface Outlier {
  /** Its place among the values. */
  readonly index: number;
  readonly score: number;
  readonly median: number;
  readonly spread: number;
}

/**
 * The modified z-score of a value x among others: 0.6745 * (x - median) / MAD, MAD being the median of the absolute
 * deviations from the median (Iglewicz and Hoaglin, "How to Detect and Handle Outliers", ASQC Quality Press 1993). The
 * constant is the upper quartile of the standard normal distribution, which makes MAD / 0.6745 the standard deviation
 * of values that are normally distributed.
 */
export const MAD_TO_DEVIATION = 1 / 0.6745;
/**
 * Where more than half of the values are the same, MAD is zero, and the mean absolute deviation stands in for it; of
 * normally distributed values that is the standard deviation divided by sqrt(pi / 2).
 */
export const MEAN_TO_DEVIATION = Math.sqrt(Math.PI / 2);
/**
 * What is further away than this is marked. The authors propose 3.5, for samples of some dozens of values. Of the 8,640
 * windows of 10 s in a day that would mark four of a series that is normally distributed; of 5 it is one in 200 days.
 */
export const FAR = 5;
/**
 * A value is only marked if no more than one in so many lay as far out. A series that is quiet most of the time, such
 * as the traffic of an idle network, has a small spread and goes far beyond it all day long.
 */
export const RARE = 100;
/** Of fewer values nobody knows what is usual. */
export const LEAST_VALUES = 30;

/** What is usual among values. */
export interface Usual {
  readonly median: number;
  readonly spread: number;
  /** How far from the median all but the rare ones lie. */
  readonly reach: number;
}

/** What is usual among values; null when there are too few, or all are the same. */
export function usual(values: readonly number[]): Usual | null {
  if (values.length < LEAST_VALUES) {
    return null;
  }
  const median = medianOf(values);
  const deviations = Float64Array.from(values, (value) => Math.abs(value - median)).sort();
  const ofMedian = medianOfSorted(deviations) * MAD_TO_DEVIATION;
  const ofMean =
    (deviations.reduce((sum, deviation) => sum + deviation, 0) / values.length) * MEAN_TO_DEVIATION;
  const spread = ofMedian > 0 ? ofMedian : ofMean;
  const reach = deviations.at(-1 - Math.floor(values.length / RARE)) ?? Infinity;
  return spread > 0 ? { median, spread, reach } : null;
}

/** A window, as far as it is judged. */
export interface Judged {
  readonly start: number;
  readonly avg: number;
}

/**
 * The windows, ascending by start, from `from` on that lie far outside of the day before the hour in which they start.
 */
export function outliers(windows: readonly Judged[], from: number): Outlier[] {
  return [...outliersByHour(windows, from)].flat();
}

/** The same, hour by hour: each takes a moment, and of a month all of them some seconds. */
export function* outliersByHour(windows: readonly Judged[], from: number): Generator<Outlier[]> {
  let index = 0;
  const next = (start: number): number => {
    while ((windows[index]?.start ?? Infinity) < start) {
      index += 1;
    }
    return index;
  };
  let dayBefore = 0;
  for (let first = next(from); first < windows.length; first = index) {
    const hour = Math.floor((windows[first]?.start ?? 0) / HOUR) * HOUR;
    while ((windows[dayBefore]?.start ?? Infinity) < hour - DAY) {
      dayBefore += 1;
    }
    // From the middle of an hour on, those before it in that hour are no part of the day before.
    let end = first;
    while ((windows[end - 1]?.start ?? -Infinity) >= hour) {
      end -= 1;
    }
    const known = usual(windows.slice(dayBefore, end).map(({ avg }) => avg));
    const last = next(hour + HOUR);
    yield known === null ? [] : farFrom(known, windows.slice(first, last), first);
  }
}

/** Those of some windows, the first of which has this index, that lie far outside of what is usual. */
function farFrom({ median, spread, reach }: Usual, windows: readonly Judged[], first: number): Outlier[] {
  return windows.flatMap(({ avg }, index) => {
    const deviation = avg - median;
    const isFar = Math.abs(deviation) > Math.max(FAR * spread, reach);
    return isFar ? [{ index: first + index, score: deviation / spread, median, spread }] : [];
  });
}

import { medianOf } from '../shared/numbers.ts';

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
/** Of fewer values nobody knows what is usual. */
export const LEAST_VALUES = 30;

/** What is usual among values; null when there are too few, or all are the same. */
export function usual(
  values: readonly number[],
): { readonly median: number; readonly spread: number } | null {
  if (values.length < LEAST_VALUES) {
    return null;
  }
  const median = medianOf(values);
  const deviations = values.map((value) => Math.abs(value - median));
  const ofMedian = medianOf(deviations) * MAD_TO_DEVIATION;
  const ofMean =
    (deviations.reduce((sum, deviation) => sum + deviation, 0) / values.length) * MEAN_TO_DEVIATION;
  const spread = ofMedian > 0 ? ofMedian : ofMean;
  return spread > 0 ? { median, spread } : null;
}

const DAY = 86_400_000;
/** What is usual is found anew for each hour: by the day before it. So a mark does not depend on what is asked for. */
const HOUR = 3_600_000;

/**
 * The windows, ascending by start, from `from` on that lie far outside of the day before the hour in which they start.
 */
export function outliers(
  windows: readonly { readonly start: number; readonly avg: number }[],
  from: number,
): Outlier[] {
  const found: Outlier[] = [];
  let hour = NaN;
  let known: ReturnType<typeof usual> = null;
  windows.forEach(({ start, avg }, index) => {
    if (start < from) {
      return;
    }
    const begin = Math.floor(start / HOUR) * HOUR;
    if (begin !== hour) {
      hour = begin;
      known = usual(
        windows.filter((other) => other.start >= hour - DAY && other.start < hour).map((other) => other.avg),
      );
    }
    if (known !== null) {
      const score = (avg - known.median) / known.spread;
      if (Math.abs(score) > FAR) {
        found.push({ index, score, ...known });
      }
    }
  });
  return found;
}

/** Why a window is marked. */
export function reasonFor(avg: number, { score, median, spread }: Outlier): string {
  const [value, usually, by] = [avg, median, spread].map((number) => Number(number.toPrecision(4)));
  return (
    `${value} is ${Math.abs(score).toFixed(1)} times the usual spread ${score < 0 ? 'below' : 'above'} the median ` +
    `of the day before, ${usually} (spread ${by})`
  );
}

/** How far back it has to be read to judge windows from `from` on. */
export function readFrom(from: number): number {
  return Math.max(0, Math.floor(from / HOUR) * HOUR - DAY);
}

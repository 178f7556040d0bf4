import { endAfter, stepOfStart, type Alignment } from './alignment.ts';
import type { WindowValue } from './window.ts';

/**
 * What is known of a span of time: a window, or several ones that were merged. Percentiles cannot be merged from those
 * of parts, and are null then.
 */
export interface PointValue extends Omit<WindowValue, 'p50' | 'p95' | 'p99'> {
  readonly p50: number | null;
  readonly p95: number | null;
  readonly p99: number | null;
  /** How many windows it was merged from; left out for a window as it is. */
  readonly merged?: number;
}

/**
 * Merges windows that do not overlap, ascending by start, to what is known of `[start, end)`; null for none. The rules
 * are those of docs/windows.md, "Of two parts".
 */
export function mergeWindows(windows: readonly WindowValue[], start: number, end: number): PointValue | null {
  const [earliest] = windows;
  const latest = windows.at(-1);
  if (earliest === undefined || latest === undefined) {
    return null;
  }
  const { count, squares } = spread(windows);
  const sum = windows.reduce((total, window) => total + window.sum, 0);
  return {
    ...{ start, end, count, sum, avg: sum / count },
    min: windows.reduce((least, { min }) => Math.min(least, min), Infinity),
    max: windows.reduce((greatest, { max }) => Math.max(greatest, max), -Infinity),
    stddev: Math.sqrt(squares / count),
    ...{ p50: null, p95: null, p99: null },
    last_event: windows.reduce((newest, { last_event: event }) => Math.max(newest, event), -Infinity),
    generation: windows.reduce((newest, { generation }) => Math.max(newest, generation), -Infinity),
    revision: windows.reduce((total, { revision }) => total + revision, 0),
    ...(windows.some(({ partial }) => partial === true) && { partial: true as const }),
    ...{ first: earliest.first, last: latest.last, merged: windows.length },
  };
}

/** Readings, their mean and their squared distances from it, of all parts (Chan, Golub and LeVeque 1979). */
function spread(windows: readonly WindowValue[]): { count: number; squares: number } {
  let [count, mean, squares] = [0, 0, 0];
  for (const { count: more, avg, stddev } of windows) {
    const total = count + more;
    const distance = avg - mean;
    squares += stddev ** 2 * more + (distance ** 2 * count * more) / total;
    mean += (distance * more) / total;
    count = total;
  }
  return { count, squares };
}

/** Merges windows by the step in which they start; a step that has none is left out. */
export function mergeBySteps(
  windows: readonly WindowValue[],
  step: number,
  alignment: Alignment,
): PointValue[] {
  const bySteps = new Map<number, WindowValue[]>();
  for (const window of windows) {
    const start = stepOfStart(alignment, window.start, step);
    const others = bySteps.get(start);
    if (others === undefined) {
      bySteps.set(start, [window]);
    } else {
      others.push(window);
    }
  }
  return [...bySteps].flatMap(
    ([start, parts]) => mergeWindows(parts, start, endAfter(alignment, start, step)) ?? [],
  );
}

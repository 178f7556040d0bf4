import { MAX_READ } from './limits.ts';
import { windowsIn, type WindowSpec } from './window-spec.ts';

/** A window is judged by those of so many milliseconds before... */
export const DAY = 86_400_000;
/** ...the hour in which it starts, so that a mark does not depend on what is asked for. */
export const HOUR = 3_600_000;

/** How far back it has to be read to judge windows from `from` on. */
export function readFrom(from: number): number {
  return Math.max(0, Math.floor(from / HOUR) * HOUR - DAY);
}

/** How many windows of a series and metric are read to judge those that start in `[from, to)`. */
export function windowsToJudge(window: WindowSpec, from: number, to: number): number {
  return windowsIn(window, readFrom(from), to);
}

/** Of how many series and metrics one request may have the windows judged that start in `[from, to)`. */
export function mostJudged(window: WindowSpec, from: number, to: number): number {
  return Math.floor(MAX_READ / Math.max(1, windowsToJudge(window, from, to)));
}

/** A window's average that lies far outside of the day before, and what was usual then. */
export interface Judgement {
  readonly avg: number;
  readonly score: number;
  readonly median: number;
  readonly spread: number;
}

/** How a reason writes its numbers: as whoever shows it writes all others. */
export interface ReasonNumbers {
  /** A value of the metric. */
  readonly value: (value: number) => string;
  /** How many times something is, with one decimal. */
  readonly times: (times: number) => string;
}

/** Why a window is marked. */
export function reasonFor(
  { avg, score, median, spread }: Judgement,
  { value, times }: ReasonNumbers,
): string {
  return (
    `${value(avg)} is ${times(Math.abs(score))} times the usual spread ${score < 0 ? 'below' : 'above'} the median ` +
    `of the day before, ${value(median)} (spread ${value(spread)})`
  );
}

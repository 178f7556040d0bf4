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

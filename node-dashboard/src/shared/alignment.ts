import { DAY, fromWall, offsetAt } from './zoned.ts';

/**
 * Where windows of a kind begin. The places of their starts on a line are multiples of their slide: in UTC a place is
 * the epoch time less the offset; in a zone, whose windows are whole days, it is the day that the zone's clocks show,
 * as if that were UTC, less the offset. All numbers are milliseconds. `freshet-core` computes the same
 * (`window/alignment.rs`), from 1970 on.
 */
export interface Alignment {
  /** How much later than at multiples of their slide windows begin; none without. */
  readonly offset?: number;
  /** The zone whose days they are; UTC without. */
  readonly zone?: string;
}

/** At multiples of the slide since the epoch, in UTC. */
export const UTC: Alignment = {};

/** The place of an instant; in a zone, that of the last day that begins by then. */
export function placeOf(alignment: Alignment, instant: number): number {
  const { offset = 0, zone } = alignment;
  if (zone === undefined) {
    return instant - offset;
  }
  const shown = Math.floor((instant + offsetAt(instant, zone) - offset) / DAY) * DAY;
  // Clocks may be set back over the beginning of a day, and forward over it.
  const begun = [shown + DAY, shown].find((day) => instantAt(alignment, day) <= instant);
  return begun ?? shown - DAY;
}

/**
 * The place of the start of a window. Who made it may have had another database of zones than this machine: it is the
 * day that begins nearest.
 */
export function placeOfStart({ offset = 0, zone }: Alignment, start: number): number {
  return zone === undefined
    ? start - offset
    : Math.round((start + offsetAt(start, zone) - offset) / DAY) * DAY;
}

/** The instant at a place. What clocks do not show when they are set forward is as much later as they are set. */
export function instantAt({ offset = 0, zone }: Alignment, place: number): number {
  return zone === undefined ? place + offset : fromWall(place + offset, zone);
}

/** When a step begins that a place lies in: steps begin at multiples of their length on the line. */
export function stepAt(alignment: Alignment, place: number, step: number): number {
  return instantAt(alignment, Math.floor(place / step) * step);
}

/** When the step begins that a window belongs to. */
export function stepOfStart(alignment: Alignment, start: number, step: number): number {
  return stepAt(alignment, placeOfStart(alignment, start), step);
}

/** Whether a window is one of those at multiples of `stride`. */
export function isOnStride(alignment: Alignment, start: number, stride: number): boolean {
  return placeOfStart(alignment, start) % stride === 0;
}

/** When a window, or a step, of this length ends that starts then. */
export function endAfter(alignment: Alignment, start: number, length: number): number {
  return instantAt(alignment, placeOfStart(alignment, start) + length);
}

/** When the clocks by which windows begin show so much later than at an instant. */
export function later({ zone }: Alignment, instant: number, by: number): number {
  return zone === undefined ? instant + by : fromWall(instant + offsetAt(instant, zone) + by, zone);
}

/** Whether windows are missing between two starts that would be one step apart: days are not all equally long. */
export function isGap(distance: number, step: number): boolean {
  return distance > 1.5 * step;
}

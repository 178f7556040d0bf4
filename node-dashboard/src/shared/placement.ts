import { fromWall, offsetAt } from './zoned.ts';

/**
 * Where windows of a kind begin. The places of their starts on a line are multiples of their slide: in UTC a place is
 * the epoch time less the offset; in a zone, whose windows are whole days, it is the day that the zone's clocks show,
 * as if that were UTC, less the offset. All numbers are milliseconds. `freshet-core` computes the same
 * (`window/alignment.rs`), from 1970 on.
 */
export interface Placement {
  /** How much later than at multiples of their slide windows begin; none without. */
  readonly offset?: number;
  /** The zone whose days they are; UTC without. */
  readonly zone?: string;
}

/** At multiples of the slide since the epoch, in UTC. */
export const UTC: Placement = {};

const DAY = 86_400_000;

/** The place of an instant; in a zone, that of the day that it lies in. */
export function placeOf({ offset = 0, zone }: Placement, instant: number): number {
  const shown = instant + (zone === undefined ? 0 : offsetAt(instant, zone)) - offset;
  return zone === undefined ? shown : Math.floor(shown / DAY) * DAY;
}

/** The instant at a place. What clocks do not show when they are set forward is as much later as they are set. */
export function instantAt({ offset = 0, zone }: Placement, place: number): number {
  return zone === undefined ? place + offset : fromWall(place + offset, zone);
}

/** The multiple of `step` on the line that an instant lies behind, as an instant. */
export function stepStart(placement: Placement, instant: number, step: number): number {
  return instantAt(placement, Math.floor(placeOf(placement, instant) / step) * step);
}

/** Whether windows of a kind begin then, of which only those at multiples of `stride` are looked at. */
export function isOnStride(placement: Placement, start: number, stride: number): boolean {
  return placeOf(placement, start) % stride === 0;
}

/** When a window, or a step, of this length ends that starts then. */
export function endAfter(placement: Placement, start: number, length: number): number {
  return instantAt(placement, placeOf(placement, start) + length);
}

/** Whether windows are missing between two starts that would be one step apart: days are not all equally long. */
export function isGap(distance: number, step: number): boolean {
  return distance > 1.5 * step;
}

import type { SeriesInfo } from '../shared/api.ts';

/** The list of series is up to a minute behind: of two series that move, one can seem this much older. */
const STILL_MOVES = 150_000;

/** The series in the order in which they deserve to be drawn: what still moves before what has ended, else by name. */
export function liveliest(series: readonly SeriesInfo[]): string[] {
  const newest = Math.max(...series.map(lastSeen));
  const moves = (info: SeriesInfo): boolean => newest - lastSeen(info) < STILL_MOVES;
  const names = (wanted: boolean): string[] =>
    sorted(new Set(series.filter((info) => moves(info) === wanted).map((info) => info.series)));
  return [...names(true), ...names(false)];
}

/** A series of which it is not known when it was seen last does not move. */
function lastSeen(info: SeriesInfo): number {
  return info.last_seen ?? -Infinity;
}

/** As people sort: s9 before s10. */
export function sorted(names: ReadonlySet<string>): string[] {
  return [...names].sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
}

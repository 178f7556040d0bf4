import { Type } from 'typebox';
import { Points } from './api.ts';
import { integer, list, nullable, number, text, time, type Of } from './schema.ts';

/** How many of the newest windows of each series are remembered, for the heat map. */
export const PAST_WINDOWS = 48;
/** So many series are listed at most, of those that match. */
export const MAX_LATEST = 10_000;

/** Series that have a part of their names in common, together. */
export const SeriesGroup = Type.Object({
  name: Type.String({ description: 'the part; empty for series that have fewer parts' }),
  series: Type.Integer({ description: 'how many series' }),
  reporting: Type.Integer({ description: 'how many of them have the window that starts at `start`' }),
  start: nullable(time, { description: 'the newest start of a complete window of the group' }),
  count: nullable(integer),
  avg: nullable(number, { description: 'of all their readings in those windows' }),
  min: nullable(number),
  max: nullable(number),
});
export type SeriesGroup = Of<typeof SeriesGroup>;

/** Answer of `/api/latest`. */
export const LatestAnswer = Type.Object({
  now: time,
  newest_event: nullable(time, { description: 'the newest event time of the stream that has come in' }),
  total: Type.Integer({
    description: 'how many series of the stream have the metric, as far as they are known',
  }),
  matched: Type.Integer({ description: 'how many of them match the search' }),
  problem: Type.String({
    description:
      'why there may be more series than these, as when Cassandra is away; empty when there are not',
  }),
  series: list(text, { description: `those that match, by name; at most ${MAX_LATEST}` }),
  last_seen: list(nullable(time), {
    description: 'when a window of it was stored last, where that is known',
  }),
  points: Type.Unsafe<Of<typeof Points>>({
    ...Points,
    description:
      'by field, its value in the newest complete window of each of `series`; null for one of which none has come in ' +
      'since the dashboard was started',
  }),
  lag: list(nullable(integer), {
    description:
      'how late the newest reading of each of `series` came, in ms: from its own time to when its window came out of ' +
      'the pipeline; null when nothing of it has come in since the dashboard was started',
  }),
  groups: list(SeriesGroup, { description: 'with `group`, the groups of all that match, by name' }),
  past: Type.Object(
    {
      starts: list(time),
      avg: list(list(nullable(number)), { description: 'by series, its average in each window' }),
    },
    { description: 'with `past`, the newest complete windows of the listed series' },
  ),
});
export type LatestAnswer = Of<typeof LatestAnswer>;

/** The part of a series' name with this number, from 1 on; parts are separated by `/`. Empty when it has fewer. */
export function partOf(series: string, part: number): string {
  return series.split('/')[part - 1] ?? '';
}

import type { SeriesInfo } from '../shared/api.ts';
import { getSeries } from './client.ts';

/** What is known of names of series. */
export interface LookedUp {
  readonly found: readonly SeriesInfo[];
  /** Those of which there is no series; what is neither may be one of very many. */
  readonly missing: readonly string[];
}

/** Looks for series that the server's list of a stream does not have: the server is asked for each if that was cut. */
export async function lookUp(
  stream: string,
  names: readonly string[],
  truncated: boolean,
): Promise<LookedUp> {
  const found: SeriesInfo[] = [];
  const missing: string[] = [];
  for (const name of names) {
    const answer = truncated ? await getSeries(stream, name) : { series: [], truncated };
    const info = answer.series.find(({ series }) => series === name);
    if (info !== undefined) {
      found.push(info);
    } else if (!answer.truncated) {
      missing.push(name);
    }
  }
  return { found, missing };
}

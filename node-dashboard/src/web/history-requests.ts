import { MAX_CHARTS, MAX_NAMES, MAX_READ } from '../shared/limits.ts';

/** Every one of these series and metrics. */
export interface HistoryRequest {
  readonly series: readonly string[];
  readonly metrics: readonly string[];
}

/** How long the names of the series in one address may be altogether, in characters as they are sent. */
export const LONGEST_NAMES = 4000;

/**
 * The requests that ask for every metric that these series have, and for no other one. Metrics of the same series are
 * asked for together, and so are as many series as one request may read.
 */
export function historyRequests(
  metrics: readonly string[],
  series: readonly string[],
  has: (series: string, metric: string) => boolean,
  windowsEach: number,
): HistoryRequest[] {
  const groups = new Map<string, { series: string[]; metrics: string[] }>();
  for (const metric of metrics) {
    const having = series.filter((name) => has(name, metric));
    const key = JSON.stringify(having);
    const group = groups.get(key) ?? { series: having, metrics: [] };
    groups.set(key, { ...group, metrics: [...group.metrics, metric] });
  }
  return [...groups.values()].flatMap((group) => parts(group, windowsEach));
}

function parts({ series, metrics }: HistoryRequest, windowsEach: number): HistoryRequest[] {
  const charts = Math.min(MAX_CHARTS, Math.max(1, Math.floor(MAX_READ / Math.max(1, windowsEach))));
  const together = slices(metrics, Math.min(MAX_NAMES, charts), Infinity);
  return together.flatMap((some) =>
    slices(series, Math.min(MAX_NAMES, Math.max(1, Math.floor(charts / some.length))), LONGEST_NAMES).map(
      (names) => ({ series: names, metrics: some }),
    ),
  );
}

/** Cuts a list into parts of at most so many names, and so many characters unless one name alone has more. */
function slices(names: readonly string[], most: number, longest: number): string[][] {
  const made: string[][] = [];
  let length = 0;
  for (const name of names) {
    const more = encodeURIComponent(name).length;
    const current = made.at(-1);
    if (current === undefined || current.length >= most || length + more > longest) {
      made.push([name]);
      length = more;
    } else {
      current.push(name);
      length += more;
    }
  }
  return made;
}

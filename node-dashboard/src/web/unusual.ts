import type { Anomaly } from '../shared/api.ts';
import { mostJudged, windowsToJudge } from '../shared/unusual.ts';
import type { WindowSpec } from '../shared/window-spec.ts';
import type { Dashboard } from './dashboard.ts';
import { getAnomalies } from './extras.ts';
import { formatCount } from './format.ts';
import { historyRequests } from './history-requests.ts';
import type { Span } from './selection.ts';

/** A series and metric that is drawn. */
interface DrawnLine {
  readonly series: string;
  readonly metric: string;
}

/** What is known of the windows of some lines. */
export interface Unusual {
  /** Those that lie far outside of what their series do. */
  readonly anomalies: readonly Anomaly[];
  /** The keys of the lines whose windows were judged; null where the server judges none. */
  readonly judged: ReadonlySet<string> | null;
}

/** What tells a line from the others of its stream. */
export function lineKey({ series, metric }: DrawnLine): string {
  return `${metric}|${series}`;
}

/** The lines that are drawn and whose windows can be judged at once: of very many not all, since each takes a day. */
export function linesToJudge(
  dashboard: Dashboard,
  hidden: ReadonlySet<string>,
  window: WindowSpec,
  { from, to }: Span,
): DrawnLine[] {
  const metrics = dashboard.stream?.metrics ?? [];
  return dashboard.shown
    .filter((series) => !hidden.has(series))
    .flatMap((series) => metrics.map((metric) => ({ series, metric })))
    .filter(({ series, metric }) => dashboard.mayHave(series, metric))
    .slice(0, mostJudged(window, from, to));
}

/** Asks which windows of these lines are unusual. */
export async function findUnusual(
  stream: string,
  lines: readonly DrawnLine[],
  window: WindowSpec,
  { from, to }: Span,
): Promise<Unusual> {
  const judged = new Set(lines.map(lineKey));
  const [series, metrics] = [lines.map((line) => line.series), lines.map((line) => line.metric)].map(
    (names) => [...new Set(names)],
  );
  const requests = historyRequests(
    metrics ?? [],
    series ?? [],
    (name, metric) => judged.has(lineKey({ series: name, metric })),
    windowsToJudge(window, from, to),
  );
  const answers = await Promise.all(
    requests.map((one) =>
      getAnomalies({ stream, window: window.label, from, to, series: one.series, metric: one.metrics }),
    ),
  );
  const isOff = answers.some(({ examined }) => examined === 0);
  return { anomalies: answers.flatMap(({ anomalies }) => anomalies), judged: isOff ? null : judged };
}

/** Of how many of some lines the windows were judged, when not of all; empty otherwise. */
export function judgedText(lines: readonly DrawnLine[], judged: ReadonlySet<string> | null): string {
  const count = lines.filter((line) => judged?.has(lineKey(line)) === true).length;
  return judged === null || count === lines.length
    ? ''
    : `unusual windows were looked for in ${formatCount(count)} of ${formatCount(lines.length)} lines, as many as ` +
        'can be read at once: choose fewer series, a shorter range, or a longer window';
}

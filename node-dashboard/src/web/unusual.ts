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
  /** The keys of the lines whose windows were not judged, since they are too many to be read at once. */
  readonly leftOut: ReadonlySet<string>;
}

/** The lines that are drawn: those that are judged, and those that are too many. */
interface Candidates {
  readonly judged: readonly DrawnLine[];
  readonly leftOut: readonly DrawnLine[];
}

/** What tells a line from the others of its stream. */
export function lineKey({ series, metric }: DrawnLine): string {
  return `${metric}|${series}`;
}

/** The lines that are drawn, and which of them can be judged at once: of very many not all, since each takes a day. */
export function linesToJudge(
  dashboard: Dashboard,
  hidden: ReadonlySet<string>,
  window: WindowSpec,
  { from, to }: Span,
): Candidates {
  const metrics = dashboard.stream?.metrics ?? [];
  const lines = dashboard.shown
    .filter((series) => !hidden.has(series))
    .flatMap((series) => metrics.map((metric) => ({ series, metric })))
    .filter(({ series, metric }) => dashboard.mayHave(series, metric));
  const most = mostJudged(window, from, to);
  return { judged: lines.slice(0, most), leftOut: lines.slice(most) };
}

/** Asks which windows of these lines are unusual. */
export async function findUnusual(
  stream: string,
  { judged, leftOut }: Candidates,
  window: WindowSpec,
  { from, to }: Span,
): Promise<Unusual> {
  const keys = new Set(judged.map(lineKey));
  const [series, metrics] = [judged.map((line) => line.series), judged.map((line) => line.metric)].map(
    (names) => [...new Set(names)],
  );
  const requests = historyRequests(
    metrics ?? [],
    series ?? [],
    (name, metric) => keys.has(lineKey({ series: name, metric })),
    windowsToJudge(window, from, to),
  );
  const answers = await Promise.all(
    requests.map((one) =>
      getAnomalies({ stream, window: window.label, from, to, series: one.series, metric: one.metrics }),
    ),
  );
  const isOff = answers.some(({ examined }) => examined === 0);
  return {
    anomalies: answers.flatMap(({ anomalies }) => anomalies),
    leftOut: new Set(isOff ? [] : leftOut.map(lineKey)),
  };
}

/** Of how many of some lines the windows were judged, where some were left out; empty otherwise. */
export function judgedText(lines: readonly DrawnLine[], leftOut: ReadonlySet<string>): string {
  const judged = lines.filter((line) => !leftOut.has(lineKey(line))).length;
  return judged === lines.length
    ? ''
    : `unusual windows were looked for in ${formatCount(judged)} of ${formatCount(lines.length)} lines, as many as ` +
        'can be read at once: choose fewer series, a shorter range, or a longer window';
}

import { setImmediate } from 'node:timers/promises';
import type { Static } from 'typebox';
import type { Anomaly } from '../../shared/api.ts';
import { MAX_READ } from '../../shared/limits.ts';
import { mostJudged, readFrom, reasonFor, type ReasonNumbers } from '../../shared/unusual.ts';
import type { WindowSpec } from '../../shared/window-spec.ts';
import { outliersByHour } from '../anomalies.ts';
import type { CassandraHistory } from '../cassandra-history.ts';
import type { StreamConfig } from '../config.ts';
import { BadRequestError } from '../errors.ts';
import type { Pipeline } from '../pipeline.ts';
import { schemas } from '../schemas.ts';
import { Turns } from '../turns.ts';
import type { TypedApp } from '../typed-app.ts';
import { findMetric, findStream, findWindow, timesOf } from './query.ts';

/** How many series and metrics are read at once for all clients, and how many may wait. */
const AT_ONCE = 2;
const MOST_WAITING = 1000;
/** More marks than this nobody looks at. */
const MAX_MARKS = 1000;
/** Nobody knows where an answer is read: as JSON writes numbers. */
const NEUTRAL: ReasonNumbers = {
  value: (value) => String(Number(value.toPrecision(4))),
  times: (times) => times.toFixed(1),
};

type Query = Static<typeof schemas.anomalies.querystring>;

/** What is looked at: the windows of some series and metrics, and those of the day before, by which they are judged. */
interface Question {
  readonly stream: StreamConfig;
  readonly window: WindowSpec;
  readonly from: number;
  readonly to: number;
  /** From when on it has to be read. */
  readonly begin: number;
}

/** `GET /api/anomalies` */
export function anomaliesRoute(app: TypedApp, { config, history }: Pipeline): void {
  const turns = new Turns(AT_ONCE, MOST_WAITING);
  app.get('/api/anomalies', { schema: schemas.anomalies }, async ({ query, raw }) => {
    const stream = findStream(config, query.stream);
    const window = findWindow(stream, query.window);
    const span = timesOf(query, Date.now());
    if (!config.dashboard.anomalies) {
      return { anomalies: [], examined: 0 };
    }
    const question: Question = { stream, window, ...span, begin: readFrom(span.from) };
    const charts = await chartsOf(history, question, query);
    const found = await Promise.all(
      charts.map(([series, metric]) =>
        turns.take(async () => (raw.socket.destroyed ? [] : marksOf(history, question, series, metric))),
      ),
    );
    return { anomalies: found.flat().slice(0, MAX_MARKS), examined: charts.length };
  });
}

/** The series and metrics that are asked for; refused when that would be too much to read. */
async function chartsOf(
  history: CassandraHistory,
  { stream, window, from, to }: Question,
  query: Query,
): Promise<(readonly [series: string, metric: string])[]> {
  const metrics = query.metric?.map((metric) => findMetric(stream, metric)) ?? stream.metrics;
  const most = mostJudged(window, from, to);
  const named = query.series?.map((series) => ({ series, metrics: stream.metrics }));
  const known = named ?? (await history.series(stream.name, '', most + 1)).series;
  const charts = known.flatMap(({ series, metrics: has }) =>
    has.filter((metric) => metrics.includes(metric)).map((metric) => [series, metric] as const),
  );
  if (charts.length > most) {
    throw new BadRequestError(
      `${charts.length} series and metrics with the day before are more than the ${MAX_READ} windows that a ` +
        'request may read: ask for fewer series and metrics, a shorter time, or a longer window',
    );
  }
  return charts;
}

async function marksOf(
  history: CassandraHistory,
  { stream, window, from, begin, to }: Question,
  series: string,
  metric: string,
): Promise<Anomaly[]> {
  const windows = await history.windows({ stream: stream.name, series, metric, window, from: begin, to });
  const marks: Anomaly[] = [];
  for (const outliers of outliersByHour(windows, from)) {
    for (const outlier of outliers) {
      const { start = 0, avg = 0 } = windows[outlier.index] ?? {};
      const { score, median, spread } = outlier;
      const judgement = { avg, score, median, spread };
      marks.push({ series, metric, start, ...judgement, text: reasonFor(judgement, NEUTRAL) });
    }
    // Others get their turn: those who listen must not wait for a month of one who asks.
    await setImmediate();
  }
  return marks;
}

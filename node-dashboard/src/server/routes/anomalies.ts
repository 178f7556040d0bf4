import type { Anomaly } from '../../shared/api.ts';
import { MAX_READ } from '../../shared/limits.ts';
import { windowsIn } from '../../shared/window-spec.ts';
import { outliers, readFrom, reasonFor } from '../anomalies.ts';
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

/** `GET /api/anomalies` */
export function anomaliesRoute(app: TypedApp, { config, history }: Pipeline): void {
  const turns = new Turns(AT_ONCE, MOST_WAITING);
  app.get('/api/anomalies', { schema: schemas.anomalies }, async ({ query, raw }) => {
    const stream = findStream(config, query.stream);
    const window = findWindow(stream, query.window);
    const { from, to } = timesOf(query, Date.now());
    if (!config.dashboard.anomalies) {
      return { anomalies: [] };
    }
    const metrics = query.metric?.map((metric) => findMetric(stream, metric)) ?? stream.metrics;
    const begin = readFrom(from);
    const most = Math.floor(MAX_READ / Math.max(1, windowsIn(window, begin, to)));
    const series = query.series?.map((one) => ({ series: one, metrics: stream.metrics }));
    const known = series ?? (await history.series(stream.name, '', most + 1)).series;
    const charts = known.flatMap((one) =>
      one.metrics.filter((metric) => metrics.includes(metric)).map((metric) => [one.series, metric] as const),
    );
    if (charts.length > most) {
      throw new BadRequestError(
        `${charts.length} series and metrics with the day before are more than the ${MAX_READ} windows that a ` +
          'request may read: ask for fewer series and metrics, a shorter time, or a longer window',
      );
    }
    const marks = async (one: string, metric: string): Promise<Anomaly[]> => {
      const wanted = { stream: stream.name, series: one, metric, window, from: begin, to };
      const windows = raw.socket.destroyed ? [] : await history.windows(wanted);
      return outliers(windows, from).flatMap((outlier) => {
        const marked = windows[outlier.index];
        const { score, median, spread } = outlier;
        return marked === undefined
          ? []
          : [
              {
                ...{ series: one, metric, start: marked.start, avg: marked.avg, score, median, spread },
                text: reasonFor(marked.avg, outlier),
              },
            ];
      });
    };
    const found = await Promise.all(charts.map(([one, metric]) => turns.take(() => marks(one, metric))));
    return { anomalies: found.flat().slice(0, MAX_MARKS) };
  });
}

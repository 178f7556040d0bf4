import type { Pipeline } from '../pipeline.ts';
import { schemas } from '../schemas.ts';
import type { TypedApp } from '../typed-app.ts';
import { findMetric, findStream, findWindow, spanOf } from './query.ts';

/** `GET /api/windows` */
export function windowsRoute(app: TypedApp, { config, history }: Pipeline): void {
  app.get('/api/windows', { schema: schemas.windows }, async ({ query }) => {
    const stream = findStream(config, query.stream);
    const metric = findMetric(stream, query.metric);
    const window = findWindow(stream, query.window);
    const span = spanOf(window, query, Date.now());
    return {
      windows: await history.windows({ stream: stream.name, series: query.series, metric, window, ...span }),
    };
  });
}

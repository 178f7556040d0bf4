import type { FastifyInstance } from 'fastify';
import type { WindowsAnswer } from '../../shared/api.ts';
import type { Pipeline } from '../pipeline.ts';
import { schemas } from '../schemas.ts';
import { findMetric, findStream, findWindow, spanOf } from './query.ts';

interface Query {
  stream: string;
  series: string;
  metric: string;
  window: string;
  from?: string;
  to?: string;
}

/** `GET /api/windows` */
export function windowsRoute(app: FastifyInstance, { config, history }: Pipeline): void {
  app.get<{ Querystring: Query }>(
    '/api/windows',
    { schema: schemas.windows },
    async ({ query }): Promise<WindowsAnswer> => {
      const stream = findStream(config, query.stream);
      const metric = findMetric(stream, query.metric);
      const window = findWindow(stream, query.window);
      const span = spanOf(window, query, Date.now());
      return {
        windows: await history.windows({
          stream: stream.name,
          series: query.series,
          metric,
          window,
          ...span,
        }),
      };
    },
  );
}

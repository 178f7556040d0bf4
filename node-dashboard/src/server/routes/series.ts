import type { FastifyInstance } from 'fastify';
import type { SeriesAnswer } from '../../shared/api.ts';
import type { Pipeline } from '../pipeline.ts';
import { schemas } from '../schemas.ts';
import { findStream } from './query.ts';

/** A page that lists more than this is of no use to anyone: search instead. */
const MAX_LISTED = 1000;

interface Query {
  stream: string;
  q: string;
}

/** `GET /api/series` */
export function seriesRoute(app: FastifyInstance, { config, history }: Pipeline): void {
  app.get<{ Querystring: Query }>(
    '/api/series',
    { schema: schemas.series },
    async ({ query }): Promise<SeriesAnswer> => {
      return history.series(findStream(config, query.stream).name, query.q, MAX_LISTED);
    },
  );
}

import type { Pipeline } from '../pipeline.ts';
import { schemas } from '../schemas.ts';
import type { TypedApp } from '../typed-app.ts';
import { findStream } from './query.ts';

/** A page that lists more than this is of no use to anyone: search instead. */
const MAX_LISTED = 1000;

/** `GET /api/series` */
export function seriesRoute(app: TypedApp, { config, history }: Pipeline): void {
  app.get('/api/series', { schema: schemas.series }, async ({ query }) =>
    history.series(findStream(config, query.stream).name, query.q, MAX_LISTED),
  );
}

import type { Pipeline } from '../pipeline.ts';
import { schemas } from '../schemas.ts';
import type { TypedApp } from '../typed-app.ts';

/** `GET /api/streams` */
export function streamsRoute(app: TypedApp, { config }: Pipeline): void {
  app.get('/api/streams', { schema: schemas.streams }, () => ({
    now: Date.now(),
    streams: config.streams,
  }));
}

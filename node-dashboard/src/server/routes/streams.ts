import type { FastifyInstance } from 'fastify';
import type { StreamsAnswer } from '../../shared/api.ts';
import type { Pipeline } from '../pipeline.ts';
import { schemas } from '../schemas.ts';

/** `GET /api/streams` */
export function streamsRoute(app: FastifyInstance, { config }: Pipeline): void {
  app.get('/api/streams', { schema: schemas.streams }, (): StreamsAnswer => {
    return { now: Date.now(), streams: config.streams };
  });
}

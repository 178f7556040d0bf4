import type { FastifyInstance } from 'fastify';
import type { HealthAnswer } from '../../shared/api.ts';
import type { Pipeline } from '../pipeline.ts';
import { schemas } from '../schemas.ts';

/** `GET /healthz` and `GET /api/health` */
export function healthRoutes(app: FastifyInstance, { board, tail, history }: Pipeline): void {
  app.get('/healthz', { schema: schemas.healthz, logLevel: 'warn' }, () => ({ status: 'ok' }));

  app.get('/api/health', { schema: schemas.health }, (): HealthAnswer => {
    const now = Date.now();
    return { now, components: board.components(now), kafka: tail.health, cassandra: history.health };
  });
}

import type { LiveSlots } from '../live-slots.ts';
import { createMetrics } from '../metrics.ts';
import type { Pipeline } from '../pipeline.ts';
import { schemas } from '../schemas.ts';
import type { TypedApp } from '../typed-app.ts';

/** `GET /metrics` */
export function metricsRoute(app: TypedApp, pipeline: Pipeline, slots: LiveSlots): void {
  const metrics = createMetrics(pipeline, slots);
  app.get('/metrics', { schema: schemas.metrics, logLevel: 'warn' }, async (_, reply) => {
    return reply.type(metrics.contentType).send(await metrics.metrics());
  });
}

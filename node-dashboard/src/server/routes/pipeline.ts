import { LOOK_INTERVAL } from '../pipeline-history.ts';
import type { Pipeline } from '../pipeline.ts';
import { schemas } from '../schemas.ts';
import type { TypedApp } from '../typed-app.ts';

/** `GET /api/pipeline` */
export function pipelineRoute(app: TypedApp, { past }: Pipeline): void {
  app.get('/api/pipeline', { schema: schemas.pipeline }, () => ({
    now: Date.now(),
    interval: LOOK_INTERVAL,
    ...past.columns(),
  }));
}

import { BadRequestError } from '../errors.ts';
import type { Pipeline } from '../pipeline.ts';
import { limitedTo, MAX_CHANGES } from '../plugins/rate-limit.ts';
import { schemas } from '../schemas.ts';
import type { TypedApp } from '../typed-app.ts';
import { findStream } from './query.ts';

/** `GET /api/alerts`, `POST /api/silences` and `DELETE /api/silences` */
export function alertRoutes(app: TypedApp, { config, alerts }: Pipeline): void {
  const limit = limitedTo(MAX_CHANGES);

  app.get('/api/alerts', { schema: schemas.alerts }, () => alerts.answer(Date.now()));

  app.post('/api/silences', { schema: schemas.silence, config: limit }, async ({ body }) => {
    const now = Date.now();
    const silence = { ...wanted(body), until: now + body.minutes * 60_000 };
    await alerts.silence(silence, now);
    return silence;
  });

  app.delete('/api/silences', { schema: schemas.unsilence, config: limit }, async ({ query }, reply) => {
    await alerts.unsilence(wanted(query), Date.now());
    return reply.code(204).send(null);
  });

  /** What is to be silenced: what is left out is all. */
  function wanted({ alert, stream, series }: { alert: string; stream?: string; series?: string }) {
    const known = config.alerts.map(({ name }) => name);
    if (!known.includes(alert)) {
      const names = known.length === 0 ? 'none is configured' : `there are: ${known.join(', ')}`;
      throw new BadRequestError(`there is no alert "${alert}"; ${names}`);
    }
    return {
      ...{ alert, series: series ?? '' },
      stream: stream === undefined ? '' : findStream(config, stream).name,
    };
  }
}

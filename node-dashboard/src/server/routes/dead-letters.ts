import { MAX_LETTERS } from '../dead-letters.ts';
import type { Pipeline } from '../pipeline.ts';
import { schemas } from '../schemas.ts';
import type { TypedApp } from '../typed-app.ts';
import { findStream } from './query.ts';

/** `GET /api/dead-letters` */
export function deadLettersRoute(app: TypedApp, { config, letters }: Pipeline): void {
  const { kept, tail, topic } = letters;
  app.get('/api/dead-letters', { schema: schemas.deadLetters }, ({ query }) => {
    const stream = query.stream === undefined ? null : findStream(config, query.stream).name;
    return {
      now: Date.now(),
      connection: tail.topicHealth(topic),
      lag: tail.lag,
      ...kept.find({ stream, reason: query.reason ?? null }, query.limit),
      kept: kept.kept,
      most: MAX_LETTERS,
      unreadable: kept.unreadable,
    };
  });
}

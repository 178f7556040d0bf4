import { randomUUID } from 'node:crypto';
import { BadRequestError } from '../errors.ts';
import type { Pipeline } from '../pipeline.ts';
import { limitedTo, MAX_CHANGES } from '../plugins/rate-limit.ts';
import { schemas } from '../schemas.ts';
import type { TypedApp } from '../typed-app.ts';
import { findStream, timesOf } from './query.ts';
import { parseTime } from './time.ts';

/** The longest span of annotations that a request may ask for: a partition for each month is read. */
const LONGEST = 400 * 86_400_000;
/** More than these nobody reads. */
const MAX_ANSWERED = 1000;

/** `GET /api/annotations` and `POST /api/annotations` */
export function annotationRoutes(app: TypedApp, { config, annotations }: Pipeline): void {
  app.get('/api/annotations', { schema: schemas.annotations }, async ({ query }) => {
    const { from, to } = timesOf(query, Date.now());
    if (to - from > LONGEST) {
      throw new BadRequestError('[from, to) spans more than 400 days: ask for a shorter time');
    }
    const stream = query.stream === undefined ? null : findStream(config, query.stream).name;
    const found = await annotations.between(from, to);
    const wanted = found.filter((one) => stream === null || one.stream === null || one.stream === stream);
    return { annotations: wanted.sort((a, b) => a.at - b.at).slice(-MAX_ANSWERED) };
  });

  app.post(
    '/api/annotations',
    { schema: schemas.annotate, config: limitedTo(MAX_CHANGES) },
    async ({ body }, reply) => {
      const at = timeOf('at', body.at) ?? Date.now();
      const until = timeOf('until', body.until);
      if (until !== null && until < at) {
        throw new BadRequestError(`until (${until}) must not be before at (${at})`);
      }
      const annotation = {
        ...{ id: randomUUID(), at, until, kind: 'note' as const, text: body.text },
        stream: body.stream === undefined ? null : findStream(config, body.stream).name,
      };
      await annotations.add(annotation);
      return reply.code(201).send(annotation);
    },
  );
}

function timeOf(name: string, value: number | string | undefined): number | null {
  return value === undefined ? null : parseTime(name, String(value));
}

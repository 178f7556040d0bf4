import { latestAnswer } from '../latest.ts';
import type { Pipeline } from '../pipeline.ts';
import { schemas } from '../schemas.ts';
import { SeriesList } from '../series-list.ts';
import type { TypedApp } from '../typed-app.ts';
import { findMetric, findStream, findWindow } from './query.ts';

/** `GET /api/latest` */
export function latestRoute(app: TypedApp, { config, history, latest }: Pipeline): void {
  const stored = new SeriesList((stream, limit) => history.series(stream, '', limit));
  app.get('/api/latest', { schema: schemas.latest }, async ({ query }, reply) => {
    const stream = findStream(config, query.stream);
    const metric = findMetric(stream, query.metric);
    const window = findWindow(stream, query.window);
    const windows = latest.get(stream.name);
    if (windows === undefined) {
      throw new Error(`the windows of ${stream.name} are not kept`);
    }
    const { search, past, group = null } = query;
    const found = latestAnswer(
      { metric, window, search, group, past },
      windows,
      await stored.of(stream.name),
    );
    const answer = { now: Date.now(), ...found };
    // A serializer that checks every number against its type would take longer than all else.
    return reply.type('application/json; charset=utf-8').send(JSON.stringify(answer) as never);
  });
}

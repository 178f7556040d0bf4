import { fastify } from 'fastify';
import { expect, it } from 'vitest';
import { Notes } from '../src/server/annotations/notes.ts';
import { ErrorCounts } from '../src/server/error-counts.ts';
import { HealthBoard } from '../src/server/health-board.ts';
import type { TopicRecord } from '../src/server/kafka-tail.ts';
import { LiveStream } from '../src/server/live-stream.ts';
import { healthSink, windowsSink } from '../src/server/topic-sinks.ts';
import { windowMessage } from './messages.ts';

const { log } = fastify();
const REPORT = {
  ...{ component: 'spark-job', instance: 'a:1', stream: 'host', since: 0, time: 1000 },
  ...{ records_in: 0, records_out: 0, bytes_in: 0, bytes_out: 0 },
};
const NOBODY = new Notes(
  { add: () => Promise.resolve(), between: () => Promise.resolve([]) },
  () => undefined,
);

/** Records with these values, as Kafka's client gives them: it does not tell what is empty from what is not there. */
function records(...values: readonly (string | null)[]): TopicRecord[] {
  return values.map((value, offset) => ({
    ...{ offset: BigInt(offset), key: Buffer.from('key'), timestamp: 0, headers: [] },
    value: value === null ? null : Buffer.from(value),
  }));
}

it('a record that deletes its key is no invalid window, and nothing is missed of those beside it', () => {
  const errors = new ErrorCounts();
  const stream = new LiveStream('host');
  const sink = windowsSink(stream, { log, errors });
  sink.begin('id', new Map([[0, 0n]]), new Map([[0, 0n]]));
  const window = JSON.stringify(windowMessage());
  sink.append(0, records(null, window, '', window, 'no window'), 5n);
  expect(stream.counters.records_in).toBe(2);
  expect(errors.totals()).toEqual({ invalid_window: 1 });
});

it('a record that deletes its key is no invalid health report', () => {
  const errors = new ErrorCounts();
  const board = new HealthBoard();
  const sink = healthSink(board, NOBODY, { log, errors });
  sink.append(0, records(null, JSON.stringify(REPORT), '', '{}'), 4n);
  expect(board.components(1000).map(({ component }) => component)).toEqual(['spark-job']);
  expect(errors.totals()).toEqual({ invalid_health: 1 });
});

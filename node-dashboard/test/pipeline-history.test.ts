import Fastify from 'fastify';
import { expect, it, vi } from 'vitest';
import { buildApp } from '../src/server/app.ts';
import { HealthBoard } from '../src/server/health-board.ts';
import { createPipeline } from '../src/server/pipeline.ts';
import { LOOKS, PipelineHistory } from '../src/server/pipeline-history.ts';
import type { HealthReport } from '../src/shared/api.ts';
import type { PipelineAnswer } from '../src/shared/pipeline-api.ts';
import { configOf } from './configuration.ts';

const START = 1_700_000_000_000;

function report(fields: Partial<HealthReport>): HealthReport {
  return {
    ...{ component: 'spark-job', instance: 'a:1', stream: 'host', since: START, time: START },
    ...{ records_in: 0, records_out: 0, bytes_in: 0, bytes_out: 0, errors: {}, lag: 0 },
    ...{ state: 'running', waiting_for: null, last_error: null, last_error_time: null },
    ...fields,
  };
}

function boardOf(...reports: Partial<HealthReport>[]): HealthBoard {
  const board = new HealthBoard();
  for (const fields of reports) {
    const told = report(fields);
    board.add(told, told.time);
  }
  return board;
}

function lookAt(board: HealthBoard, ...times: number[]) {
  const past = new PipelineHistory((now) => board.components(now));
  for (const time of times) {
    past.look(time);
  }
  return past.columns();
}

it('a part that is silent has no rate and no lag, rather than zero', () => {
  const board = boardOf({ records_in: 0, lag: 3 }, { time: START + 1000, records_in: 50, lag: 4 });
  expect(lookAt(board, START + 1000, START + 10_000)).toMatchObject({
    times: [START + 1000, START + 10_000],
    parts: [{ component: 'spark-job', stream: 'host', records_in: [50, null], lag: [4, null] }],
  });
});

it('instances of a part are added up, unless one does not say', () => {
  const at = { component: 'freshet-cassandra-writer', stream: null };
  const board = boardOf(
    { ...at, records_in: 0, lag: 1 },
    { ...at, time: START + 1000, records_in: 10, lag: 1 },
    { ...at, instance: 'b:1', records_in: 0, lag: 2 },
    { ...at, instance: 'b:1', time: START + 1000, records_in: 5, lag: null },
  );
  const [part] = lookAt(board, START + 1000).parts;
  expect(part).toMatchObject({ records_in: [15], lag: [null] });
});

it('an instance that another has replaced takes nothing from what is known', () => {
  const board = boardOf(
    { instance: 'a:1' },
    { instance: 'a:2', time: START + 9000, records_in: 0, lag: 7 },
    { instance: 'a:2', time: START + 10_000, records_in: 20, lag: 7 },
  );
  expect(lookAt(board, START + 10_000).parts).toMatchObject([{ records_in: [20], lag: [7] }]);
});

it('a part that comes later was not known before', () => {
  const board = boardOf({});
  const past = new PipelineHistory((now) => board.components(now));
  past.look(START);
  board.add(
    report({ component: 'freshet-producer', stream: null, lag: 5, time: START + 1000 }),
    START + 1000,
  );
  past.look(START + 1000);
  expect(past.columns().parts.find(({ component }) => component === 'freshet-producer')?.lag).toEqual([
    null,
    5,
  ]);
});

it('so many looks are remembered, and so many parts', () => {
  let component = 0;
  const past = new PipelineHistory(() =>
    Array.from({ length: 300 }, () => {
      component += 1;
      return { ...report({ component: `part-${component}` }), age: 0, stale: false, rates: null };
    }),
  );
  for (let look = 0; look < LOOKS + 5; look += 1) {
    past.look(START + look);
  }
  const { times, parts } = past.columns();
  expect([times.length, times[0], parts.length]).toEqual([LOOKS, START + 5, 256]);
});

it('GET /api/pipeline gives what was seen since the start', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  const config = await configOf();
  const pipeline = createPipeline(config, Fastify({ logger: false }).log);
  const app = await buildApp({ config, logLevel: 'silent', pipeline });
  try {
    await app.ready();
    pipeline.board.add(report({ time: Date.now(), lag: 9 }), Date.now());
    vi.advanceTimersByTime(5000);
    const answer = (await app.inject({ url: '/api/pipeline' })).json<PipelineAnswer>();
    expect(answer).toMatchObject({ interval: 5000, parts: [{ component: 'spark-job', lag: [9] }] });
    expect(answer.times).toHaveLength(1);
  } finally {
    vi.useRealTimers();
    await app.close();
  }
});

import Fastify, { type FastifyInstance } from 'fastify';
import { afterEach, expect, it, vi } from 'vitest';
import type { AnomaliesAnswer } from '../src/shared/api.ts';
import { buildApp } from '../src/server/app.ts';
import { createPipeline } from '../src/server/pipeline.ts';
import { configOf } from './configuration.ts';
import { windowMessage } from './messages.ts';

const HOUR = 3_600_000;
const TO = 1_700_000_000_000 - (1_700_000_000_000 % HOUR);
const ASKED = `/api/anomalies?stream=host&window=10s&from=${TO - HOUR}&to=${TO}`;

let app: FastifyInstance;

/** Series with a metric each, which is 1 to 5 in turn, and wild half an hour before the end. */
async function start(series: readonly string[], anomalies = true): Promise<{ readonly asked: string[] }> {
  const config = await configOf({ anomalies });
  const pipeline = createPipeline(config, Fastify({ logger: false }).log);
  const asked: string[] = [];
  vi.spyOn(pipeline.history, 'series').mockResolvedValue({
    series: series.map((name) => ({ series: name, metrics: ['usage'], last_seen: TO })),
    truncated: false,
  });
  vi.spyOn(pipeline.history, 'windows').mockImplementation(({ from, to, series: name, metric }) => {
    asked.push(`${name} ${metric}`);
    const starts = Array.from({ length: (to - from) / 10_000 }, (_, index) => from + index * 10_000);
    return Promise.resolve(
      starts.map((start, index) =>
        windowMessage({ start, end: start + 10_000, avg: start === TO - HOUR / 2 ? 50 : 1 + (index % 5) }),
      ),
    );
  });
  app = await buildApp({ config, logLevel: 'silent', pipeline });
  await app.ready();
  return { asked };
}

afterEach(async () => {
  await app.close();
});

it('marks what lies far outside of the day before, with the reason, of all series', async () => {
  const { asked } = await start(['a', 'b']);
  const { anomalies } = (await app.inject({ url: ASKED })).json<AnomaliesAnswer>();
  expect(asked).toEqual(['a usage', 'b usage']);
  expect(anomalies).toMatchObject([
    { series: 'a', metric: 'usage', start: TO - HOUR / 2, avg: 50, median: 3 },
    { series: 'b', metric: 'usage', start: TO - HOUR / 2, avg: 50, median: 3 },
  ]);
  expect(anomalies[0]?.text).toContain('above the median of the day before, 3');
  expect(anomalies[0]?.score).toBeCloseTo((0.6745 * 47) / 1, 6);
});

it('marks only what is asked for', async () => {
  const { asked } = await start(['a', 'b']);
  await app.inject({ url: `${ASKED}&series=b&metric=load` });
  expect(asked).toEqual(['b load']);
});

it('marks nothing where that is switched off', async () => {
  const { asked } = await start(['a'], false);
  expect((await app.inject({ url: ASKED })).json()).toEqual({ anomalies: [] });
  expect(asked).toEqual([]);
});

it('refuses to read more than a request may', async () => {
  const { asked } = await start(Array.from({ length: 40 }, (_, index) => `s${index}`));
  const answer = await app.inject({ url: ASKED });
  expect(answer.statusCode).toBe(400);
  expect(answer.payload).toMatch(/more than the 300000 windows/);
  expect(asked).toEqual([]);
});

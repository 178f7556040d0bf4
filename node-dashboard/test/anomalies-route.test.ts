import Fastify, { type FastifyInstance } from 'fastify';
import { afterEach, expect, it, vi, type MockInstance } from 'vitest';
import type { AnomaliesAnswer } from '../src/shared/api.ts';
import { buildApp } from '../src/server/app.ts';
import { createPipeline, type Pipeline } from '../src/server/pipeline.ts';
import { mostJudged } from '../src/shared/unusual.ts';
import { parseWindowSpec } from '../src/shared/window-spec.ts';
import { configOf } from './configuration.ts';
import { windowMessage } from './messages.ts';

const HOUR = 3_600_000;
const TO = 1_700_000_000_000 - (1_700_000_000_000 % HOUR);
const ASKED = `/api/anomalies?stream=host&window=10s&from=${TO - HOUR}&to=${TO}`;

let app: FastifyInstance;

interface Started {
  readonly asked: string[];
  readonly windows: MockInstance<Pipeline['history']['windows']>;
}

/** Series with a metric each, which is 1 to 5 in turn, and wild half an hour before the end. */
async function start(series: readonly string[], anomalies = true): Promise<Started> {
  const config = await configOf({ anomalies });
  const pipeline = createPipeline(config, Fastify({ logger: false }).log);
  const asked: string[] = [];
  vi.spyOn(pipeline.history, 'series').mockResolvedValue({
    series: series.map((name) => ({ series: name, metrics: ['usage'], last_seen: TO })),
    truncated: false,
  });
  const windows = vi.spyOn(pipeline.history, 'windows');
  windows.mockImplementation(({ from, to, series: name, metric }) => {
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
  return { asked, windows };
}

afterEach(async () => {
  await app.close();
});

it('marks what lies far outside of the day before, with the reason, of all series', async () => {
  const { asked } = await start(['a', 'b']);
  const { anomalies, examined } = (await app.inject({ url: ASKED })).json<AnomaliesAnswer>();
  expect(examined).toBe(2);
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
  expect((await app.inject({ url: ASKED })).json()).toEqual({ anomalies: [], examined: 0 });
  expect(asked).toEqual([]);
});

it('refuses to read more than a request may, and takes as much as it may', async () => {
  const { asked, windows } = await start(Array.from({ length: 40 }, (_, index) => `s${index}`));
  const most = mostJudged(parseWindowSpec('10s'), TO - HOUR, TO);
  const named = (count: number): string =>
    `${ASKED}&metric=usage${Array.from({ length: count }, (_, index) => `&series=s${index}`).join('')}`;
  windows.mockResolvedValue([]);
  expect((await app.inject({ url: named(most) })).json<AnomaliesAnswer>().examined).toBe(most);
  expect((await app.inject({ url: named(most + 1) })).statusCode).toBe(400);
  const answer = await app.inject({ url: ASKED });
  expect(answer.statusCode).toBe(400);
  expect(answer.payload).toMatch(/more than the 300000 windows/);
  expect(asked).toEqual([]);
});

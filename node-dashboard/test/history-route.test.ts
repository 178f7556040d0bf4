import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { Ajv } from 'ajv';
import Fastify, { type FastifyInstance } from 'fastify';
import { afterEach, beforeEach, describe, expect, it, vi, type MockInstance } from 'vitest';
import { buildApp } from '../src/server/app.ts';
import { UnavailableError } from '../src/server/errors.ts';
import { createPipeline, type Pipeline } from '../src/server/pipeline.ts';
import type { HistoryAnswer } from '../src/shared/api.ts';
import { fromColumns, PAGE_COLUMNS, withoutDeltas } from '../src/shared/columns.ts';
import { MAX_CHARTS } from '../src/shared/limits.ts';
import { parseWindowSpec } from '../src/shared/window-spec.ts';
import { configOf } from './configuration.ts';
import { windowMessage } from './messages.ts';

const HISTORY = '/api/history?stream=host&window=10s&series=a&metric=usage';
const END = 1_700_000_000_000;
const MINUTE = 60_000;

const METRICS = Array.from({ length: 11 }, (_, index) => `metric${index}`);

let app: FastifyInstance;
let asked: MockInstance<Pipeline['history']['windows']>;

beforeEach(async () => {
  const plain = await configOf();
  const streams = plain.streams.map((stream) => ({ ...stream, metrics: [...stream.metrics, ...METRICS] }));
  const config = { ...plain, streams };
  const pipeline = createPipeline(config, Fastify({ logger: false }).log);
  asked = vi.spyOn(pipeline.history, 'windows').mockImplementation(({ from, to, window }) => {
    const first = Math.ceil(from / window.slide) * window.slide;
    const length = Math.max(0, Math.ceil((to - first) / window.slide));
    const starts = Array.from({ length }, (_, index) => first + index * window.slide);
    return Promise.resolve(
      starts.map((start) => windowMessage({ start, end: start + window.size, avg: start })),
    );
  });
  app = await buildApp({ config, logLevel: 'silent', pipeline });
  await app.ready();
});

afterEach(async () => {
  await app.close();
});

const MANY = `/api/history?stream=host&window=10s&from=${END - MINUTE}&to=${END}`;

function names(parameter: string, count: number): string {
  return Array.from({ length: count }, (_, index) => `${parameter}=${index}`).join('&');
}

async function history(more: string): Promise<HistoryAnswer> {
  const response = await app.inject({ url: `${HISTORY}${more}` });
  expect(response.statusCode).toBe(200);
  return response.json<HistoryAnswer>();
}

describe('the history', () => {
  it('of several series and metrics comes in one answer', async () => {
    const answer = await history(`&series=b&series=a&metric=load&from=${END - MINUTE}&to=${END}`);
    expect(answer.charts.map(({ series, metric }) => `${series} ${metric}`)).toEqual([
      ...['a usage', 'a load', 'b usage', 'b load'],
    ]);
    expect(answer).toMatchObject({ window: '10s', step: 10_000, stride: 10_000 });
    expect(fromColumns(answer.charts[0]?.points ?? {})).toHaveLength(6);
    expect(asked).toHaveBeenCalledTimes(4);
  });

  it('has no more points than are asked for, merged by the rules of windows, and no percentiles then', async () => {
    const answer = await history(`&points=100&from=${END - 1440 * MINUTE}&to=${END}`);
    const points = fromColumns(answer.charts[0]?.points ?? {});
    expect(answer).toMatchObject({ window: '10s', step: 870_000, stride: 10_000 });
    expect(points.length).toBeLessThanOrEqual(101);
    const middle = points[50];
    expect(middle).toMatchObject({ count: 87, merged: 87, p50: null, p95: null, p99: null });
    expect((middle?.end ?? 0) - (middle?.start ?? 0)).toBe(870_000);
  });

  it('of very many windows is merged in turns with others, to the same points', async () => {
    const count = 35_000;
    let turns = 0;
    let isMerging = true;
    const takeTurn = (): void => {
      turns += 1;
      if (isMerging) {
        setImmediate(takeTurn);
      }
    };
    asked.mockImplementationOnce(({ from }) => {
      const first = Math.ceil(from / 10_000) * 10_000;
      setImmediate(takeTurn);
      return Promise.resolve(
        Array.from({ length: count }, (_, index) => {
          const start = first + index * 10_000;
          return windowMessage({ start, end: start + 10_000 });
        }),
      );
    });
    const answer = await history(`&points=2000&from=${END - count * 10_000}&to=${END}`);
    isMerging = false;
    const points = fromColumns(answer.charts[0]?.points ?? {});
    const merged = points.map((point) => point.merged ?? 0);
    expect(merged.reduce((total, windows) => total + windows, 0)).toBe(count);
    expect(new Set(points.map(({ start }) => start)).size).toBe(points.length);
    expect(turns).toBeGreaterThanOrEqual(4);
  });

  it('of sliding windows is merged from those that do not overlap', async () => {
    const url = `/api/history?stream=host&window=5m/1m&series=a&metric=usage&points=10`;
    const { body } = await app.inject({ url: `${url}&from=${END - 1440 * MINUTE}&to=${END}` });
    const answer = JSON.parse(body) as HistoryAnswer;
    expect(answer).toMatchObject({ window: '5m/1m', stride: 300_000, step: 8_700_000 });
    // As many readings as windows of five minutes, of which each has one.
    expect(fromColumns(answer.charts[0]?.points ?? {})[5]).toMatchObject({ count: 29, merged: 29 });
  });

  it('ends with windows as they are, while those can still change', async () => {
    const now = Date.now();
    const answer = await history(`&points=100&from=${now - 1440 * MINUTE}&to=${now}`);
    const points = fromColumns(answer.charts[0]?.points ?? {});
    const raw = points.filter(({ merged }) => merged === undefined);
    expect(raw.length).toBeGreaterThan(0);
    expect(raw.every(({ start, end }) => end - start === 10_000)).toBe(true);
    expect(Math.min(...raw.map(({ start }) => start)) % answer.step).toBe(0);
  });

  it('is what /openapi.json says of it', async () => {
    const { paths } = (await app.inject({ url: '/openapi.json' })).json<{
      paths: Record<
        string,
        { get: { responses: Record<string, { content: Record<string, { schema: object }> }> } }
      >;
    }>();
    const schema = paths['/api/history']?.get.responses['200']?.content['application/json']?.schema ?? {};
    const validate = new Ajv({ strict: false }).compile(schema);
    for (const more of ['', '&points=2', '&digits=5']) {
      expect(
        validate(await history(`${more}&from=${END - MINUTE}&to=${END}`)),
        JSON.stringify(validate.errors),
      ).toBe(true);
    }
  });

  it('of as many charts as one request may ask for comes, and of more it is refused for good', async () => {
    const ask = (series: number, metrics: readonly string[]) =>
      app.inject({
        url: `${MANY}&${names('series', series)}&${metrics.map((m) => `metric=${m}`).join('&')}`,
      });
    const most = await ask(MAX_CHARTS / 10, METRICS.slice(0, 10));
    expect(most.statusCode).toBe(200);
    expect(most.json<HistoryAnswer>().charts).toHaveLength(MAX_CHARTS);
    asked.mockClear();
    const more = await ask(MAX_CHARTS / 10, METRICS);
    expect(more.statusCode).toBe(400);
    expect(more.json<{ message: string }>().message).toBe(
      '1100 charts are more than the 1000 that a request may ask for: ask for fewer series and metrics',
    );
    expect(asked).not.toHaveBeenCalled();
  });

  it('reads nothing more once a chart has failed', async () => {
    asked.mockRejectedValue(new UnavailableError('cassandra is away'));
    const response = await app.inject({ url: `${MANY}&${names('series', 100)}&metric=usage&metric=load` });
    expect(response.statusCode).toBe(503);
    // Those that had begun.
    expect(asked.mock.calls.length).toBeLessThanOrEqual(6);
    asked.mockClear();
    // What was skipped has left its place to others.
    expect((await app.inject({ url: `${MANY}&series=a&metric=usage` })).statusCode).toBe(503);
    expect(asked).toHaveBeenCalledTimes(1);
  });

  it.each([
    ['&series=', /"series" is empty/],
    ['&metric=nope', /has no metric "nope"/],
    ['&points=0', /points must be >= 1/],
    ['&points=many', /points must be integer/],
    ['&digits=99', /digits must be <= 17/],
    ['&step=5', /no parameter "step"; there are: stream, series, metric, window, from, to, points, digits/],
    [`&from=0&to=${END}`, /more than the 300000 windows that a request may read: ask for fewer series/],
    [
      Array.from({ length: 101 }, (_, index) => `&series=${index}`).join(''),
      /must NOT have more than 100 items/,
    ],
  ])('is refused for %s', async (more, message) => {
    const response = await app.inject({ url: `${HISTORY}${more}` });
    expect(response.statusCode).toBe(400);
    expect(response.json<{ message: string }>().message).toMatch(message);
  });
});

describe('an answer', () => {
  it('is compressed for clients that can take it', async () => {
    const url = `${HISTORY}&from=${END - 60 * MINUTE}&to=${END}`;
    const plain = await app.inject({ url });
    expect(plain.headers['content-encoding']).toBeUndefined();
    const compressed = await app.inject({ url, headers: { 'accept-encoding': 'gzip' } });
    expect(compressed.headers).toMatchObject({ 'content-encoding': 'gzip' });
    const body = JSON.parse(gunzipSync(compressed.rawPayload).toString()) as HistoryAnswer;
    expect(body.charts).toEqual(plain.json<HistoryAnswer>().charts);
    expect(compressed.rawPayload.length).toBeLessThan(plain.rawPayload.length / 5);
    const best = await app.inject({ url, headers: { 'accept-encoding': 'gzip, deflate, br' } });
    expect(best.headers).toMatchObject({ 'content-encoding': 'br', vary: 'accept-encoding' });
  });
});

describe('a month of twenty series', () => {
  const DAYS = 30 * 1440 * MINUTE;
  const SERIES = Array.from({ length: 20 }, (_, index) => `series=sensor-${index}`).join('&');
  const MONTH = `/api/history?stream=host&window=10s&metric=usage&${SERIES}&from=${END - DAYS}&to=${END}&points=1200`;

  /** A pipeline that has hours as well, with values that no compressor foresees. */
  async function start(): Promise<void> {
    await app.close();
    const plain = await configOf();
    const windows = ['10s', '1m', '1h'].map((label) => parseWindowSpec(label));
    const config = { ...plain, streams: plain.streams.map((stream) => ({ ...stream, windows })) };
    const pipeline = createPipeline(config, Fastify({ logger: false }).log);
    let seed = 7;
    const random = (): number => {
      seed = (seed * 48_271) % 2_147_483_647;
      return seed / 2_147_483_647;
    };
    vi.spyOn(pipeline.history, 'windows').mockImplementation(({ from, to, window }) => {
      const first = Math.ceil(from / window.slide) * window.slide;
      const starts = Array.from(
        { length: Math.ceil((to - first) / window.slide) },
        (_, index) => first + index * window.slide,
      );
      return Promise.resolve(
        starts.map((start) => {
          const [avg, min, max] = [20 + random() * 5, 10 + random() * 5, 30 + random() * 5];
          const [p50, p95, p99] = [20 + random() * 5, 26 + random(), 28 + random()];
          return windowMessage({
            ...{
              start,
              end: start + window.size,
              avg,
              min,
              max,
              p50,
              p95,
              p99,
              count: 3600,
              sum: avg * 3600,
            },
            ...{
              stddev: random(),
              last_event: start + window.size - Math.ceil(random() * 1000),
              revision: 3600,
            },
          });
        }),
      );
    });
    app = await buildApp({ config, logLevel: 'silent', pipeline });
    await app.ready();
  }

  it('is of the hours, and has less than 500 kB of its main fields before it is compressed', async () => {
    await start();
    const url = `${MONTH}&digits=5&deltas=true&fields=avg&fields=min&fields=max&fields=count`;
    const answer = await app.inject({ url });
    const { window, step, charts } = answer.json<HistoryAnswer>();
    expect([window, step, charts.length]).toEqual(['1h', 3_600_000, 20]);
    expect(charts[0]?.points.start).toHaveLength(720);
    expect(answer.rawPayload.length).toBeLessThan(500_000);
  });

  it.each([
    ['br', brotliDecompressSync],
    ['gzip', gunzipSync],
  ] as const)(
    'has less than 500 kB on the wire as the page asks for it, with %s',
    async (encoding, unpack) => {
      await start();
      const asked = Object.entries(PAGE_COLUMNS).map(([name, value]) => `&${name}=${value}`);
      const url = `${MONTH}${asked.join('')}`;
      const answer = await app.inject({ url, headers: { 'accept-encoding': encoding } });
      expect(answer.headers['content-encoding']).toBe(encoding);
      expect(answer.rawPayload.length).toBeLessThan(500_000);
      const answered = JSON.parse(unpack(answer.rawPayload).toString()) as HistoryAnswer;
      for (const { points } of answered.charts) {
        const values = fromColumns(withoutDeltas(points));
        expect(values.at(-1)?.start).toBe((values[0]?.start ?? 0) + 719 * 3_600_000);
        values.forEach(({ start, end, sum, avg, count }) => {
          expect([end - start, count]).toEqual([3_600_000, 3600]);
          expect(Math.abs(sum / (avg * count) - 1)).toBeLessThan(1e-7);
        });
      }
    },
  );

  it('of a field that there is not is refused', async () => {
    await start();
    const answer = await app.inject({ url: `${MONTH}&fields=mean` });
    expect(answer.statusCode).toBe(400);
    expect(answer.payload).toMatch(/fields/);
  });
});

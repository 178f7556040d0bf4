import type { FastifyInstance } from 'fastify';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { buildApp } from '../src/server/app.ts';
import { HEALTH_FIELDS, SOURCE_FIELDS } from '../src/shared/generated/health.ts';
import { WINDOW_MEANINGS } from '../src/shared/generated/window.ts';
import { configOf } from './configuration.ts';
import { windowSchema } from './openapi.ts';

let app: FastifyInstance;

async function start(token?: string): Promise<void> {
  app = await buildApp({ config: await configOf({ token }), logLevel: 'silent' });
  await app.ready();
}

afterEach(async () => {
  await app.close();
});

async function get(url: string, headers: Record<string, string> = {}) {
  const response = await app.inject({ url, headers });
  const isJson = response.headers['content-type']?.toString().startsWith('application/json') ?? false;
  return {
    status: response.statusCode,
    headers: response.headers,
    body: isJson ? response.json<never>() : null,
  };
}

const WINDOWS = '/api/windows?stream=host&series=laptop/cpu&metric=usage&window=10s';

describe('while Kafka and Cassandra are away', () => {
  beforeEach(() => start());

  it('the dashboard itself is healthy and tells its streams', async () => {
    expect(await get('/healthz')).toMatchObject({ status: 200, body: { status: 'ok' } });
    const notReady = { ready: false, waiting_for: ['Kafka', 'Cassandra'] };
    expect(await get('/ready')).toMatchObject({ status: 503, body: notReady });
    const { status, body } = await get('/api/streams');
    expect(status).toBe(200);
    expect(body).toMatchObject({
      now: expect.any(Number) as number,
      streams: [
        {
          name: 'host',
          title: 'This machine',
          unit: null,
          units: { usage: 'percent' },
          metrics: ['usage', 'load'],
          windows: [
            { label: '10s', size: 10_000, slide: 10_000 },
            { label: '5m/1m', size: 300_000, slide: 60_000 },
          ],
          lateness: 10_000,
        },
      ],
    });
  });

  it.each([
    [WINDOWS, /cassandra at/],
    ['/api/series?stream=host', /cassandra at/],
    ['/api/live?stream=host', /kafka at/],
  ])('%s asks to come again and says what is missing', async (url, message) => {
    const { status, headers, body } = await get(url);
    expect(status).toBe(503);
    expect(headers['retry-after']).toBe('2');
    expect(body).toMatchObject({ statusCode: 503, message: expect.stringMatching(message) as string });
  });

  it('the health says so too', async () => {
    const { body } = await get('/api/health');
    expect(body).toMatchObject({
      components: [],
      kafka: { connected: false },
      cassandra: { connected: false },
    });
  });

  it('closes at once', async () => {
    const begun = Date.now();
    await app.close();
    expect(Date.now() - begun).toBeLessThan(3000);
  });
});

describe('a query', () => {
  beforeEach(() => start());

  it.each([
    ['0', '1000'],
    ['2026-01-31T12:00:00Z', '2026-01-31T12:00:01Z'],
    ['2026-01-31T12:00:00%2B01:00', '2026-01-31T12:00:00Z'],
    ['2026-01-31', '2026-01-31T00:00:00.001Z'],
  ])('takes the times from %s to %s', async (from, to) => {
    // It gets as far as Cassandra, which is away.
    expect(await get(`${WINDOWS}&from=${from}&to=${to}`)).toMatchObject({ status: 503 });
  });

  it.each([
    ['/api/series', /stream/],
    ['/api/series?stream=', /stream/],
    ['/api/series?stream=nope', /there is no stream "nope"; there are: host/],
    ['/api/live?stream=nope', /there is no stream "nope"/],
    ['/api/live?stream=host&window=11s', /has no window "11s"; it has: 10s, 5m\/1m/],
    [WINDOWS.replace('usage', 'nope'), /has no metric "nope"; it has: usage, load/],
    [WINDOWS.replace('10s', '11s'), /has no window "11s"; it has: 10s, 5m\/1m/],
    [
      `${WINDOWS}&from=yesterday`,
      /"from" is "yesterday": it takes milliseconds since the epoch, or ISO 8601/,
    ],
    [`${WINDOWS}&from=-1`, /"from" is "-1": it takes/],
    [`${WINDOWS}&to=NaN`, /"to" is "NaN"/],
    [`${WINDOWS}&to=1.5`, /"to" is "1\.5"/],
    [`${WINDOWS}&to=1e12`, /"to" is "1e12"/],
    [`${WINDOWS}&to=8640000000000001`, /"to" is "8640000000000001"/],
    [`${WINDOWS}&from=2026-02-30T00:00:00Z`, /is the date real/],
    [`${WINDOWS}&from=2026-01-31T12:00:00`, /the time zone there/],
    [
      `${WINDOWS}&form=1`,
      /there is no parameter "form"; there are: stream, series, metric, window, from, to/,
    ],
    [`${WINDOWS}&From=1&limit=2`, /there are no parameters "From", "limit"; there are/],
    [`${WINDOWS}&from=1&from=2`, /"from" is there 2 times: give it once/],
    [`${WINDOWS}&from=`, /"from" is empty/],
    [`${WINDOWS}&stream=host`, /"stream" is there 2 times/],
    ['/api/series?stream=host&q=a&q=b', /"q" is there 2 times/],
    ['/api/series?stream=host&search=a', /no parameter "search"; there are: stream, q/],
    ['/api/live?stream=host&series=a&series=', /"series" is empty/],
    ['/api/live?stream=host&last_event_id=', /"last_event_id" is empty/],
    [
      `/api/live?stream=host&last_event_id=${'0:1,'.repeat(3000)}`,
      /last_event_id must NOT have more than 200/,
    ],
    ['/api/streams?stream=host', /no parameter "stream"; this address takes none/],
    ['/api/health?verbose', /no parameter "verbose"; this address takes none/],
    ['/healthz?a=1', /no parameter "a"; this address takes none/],
    ['/openapi.json?format=yaml', /no parameter "format"; this address takes none/],
    ['/api/streams?__proto__=1&constructor=2', /no parameters "__proto__", "constructor"/],
    [`${WINDOWS}&from=2000&to=1000`, /from \(2000\) must be before to \(1000\)/],
    [`${WINDOWS}&from=0&to=1700000000000`, /spans 170000000 windows of 10s, more than the 50000/],
  ])('%s is refused with a reason', async (url, message) => {
    const { status, body } = await get(url);
    expect(status).toBe(400);
    expect(body).toMatchObject({ error: 'Bad Request', message: expect.stringMatching(message) as string });
  });
});

it('describes every route in /openapi.json', async () => {
  await start();
  const { body } = await get('/openapi.json');
  const { openapi, paths } = body as unknown as { openapi: string; paths: Record<string, object> };
  expect(openapi).toBe('3.1.0');
  expect(Object.keys(paths).sort()).toEqual([
    ...[
      '/api/alerts',
      '/api/annotations',
      '/api/anomalies',
      '/api/dead-letters',
      '/api/health',
      '/api/history',
      '/api/latest',
      '/api/live',
      '/api/pipeline',
      '/api/series',
      '/api/silences',
      '/api/streams',
      '/api/windows',
      '/badge',
      '/healthz',
      '/metrics',
      '/ready',
    ],
  ]);
});

it('describes every field of a health report in /openapi.json, and requires those that are always there', async () => {
  await start();
  const text = JSON.stringify((await get('/openapi.json')).body);
  for (const [name, { description }] of Object.entries({ ...HEALTH_FIELDS, ...SOURCE_FIELDS })) {
    expect(text).toContain(`"${name}":{"type":`);
    expect(text).toContain(JSON.stringify(description));
  }
  const identity = '"component","instance","since","time"';
  const counters = '"records_in","records_out","bytes_in","bytes_out"';
  expect(text).toContain(`[${identity},${counters},"stream","errors","lag","age","stale","rates"]`);
});

it('says in /openapi.json what percentiles, partial windows, times and resume ids are', async () => {
  await start();
  const text = JSON.stringify((await get('/openapi.json')).body);
  expect(text.match(/exact of at most 32 readings, else within 1 % of it/g)).toHaveLength(3);
  for (const part of ['"partial"', 'waiting_for', 'lost_offsets', 'notices']) {
    expect(text).toContain(part);
  }
  expect(text).toMatch(/"last_event_id".{0,200}"maxLength":200|"maxLength":200.{0,200}"last_event_id"/);
  expect(text).toContain('2026-01-31T12:00:00Z');
});

it('describes every field of a window in /openapi.json', async () => {
  await start();
  const window = await windowSchema(app);
  expect(Object.keys(window.properties)).toEqual(Object.keys(WINDOW_MEANINGS));
  expect(window.required).toEqual(Object.keys(WINDOW_MEANINGS).filter((name) => name !== 'partial'));
  expect(window.properties).toMatchObject({
    start: { type: 'integer', description: WINDOW_MEANINGS.start },
    count: { type: 'integer' },
    avg: { type: 'number' },
    partial: { enum: [true] },
  });
});

it('sends security headers with everything', async () => {
  await start();
  for (const url of ['/healthz', '/api/series', '/nowhere']) {
    const { headers } = await get(url);
    expect(headers).toMatchObject({
      'content-security-policy':
        "default-src 'none';script-src 'self';style-src 'self';img-src 'self';connect-src 'self';" +
        "base-uri 'none';form-action 'self';frame-ancestors 'none'",
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-resource-policy': 'same-origin',
      'referrer-policy': 'no-referrer',
      'x-content-type-options': 'nosniff',
    });
  }
});

describe('the page of the API', () => {
  beforeEach(() => start('secret'));

  it('shows it with files of its own, and no script or style but those', async () => {
    const { payload, headers } = await app.inject({ url: '/docs' });
    expect(headers['content-security-policy']).toContain(
      "default-src 'none';script-src 'self';style-src 'self'",
    );
    const files = [...payload.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, file]) => file ?? '');
    expect(files.length).toBeGreaterThan(4);
    for (const file of files) {
      expect(file).toMatch(/^\/docs\/static\//);
      expect((await app.inject({ url: file })).statusCode).toBe(200);
    }
    expect(payload).not.toMatch(/<script[^>]*>\s*[^\s<]/);
  });

  it('is told what is in /openapi.json', async () => {
    const [told, whole] = await Promise.all(
      ['/docs/json', '/openapi.json'].map((url) => app.inject({ url })),
    );
    expect(told?.json()).toEqual(whole?.json());
  });
});

describe('with a token', () => {
  beforeEach(() => start('correct horse'));

  it('an address that is none is not found', async () => {
    expect(await get('//')).toMatchObject({ status: 404 });
  });

  it.each([
    ['none', '/api/streams', {}],
    ['a wrong one', '/api/streams?token=wrong', {}],
    ['a wrong header', '/api/streams', { authorization: 'Bearer correct' }],
    ['another way to write the address', '/%61pi/streams', {}],
    ['a repeated parameter', '/api/streams?token=correct%20horse&token=wrong', {}],
    ['a wrong cookie', '/api/streams', { cookie: 'freshet_token=%' }],
  ])('the API is closed to %s', async (_, url, headers) => {
    expect(await get(url, headers)).toMatchObject({ status: 401, headers: { 'www-authenticate': 'Bearer' } });
  });

  it.each([
    ['a header', '/api/streams', { authorization: 'Bearer correct horse' }],
    ['a parameter', '/api/streams?token=correct%20horse', {}],
    ['a cookie', '/api/streams', { cookie: 'a=b; freshet_token=correct%20horse' }],
  ])('the API is open to the right one in %s', async (_, url, headers) => {
    expect(await get(url, headers)).toMatchObject({ status: 200 });
  });

  it('the page trades it for a cookie and keeps the rest of its address', async () => {
    const { status, headers } = await get('/?stream=host&token=correct+horse');
    expect(status).toBe(303);
    expect(headers['set-cookie']).toBe('freshet_token=correct%20horse; HttpOnly; SameSite=Strict');
    // Behind a proxy, the browser knows the page by another path.
    const seen = new URL(
      headers.location?.toString() ?? '',
      'https://example.com/freshet/?stream=host&token=x',
    );
    expect(seen.href).toBe('https://example.com/freshet/?stream=host');
  });

  it('the cookie is for encrypted connections only where the page came over one', async () => {
    const { headers } = await get('/?token=correct+horse', { 'x-forwarded-proto': 'https' });
    expect(headers['set-cookie']).toBe('freshet_token=correct%20horse; HttpOnly; Secure; SameSite=Strict');
    expect(headers.location).toBe('./');
    const plain = await get('/?token=correct+horse', { 'x-forwarded-proto': 'http' });
    expect(plain.headers['set-cookie']).not.toContain('Secure');
  });

  it('whoever guesses it is stopped, and whoever knows it is not', async () => {
    const guesses: Awaited<ReturnType<typeof get>>[] = [];
    for (let guess = 0; guess < 40; guess += 1) {
      guesses.push(await get(`/api/streams?token=${guess}`));
    }
    expect(guesses.filter(({ status }) => status === 401)).toHaveLength(30);
    expect(guesses.at(-1)).toMatchObject({
      status: 429,
      body: { message: expect.stringContaining('wrong tokens') as string },
    });
    expect(await get('/api/streams?token=correct%20horse')).toMatchObject({ status: 200 });
    expect(await get('/api/streams')).toMatchObject({ status: 401 });
  });

  it('liveness and readiness need none', async () => {
    expect(await get('/healthz')).toMatchObject({ status: 200 });
    expect(await get('/ready')).toMatchObject({ status: 503 });
  });
});

import { createServer, type AddressInfo, type Server } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { buildApp } from '../src/server/app.ts';
import type { Config } from '../src/server/config.ts';
import { parseWindowSpec } from '../src/shared/window-spec.ts';

/** A port on which nothing listens. */
async function closedPort(): Promise<number> {
  const server: Server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function configOf(token?: string): Promise<Config> {
  return {
    kafka: {
      bootstrapServers: [`127.0.0.1:${await closedPort()}`],
      topicPrefix: '',
      tls: false,
      caFile: undefined,
      sasl: undefined,
    },
    cassandra: {
      contactPoints: [`127.0.0.1:${await closedPort()}`],
      localDatacenter: 'datacenter1',
      keyspace: 'freshet',
      consistency: 'local_one',
      username: undefined,
      password: undefined,
      caFile: undefined,
    },
    dashboard: { host: '127.0.0.1', port: 0, token },
    streams: [
      {
        name: 'host',
        title: 'This machine',
        unit: null,
        units: { usage: 'percent' },
        metrics: ['usage', 'load'],
        windows: [parseWindowSpec('10s'), parseWindowSpec('5m/1m')],
        lateness: 10_000,
      },
    ],
  };
}

let app: FastifyInstance;

async function start(token?: string): Promise<void> {
  app = await buildApp({ config: await configOf(token), logLevel: 'silent' });
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
    ['/api/series', /stream/],
    ['/api/series?stream=', /stream/],
    ['/api/series?stream=nope', /there is no stream "nope"; there are: host/],
    ['/api/live?stream=nope', /there is no stream "nope"/],
    [WINDOWS.replace('usage', 'nope'), /has no metric "nope"; it has: usage, load/],
    [WINDOWS.replace('10s', '11s'), /has no window "11s"; it has: 10s, 5m\/1m/],
    [`${WINDOWS}&from=yesterday`, /from must be integer/],
    [`${WINDOWS}&from=-1`, /from must be >= 0/],
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
    ...['/api/health', '/api/live', '/api/series', '/api/streams', '/api/windows', '/healthz'],
  ]);
});

it('sends security headers with everything', async () => {
  await start();
  for (const url of ['/healthz', '/api/series', '/nowhere']) {
    const { headers } = await get(url);
    expect(headers['content-security-policy']).toContain("default-src 'none'");
    expect(headers['x-content-type-options']).toBe('nosniff');
  }
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
    expect(headers.location).toBe('/?stream=host');
    expect(headers['set-cookie']).toBe('freshet_token=correct%20horse; Path=/; HttpOnly; SameSite=Strict');
  });

  it('liveness needs none', async () => {
    expect(await get('/healthz')).toMatchObject({ status: 200 });
  });
});

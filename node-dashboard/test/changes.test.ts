import type { FastifyInstance } from 'fastify';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Annotation } from '../src/shared/api.ts';
import { buildApp } from '../src/server/app.ts';
import type { Config } from '../src/server/config.ts';
import { createPipeline, type Pipeline } from '../src/server/pipeline.ts';
import { parseWindowSpec } from '../src/shared/window-spec.ts';
import { configOf } from './configuration.ts';

let app: FastifyInstance;
let pipeline: Pipeline;
let noted: Annotation[];
let config: Config;

async function start(token?: string): Promise<void> {
  config = {
    ...(await configOf({ token, allowedHosts: ['wall.example'] })),
    alerts: [
      {
        ...{ name: 'hot', stream: 'host', metric: '*', series: '*', window: parseWindowSpec('10s') },
        ...{ field: 'avg', above: 50, lasting: 0, severity: 'warning' },
      },
    ],
  };
  const { log } = (await import('fastify')).default({ logger: false });
  pipeline = createPipeline(config, log);
  noted = [];
  vi.spyOn(pipeline.annotations, 'add').mockImplementation((one) => {
    noted.push(one);
    return Promise.resolve();
  });
  vi.spyOn(pipeline.annotations, 'between').mockImplementation(() => Promise.resolve(noted));
  app = await buildApp({ config, logLevel: 'silent', pipeline });
  await app.ready();
}

afterEach(async () => {
  vi.restoreAllMocks();
  await app.close();
});

const JSON_TYPE = { 'content-type': 'application/json' };

async function post(url: string, body: unknown, headers: Record<string, string> = {}) {
  const payload = typeof body === 'string' ? body : JSON.stringify(body);
  const response = await app.inject({
    ...{ method: 'POST', url, payload },
    headers: { host: 'localhost:3000', ...JSON_TYPE, ...headers },
  });
  return { status: response.statusCode, headers: response.headers, body: response.json<object>() };
}

const NOTE = { at: 1000, text: 'the fan was changed' };

describe('a change', () => {
  beforeEach(() => start());

  it.each([
    ['a program, which says nothing', {}],
    ["the dashboard's own page", { origin: 'http://localhost:3000', 'sec-fetch-site': 'same-origin' }],
    ['its page behind a proxy that names itself', { origin: 'https://wall.example' }],
  ])('is taken from %s', async (_, headers) => {
    expect(await post('/api/annotations', NOTE, headers)).toMatchObject({ status: 201 });
    expect(noted).toHaveLength(1);
  });

  it.each([
    ['another site', { origin: 'https://evil.example' }],
    ['another port of this machine', { origin: 'http://localhost:8080' }],
    ['a page that hides where it is', { origin: 'null' }],
    ['a page that names this one somewhere', { origin: 'http://localhost:3000.evil.example' }],
    ['one that the browser calls foreign', { 'sec-fetch-site': 'cross-site' }],
    ['a neighbour', { origin: 'http://localhost:3000', 'sec-fetch-site': 'same-site' }],
  ])('is not taken from a page of %s', async (_, headers) => {
    for (const url of ['/api/annotations', '/api/silences']) {
      const { status, body } = await post(url, NOTE, headers);
      expect(status).toBe(403);
      expect(body).toMatchObject({ message: expect.stringContaining('may change nothing here') as string });
    }
    const gone = await app.inject({
      ...{ method: 'DELETE', url: '/api/silences?alert=hot' },
      headers: { host: 'localhost:3000', ...headers },
    });
    expect(gone.statusCode).toBe(403);
    expect(noted).toEqual([]);
  });

  it.each(['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=a'])(
    'is not taken as %s, which a form can send',
    async (type) => {
      expect(await post('/api/annotations', JSON.stringify(NOTE), { 'content-type': type })).toMatchObject({
        status: 415,
      });
      expect(noted).toEqual([]);
    },
  );

  it.each([
    ['/api/annotations', {}, /text/],
    ['/api/annotations', { text: '' }, /text/],
    ['/api/annotations', { text: ' ' }, /text/],
    ['/api/annotations', { text: 'a'.repeat(501) }, /text/],
    ['/api/annotations', { ...NOTE, at: 'yesterday' }, /"at" is "yesterday"/],
    ['/api/annotations', { ...NOTE, until: 999 }, /until \(999\) must not be before at \(1000\)/],
    ['/api/annotations', { ...NOTE, stream: 'nope' }, /there is no stream "nope"/],
    ['/api/annotations', { ...NOTE, kind: 'restart' }, /additional properties/],
    ['/api/silences', { alert: 'cold', minutes: 5 }, /there is no alert "cold"; there are: hot/],
    ['/api/silences', { alert: 'hot' }, /minutes/],
    ['/api/silences', { alert: 'hot', minutes: 0 }, /minutes/],
    ['/api/silences', { alert: 'hot', minutes: 50_000 }, /minutes/],
    ['/api/silences', '{"alert":', /JSON/],
  ])('to %s that is wrong is refused with a reason: %j', async (url, body, message) => {
    expect(await post(url, body)).toMatchObject({
      status: 400,
      body: { message: expect.stringMatching(message) as string },
    });
  });

  it('that is too large is refused', async () => {
    expect(await post('/api/annotations', { text: 'a'.repeat(9000) })).toMatchObject({ status: 413 });
  });

  it('is no method of the other addresses, and those are told', async () => {
    expect(await post('/api/streams', {})).toMatchObject({
      ...{ status: 405, headers: { allow: 'GET, HEAD' } },
      body: { message: 'POST is not possible here: ask with GET or HEAD' },
    });
    const put = await app.inject({ method: 'PUT', url: '/api/silences', payload: {} });
    expect([put.statusCode, put.headers.allow]).toEqual([405, 'POST, DELETE']);
  });

  it('is limited for each address', async () => {
    const statuses: number[] = [];
    for (let index = 0; index < 60; index += 1) {
      statuses.push((await post('/api/annotations', NOTE)).status);
    }
    expect(statuses.filter((status) => status === 201)).toHaveLength(50);
    expect(await post('/api/annotations', NOTE)).toMatchObject({
      status: 429,
      body: { message: expect.stringContaining('more than the 50 requests') as string },
    });
    expect((await app.inject({ url: '/api/streams' })).statusCode).toBe(200);
  });

  it('that cannot be stored says so', async () => {
    expect(await post('/api/silences', { alert: 'hot', minutes: 5 })).toMatchObject({
      status: 503,
      body: { message: expect.stringContaining('cassandra at') as string },
    });
  });
});

it('a silence may name no series, as that of a whole stream does', async () => {
  await start();
  const silenced = vi.spyOn(pipeline.alerts, 'silence').mockResolvedValue();
  const unsilenced = vi.spyOn(pipeline.alerts, 'unsilence').mockResolvedValue();
  const { status, body } = await post('/api/silences', {
    alert: 'hot',
    stream: 'host',
    series: '',
    minutes: 5,
  });
  expect([status, body]).toMatchObject([200, { alert: 'hot', stream: 'host', series: '' }]);
  expect(silenced).toHaveBeenCalledOnce();
  const url = '/api/silences?alert=hot&stream=host&series=';
  expect((await app.inject({ method: 'DELETE', url })).statusCode).toBe(204);
  expect(unsilenced).toHaveBeenCalledWith({ alert: 'hot', stream: 'host', series: '' }, expect.any(Number));
});

it('an annotation is answered as it was stored, and found again', async () => {
  await start();
  const { body } = await post('/api/annotations', {
    ...NOTE,
    at: '1970-01-01T00:00:02Z',
    until: 3000,
    stream: 'host',
  });
  expect(body).toEqual({
    ...{ id: expect.any(String) as string, at: 2000, until: 3000, kind: 'note', stream: 'host' },
    text: 'the fan was changed',
  });
  const found = await app.inject({ url: '/api/annotations?from=0&to=5000&stream=host' });
  expect(found.json()).toEqual({ annotations: [body] });
});

it('with a token, a change needs it', async () => {
  await start('secret');
  expect(await post('/api/annotations', NOTE)).toMatchObject({ status: 401 });
  expect(noted).toEqual([]);
  expect(await post('/api/annotations', NOTE, { authorization: 'Bearer secret' })).toMatchObject({
    status: 201,
  });
});

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import Fastify, { type FastifyInstance } from 'fastify';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { buildApp } from '../src/server/app.ts';
import { badge } from '../src/server/badge.ts';
import { createPipeline, type Pipeline } from '../src/server/pipeline.ts';
import { configOf } from './configuration.ts';
import { windowMessage } from './messages.ts';

let app: FastifyInstance;
let pipeline: Pipeline;
let webRoot: string;

beforeEach(() => {
  webRoot = mkdtempSync(path.join(tmpdir(), 'freshet-web-'));
  writeFileSync(path.join(webRoot, 'index.html'), '<!doctype html><title>whole</title>');
});

afterEach(async () => {
  await app.close();
  rmSync(webRoot, { recursive: true });
});

async function start(embedOrigins: readonly string[], token?: string): Promise<void> {
  const config = await configOf({ embedOrigins, token });
  pipeline = createPipeline(config, Fastify({ logger: false }).log);
  app = await buildApp({ config, logLevel: 'silent', webRoot, pipeline });
  await app.ready();
}

async function get(url: string, headers: Record<string, string> = {}) {
  const { statusCode: status, headers: told, payload } = await app.inject({ url, headers });
  return { status, headers: told, payload };
}

/** What came of `laptop/cpu`: a complete window with this average, whose newest event was so long ago. */
function live(avg: number, age: number): void {
  const stream = pipeline.live.get('host');
  const newest = Math.floor((Date.now() - age) / 10_000) * 10_000;
  const messages = [
    windowMessage({ start: newest - 20_000, end: newest - 10_000, avg, last_event: newest - 10_001 }),
    windowMessage({ start: newest - 10_000, end: newest, avg: 99, last_event: newest - 1 }),
  ];
  stream?.begin('topic', new Map([[0, 0n]]));
  const records = messages.map((message, offset) => ({
    offset: BigInt(offset),
    value: JSON.stringify(message),
  }));
  stream?.append(0, records, 2n);
}

describe('the page of one chart', () => {
  it('may be shown in frames of the configured origins only', async () => {
    await start(['https://wiki.example.com', 'http://localhost:8080']);
    const { status, headers } = await get('/embed?stream=host');
    expect(status).toBe(200);
    expect(headers['content-security-policy']).toContain(
      'frame-ancestors https://wiki.example.com http://localhost:8080',
    );
    expect(headers['content-security-policy']).toContain("default-src 'none';script-src 'self'");
    for (const url of ['/', '/api/streams', '/docs', '/nowhere']) {
      expect((await get(url)).headers['content-security-policy']).toContain("frame-ancestors 'none'");
    }
  });

  it('may be shown in no frame where none is configured', async () => {
    await start([]);
    const { headers } = await get('/embed');
    expect(headers['content-security-policy']).toContain("frame-ancestors 'none'");
    expect(headers['cross-origin-resource-policy']).toBe('same-origin');
  });

  it('is a page of its own where the build has one', async () => {
    writeFileSync(path.join(webRoot, 'embed.html'), '<!doctype html><title>one chart</title>');
    await start([]);
    expect((await get('/embed')).payload).toContain('one chart');
  });
});

describe('a badge', () => {
  it.each([
    ['live', 0, '>live<', '#1a7f37'],
    ['late', 300_000, '>5 min late<', '#b42318'],
  ])('tells the state of a stream: %s', async (_, age, words, colour) => {
    await start([]);
    live(7, age);
    const { status, headers, payload } = await get('/badge?stream=host');
    expect([status, headers['content-type']]).toEqual([200, 'image/svg+xml; charset=utf-8']);
    expect(payload).toContain('This machine');
    expect(payload).toContain(words);
    expect(payload).toContain(colour);
  });

  it('tells the last complete window of a series', async () => {
    await start([]);
    live(12.34567, 0);
    const { payload } = await get('/badge?stream=host&series=laptop/cpu&metric=usage');
    expect(payload).toContain('>12.35 percent<');
  });

  it('says that nothing is known rather than a zero', async () => {
    await start([]);
    expect((await get('/badge?stream=host')).payload).toContain('nothing known');
    live(7, 0);
    expect((await get('/badge?stream=host&series=other&metric=usage')).payload).toContain('nothing known');
  });

  it.each([
    ['/badge', /stream/],
    ['/badge?stream=nope', /there is no stream/],
    ['/badge?stream=host&series=a', /go together/],
    ['/badge?stream=host&series=a&metric=nope', /has no metric/],
    ['/badge?stream=host&color=red', /no parameter .*color/],
  ])('%s is refused with a reason', async (url, message) => {
    await start([]);
    const { status, payload } = await get(url);
    expect(status).toBe(400);
    expect(payload).toMatch(message);
  });

  it.each([
    ['none is configured', [], { 'sec-fetch-site': 'cross-site', referer: 'https://wiki.example.com/' }, 403],
    [
      'another one is',
      ['https://a.example'],
      { 'sec-fetch-site': 'cross-site', referer: 'https://b.example/' },
      403,
    ],
    ['the page hides itself', ['https://a.example'], { 'sec-fetch-site': 'cross-site' }, 403],
    [
      'it is this one',
      ['https://a.example'],
      { 'sec-fetch-site': 'cross-site', referer: 'https://a.example/x' },
      200,
    ],
    ['the page is our own', [], { 'sec-fetch-site': 'same-origin' }, 200],
  ] as const)('is for pages of configured origins: %s', async (_, origins, headers, status) => {
    await start(origins);
    const answer = await get('/badge?stream=host', headers);
    expect(answer.status).toBe(status);
    if (status === 200) {
      const expected = origins.length > 0 ? 'cross-origin' : 'same-origin';
      expect(answer.headers['cross-origin-resource-policy']).toBe(expected);
    }
  });

  it('is behind the token, where there is one', async () => {
    await start(['https://a.example'], 'secret');
    expect((await get('/badge?stream=host')).status).toBe(401);
    expect((await get('/badge?stream=host&token=secret')).status).toBe(200);
    expect((await get('/embed')).status).toBe(200);
    expect((await get('/api/alerts')).status).toBe(401);
  });

  it('has no markup of those who name series', () => {
    const picture = badge('<script>alert("1")</script>&\u0000', "'>", '#000');
    for (const part of ['<script', '"1"', '\u0000', "'>"]) {
      expect(picture).not.toContain(part);
    }
    expect(picture).toContain('&#60;script&#62;');
  });
});

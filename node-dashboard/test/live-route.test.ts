import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import Fastify, { type FastifyInstance } from 'fastify';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { buildApp } from '../src/server/app.ts';
import { createPipeline, type Pipeline } from '../src/server/pipeline.ts';
import { LiveStream } from '../src/server/live-stream.ts';
import { configOf } from './configuration.ts';
import { windowMessage } from './messages.ts';
import { RawClient } from './sockets.ts';

const LIVE = 'GET /api/live?stream=host';
const PER_ADDRESS = 50;

// A browser, or hundreds of connections, on a busy machine.
vi.setConfig({ testTimeout: 40_000, hookTimeout: 40_000 });

let app: FastifyInstance;
let pipeline: Pipeline;
let stream: LiveStream;
let clients: RawClient[];

beforeEach(async () => {
  const config = await configOf();
  const { log } = Fastify({ logger: false });
  pipeline = createPipeline(config, log);
  [stream = new LiveStream('none')] = pipeline.live.values();
  stream.begin('topic', new Map([[0, 0n]]));
  app = await buildApp({ config, logLevel: 'silent', pipeline });
  await app.listen({ host: '127.0.0.1', port: 0 });
  clients = [];
});

afterEach(async () => {
  for (const client of clients) {
    client.leave();
  }
  await app.close();
});

function client(): RawClient {
  const made = new RawClient((app.server.address() as AddressInfo).port);
  clients.push(made);
  return made;
}

async function listening(headers: Record<string, string> = {}): Promise<RawClient> {
  const made = client();
  made.ask(LIVE, { headers });
  await made.until((text) => text.includes('event: status'));
  return made;
}

async function refused(headers: Record<string, string> = {}): Promise<string> {
  const made = client();
  made.ask(LIVE, { headers: { Connection: 'close', ...headers } });
  return made.end();
}

/** Takes every place that clients of this address can have. */
async function fill(headers: Record<string, string> = {}): Promise<RawClient[]> {
  return Promise.all(Array.from({ length: PER_ADDRESS }, () => listening(headers)));
}

/** Proves that all places are free, or soon are: as many clients as fit can listen. */
async function expectAllFree(): Promise<void> {
  await vi.waitFor(async () => {
    const before = clients.length;
    try {
      await fill();
    } finally {
      for (const one of clients.slice(before)) {
        one.leave();
      }
    }
  }, 10_000);
}

describe('the places for listeners', () => {
  it('of one address leave room for others', async () => {
    await fill();
    expect(await refused()).toMatch(
      /^HTTP\/1\.1 429 .*Retry-After: 2.*50 clients are listening from 127\.0\.0\.1/is,
    );
    const other = { 'X-Forwarded-For': '192.0.2.7' };
    await fill(other);
    expect(await refused({ 'X-Forwarded-For': '192.0.2.8' })).toMatch(/^HTTP\/1\.1 503 .*100 clients/s);
  });

  it.each(['destroy', 'end', 'resetAndDestroy'] as const)(
    'are given back when clients leave: %s',
    async (leave) => {
      for (const one of await fill()) {
        one.socket[leave]();
      }
      await expectAllFree();
    },
  );

  it.each([
    ['answered before', 1],
    ['all at once', 101],
  ])('are not held by a socket that asks for more behind its event stream, %s', async (_, times) => {
    const pipelining = client();
    pipelining.ask(LIVE, { times });
    await pipelining.until((text) => text.includes('HTTP/1.1 200 OK'));
    if (times === 1) {
      pipelining.ask('GET /healthz', { times: 1000 });
    }
    expect(await pipelining.end()).toMatch(
      /^HTTP\/1\.1 200 .*HTTP\/1\.1 429 .*connection: close.*another connection/is,
    );
    await expectAllFree();
  });

  it('are given back when many sockets pipeline and break off at once', async () => {
    await Promise.all(
      Array.from({ length: PER_ADDRESS + 5 }, async () => {
        const pipelining = client();
        pipelining.ask(LIVE, { times: 101 });
        await pipelining.until((text) => text.startsWith('HTTP/1.1'));
        pipelining.leave();
      }),
    );
    await expectAllFree();
  });

  it('are given back by a listener that waits behind an answer that it never gets', async () => {
    const asked = vi.spyOn(pipeline.history, 'series').mockReturnValue(new Promise(() => undefined));
    const clogged = Array.from({ length: PER_ADDRESS }, () => {
      const made = client();
      made.ask('GET /api/series?stream=host');
      made.ask(LIVE);
      return made;
    });
    await vi.waitFor(() => {
      expect(asked).toHaveBeenCalledTimes(PER_ADDRESS);
    });
    expect(await refused()).toMatch(/^HTTP\/1\.1 429/);
    for (const one of clogged) {
      one.leave();
    }
    await expectAllFree();
  });

  it('are not taken by HEAD, which answers as GET would and ends', async () => {
    const asking = Array.from({ length: 110 }, async () => {
      const head = client();
      head.ask('HEAD /api/live?stream=host');
      return head.until((text) => text.endsWith('\r\n\r\n'));
    });
    for (const answer of await Promise.all(asking)) {
      expect(answer).toMatch(/^HTTP\/1\.1 200 OK.*content-type: text\/event-stream.*\r\n\r\n$/is);
      expect(answer).not.toMatch(/content-length/i);
    }
    await expectAllFree();
  });

  it('are given back when subscribing fails', async () => {
    const failing = vi.spyOn(stream, 'subscribe').mockImplementation(() => {
      throw new Error('out of order');
    });
    for (let attempt = 0; attempt <= PER_ADDRESS; attempt += 1) {
      expect(await refused()).toMatch(/^HTTP\/1\.1 500 .*see its log/s);
    }
    failing.mockRestore();
    await expectAllFree();
  });

  it('are given back when a client is cut off that takes nothing in', async () => {
    const slow = await listening();
    slow.socket.pause();
    const big = windowMessage({ series: 'x'.repeat(60_000) });
    for (let offset = 0; pipeline.errors.totals().slow_client === undefined; offset += 1) {
      const value = JSON.stringify({ ...big, revision: offset });
      stream.append(0, [{ offset: BigInt(offset), value }], BigInt(offset + 1));
      await new Promise(setImmediate);
    }
    expect(pipeline.errors.last?.message).toMatch(/127\.0\.0\.1 was cut off/);
    await expectAllFree();
  });

  it('do not keep the server from closing', async () => {
    const last = await listening();
    // A browser connects ahead of need.
    const unused = client();
    await once(unused.socket, 'connect');
    await app.close();
    await unused.end();
    expect(await last.end()).toMatch(/\r\n0\r\n\r\n$/);
  });
});

describe('other methods', () => {
  it.each([
    '/api/live?stream=host',
    '/api/streams',
    '/api/series',
    '/api/windows',
    '/api/health',
    '/healthz',
    '/ready',
    '/openapi.json',
  ])('are refused at %s with those that are possible', async (path) => {
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'PROPFIND']) {
      const asking = client();
      asking.ask(`${method} ${path}`, { headers: { Connection: 'close', 'Content-Type': 'text/plain' } });
      expect(await asking.end()).toMatch(/^HTTP\/1\.1 405 Method Not Allowed\r\n.*allow: GET, HEAD\r\n/is);
    }
  });

  it('are not known at an address that is none', async () => {
    const asking = client();
    asking.ask('POST /nowhere', { headers: { Connection: 'close' } });
    expect(await asking.end()).toMatch(/^HTTP\/1\.1 404/);
  });

  it('but HEAD is answered wherever GET is, with the same head', async () => {
    for (const path of [
      '/api/streams',
      '/api/health',
      '/healthz',
      '/ready',
      '/openapi.json',
      '/api/series?stream=nope',
    ]) {
      const heads = ['GET', 'HEAD'].map(async (method) => {
        const asking = client();
        asking.ask(`${method} ${path}`, { headers: { Connection: 'close' } });
        return (await asking.end()).split('\r\n\r\n');
      });
      const [get, head] = await Promise.all(heads);
      const plain = (text = ''): string => text.replace(/date: .*/i, '').replace(/content-length: .*/i, '');
      expect(plain(head?.[0])).toBe(plain(get?.[0]));
      expect(head?.[1]).toBe('');
    }
  });
});

it('the event stream is not compressed, whatever a client could take', async () => {
  const made = await listening({ 'Accept-Encoding': 'gzip, deflate, br' });
  stream.append(0, [{ offset: 0n, value: JSON.stringify(windowMessage()) }], 1n);
  // At once, and as it is: what compresses would wait for more.
  const received = await made.until((text) => text.includes('event: window'));
  expect(received).toMatch(/^HTTP\/1\.1 200/);
  expect(received).toMatch(/content-type: text\/event-stream/i);
  expect(received).not.toMatch(/content-encoding/i);
  expect(received).toContain('"series":"laptop/cpu"');
});

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import Fastify from 'fastify';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { buildApp } from '../src/server/app.ts';
import type { Config } from '../src/server/config.ts';
import { createPipeline, type Pipeline } from '../src/server/pipeline.ts';
import { configOf } from './configuration.ts';

/** A certificate authority that is of no use to anybody. */
const AUTHORITY = `-----BEGIN CERTIFICATE-----
MIIBgzCCASmgAwIBAgIUFz
-----END CERTIFICATE-----
`;

let directory: string;
let peers: { server: Server; sockets: Set<Socket> }[];
let app: Awaited<ReturnType<typeof buildApp>> | undefined;

beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'freshet-unreachable-'));
  peers = [];
});

afterEach(async () => {
  await app?.close();
  for (const { server, sockets } of peers) {
    sockets.forEach((socket) => socket.destroy());
    await new Promise((resolve) => server.close(resolve));
  }
  rmSync(directory, { recursive: true });
});

/** A peer that takes connections and says nothing, as one that was stopped. */
async function silentPeer(): Promise<string> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
  });
  peers.push({ server, sockets });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function start(change: (config: Config) => Config): Promise<Pipeline> {
  const config = change(await configOf());
  const pipeline = createPipeline(config, Fastify({ logger: false }).log);
  app = await buildApp({ config, logLevel: 'silent', pipeline });
  await app.ready();
  return pipeline;
}

describe('a file of authorities', () => {
  const FILES: readonly (readonly [string, string | null, RegExp])[] = [
    ['that is not there', null, /cannot read .*ca\.pem: ENOENT.*correct the file or the key$/],
    ['that is no certificate', 'nonsense', /ca\.pem holds no certificate in PEM/],
    ['that is damaged', AUTHORITY, /ca\.pem holds no certificate in PEM/],
  ];

  it.each(FILES)('of Cassandra %s is named, and tried again', async (_, content, message) => {
    const caFile = path.join(directory, 'ca.pem');
    if (content !== null) {
      writeFileSync(caFile, content);
    }
    const { history, errors } = await start((config) => ({
      ...config,
      cassandra: { ...config.cassandra, caFile },
    }));
    expect(history.health).toMatchObject({
      connected: false,
      message: expect.stringMatching(message) as string,
    });
    expect(history.health.message).toMatch(/^cassandra at .* is not reachable: cassandra\.ca_file: /);
    await vi.waitFor(() => {
      expect(errors.totals().cassandra_read).toBeGreaterThan(1);
    }, 5000);
  });

  it.each(FILES)('of Kafka %s is named, and tried again', async (_, content, message) => {
    const caFile = path.join(directory, 'ca.pem');
    if (content !== null) {
      writeFileSync(caFile, content);
    }
    const { tail, errors } = await start((config) => ({
      ...config,
      kafka: { ...config.kafka, tls: true, caFile },
    }));
    await vi.waitFor(() => {
      expect(errors.totals().kafka_read).toBeGreaterThan(1);
    }, 5000);
    expect(tail.health).toMatchObject({
      connected: false,
      message: expect.stringMatching(message) as string,
    });
    expect(tail.health.message).toMatch(/^kafka at .* cannot be read: kafka\.security\.ca_file: /);
    expect(tail.health.message.match(/ENOENT/g)?.length ?? 1).toBe(1);
  });
});

describe('a service that is stopped, and still takes connections,', () => {
  it('is none that answers', { timeout: 20_000 }, async () => {
    const [broker, node] = await Promise.all([silentPeer(), silentPeer()]);
    const { tail, history } = await start((config) => ({
      ...config,
      kafka: { ...config.kafka, bootstrapServers: [broker] },
      cassandra: { ...config.cassandra, contactPoints: [node] },
    }));
    expect(tail.lag).toBeNull();
    await vi.waitFor(() => {
      expect(tail.health).toEqual({
        ...{ connected: false, message: `kafka at ${broker} cannot be read: no answer within 5 s` },
      });
      expect(history.health.message).toMatch(/is not reachable: .*(timed|timeout|did not reply)/i);
    }, 15_000);
    expect(tail.lag).toBeNull();
    expect(history.health.connected).toBe(false);
  });
});

it('no error is counted without a word of what it was, and when', async () => {
  const { errors, history } = await start((config) => config);
  await vi.waitFor(() => {
    expect(errors.totals()).toMatchObject({ kafka_read: expect.any(Number) as number });
  }, 5000);
  await expect(history.series('host', '', 10)).rejects.toThrow(/cassandra at/);
  expect(errors.last).toEqual({
    message: expect.stringMatching(/^(kafka|cassandra) at .*|the dashboard's health/) as string,
    time: expect.any(Number) as number,
  });
});

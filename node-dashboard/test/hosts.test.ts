import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { networkInterfaces, tmpdir } from 'node:os';
import path from 'node:path';
import type { FastifyInstance } from 'fastify';
import { afterEach, describe, expect, it } from 'vitest';
import { buildApp } from '../src/server/app.ts';
import { configuredHost, hostOf } from '../src/server/hosts.ts';
import { configOf } from './configuration.ts';
import { RawClient } from './sockets.ts';

let app: FastifyInstance | undefined;
let webRoot: string | undefined;

afterEach(async () => {
  await app?.close();
  if (webRoot !== undefined) {
    rmSync(webRoot, { recursive: true });
    webRoot = undefined;
  }
});

async function start(host: string, allowedHosts: readonly string[] = [], token?: string): Promise<number> {
  webRoot = mkdtempSync(path.join(tmpdir(), 'freshet-page-'));
  writeFileSync(path.join(webRoot, 'index.html'), '<!doctype html>');
  const config = await configOf({ host, allowedHosts, token });
  app = await buildApp({ config, logLevel: 'silent', webRoot });
  await app.listen({ host, port: 0 });
  return (app.server.address() as AddressInfo).port;
}

async function ask(port: number, Host: string, address = '/healthz', to = '127.0.0.1'): Promise<string> {
  const client = new RawClient(port, to);
  client.ask(`GET ${address}`, { headers: { Host, Connection: 'close' } });
  return client.end();
}

describe('the dashboard', () => {
  it.each([
    '/',
    '/healthz',
    '/api/streams',
    '/api/live?stream=host',
    '/openapi.json',
    '/docs',
    '/docs/',
    '/embed?stream=host',
    '/badge?stream=host',
    '/nowhere',
    '/?token=x',
  ])('does not answer at %s to a host that is not its own, and says how it would', async (address) => {
    const port = await start('127.0.0.1');
    const answer = await ask(port, `evil.example:${port}`, address);
    expect(answer).toMatch(/^HTTP\/1\.1 421 Misdirected Request/);
    expect(answer).toMatch(
      /does not answer to the host \\"evil\.example:\d+\\": add it to dashboard\.allowed_hosts/,
    );
    expect(answer).not.toMatch(/doctype|set-cookie/i);
  });

  it.each([
    ...[
      'localhost',
      'LOCALHOST:3000',
      'localhost.:3000',
      'a.localhost',
      '127.0.0.1',
      '127.9.9.9:1',
      '[::1]:3000',
    ],
    ...['dash.example', 'Dash.Example:443', '10.1.2.3', '[FD00:0::1]', '[::ffff:127.0.0.1]'],
  ])('answers to %s', async (host) => {
    const port = await start('127.0.0.1', ['dash.example', '10.1.2.3', 'fd00::1']);
    expect(await ask(port, host)).toMatch(/^HTTP\/1\.1 200/);
  });

  it.each([
    ...['', 'localhost.example', 'notlocalhost', '127.0.0.1.example', '128.0.0.1', '0.0.0.0', '2130706433'],
    ...[
      'dash.example.evil',
      'evil@localhost',
      'evil localhost',
      'localhost:80:80',
      '[::2]',
      '[::1',
      'x.dash.example',
    ],
  ])('does not answer to "%s"', async (host) => {
    const port = await start('127.0.0.1', ['dash.example']);
    expect(await ask(port, host)).toMatch(/^HTTP\/1\.1 421/);
  });

  it('answers a client of HTTP/1.0, which need not name a host', async () => {
    const client = new RawClient(await start('127.0.0.1'));
    client.socket.write('GET /healthz HTTP/1.0\r\n\r\n');
    expect(await client.end()).toMatch(/^HTTP\/1\.1 200/);
  });

  it('that listens everywhere answers to the address at which a request arrives', async () => {
    const own = Object.values(networkInterfaces())
      .flatMap((addresses) => addresses ?? [])
      .find(({ family, internal }) => family === 'IPv4' && !internal)?.address;
    const port = await start('0.0.0.0', [], 'secret');
    expect(await ask(port, `127.0.0.1:${port}`)).toMatch(/^HTTP\/1\.1 200/);
    if (own !== undefined) {
      expect(await ask(port, `${own}:${port}`, '/healthz', own)).toMatch(/^HTTP\/1\.1 200/);
      expect(await ask(port, `${own}:${port}`, '/healthz', '127.0.0.1')).toMatch(/^HTTP\/1\.1 421/);
    }
  });

  it('answers at the address of a link, whose zone is no part of the host', async () => {
    const link = Object.entries(networkInterfaces())
      .flatMap(([zone, addresses]) => (addresses ?? []).map(({ address }) => ({ zone, address })))
      .find(({ address }) => address.startsWith('fe80:'));
    const port = await start('::', [], 'secret');
    expect(await ask(port, `[::1]:${port}`, '/healthz', '::1')).toMatch(/^HTTP\/1\.1 200/);
    if (link !== undefined) {
      const { address, zone } = link;
      expect(await ask(port, `[${address}]:${port}`, '/healthz', `${address}%${zone}`)).toMatch(
        /^HTTP\/1\.1 200/,
      );
    }
  });
});

describe('with a token, the dashboard', () => {
  it('shows a badge to whoever knows it, at each host of its own, and to nobody else', async () => {
    const port = await start('127.0.0.1', ['dash.example'], 'secret');
    const badge = '/badge?stream=host';
    for (const host of ['localhost', 'dash.example']) {
      expect(await ask(port, host, badge)).toMatch(/^HTTP\/1\.1 401/);
      expect(await ask(port, host, `${badge}&token=guessed`)).toMatch(/^HTTP\/1\.1 401/);
      expect(await ask(port, host, `${badge}&token=secret`)).toMatch(/^HTTP\/1\.1 200/);
    }
    expect(await ask(port, 'evil.example', `${badge}&token=secret`)).toMatch(/^HTTP\/1\.1 421/);
  });

  it.each(['/', '/embed?stream=host', '/openapi.json', '/docs/', '/docs/json'])(
    'tells nothing of the pipeline at %s, which needs no token',
    async (address) => {
      const answer = await ask(await start('127.0.0.1', [], 'correct-horse'), 'localhost', address);
      expect(answer).toMatch(/^HTTP\/1\.1 200/);
      expect(answer).not.toMatch(/correct-horse|This machine|set-cookie/i);
    },
  );
});

it.each([
  ['Wall.Example.', 'wall.example'],
  ['[FD00:0::1]', 'fd00::1'],
  ['[wall]', null],
  ['fe80::1%eth0', null],
])('takes the configured host %s for %s', (text, host) => {
  expect(configuredHost(text)).toBe(host);
});

it.each([
  ['[::ffff:7f00:1]:80', '127.0.0.1'],
  ['[0:0:0:0:0:0:0:1]', '::1'],
  ['Example.COM.', 'example.com'],
  ['a/b', null],
  ['[::1]x', null],
])('takes the Host %s for %s', (header, host) => {
  expect(hostOf(header)).toBe(host);
});

import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Notifier, type Notification } from '../src/server/alerts/notifier.ts';
import { closedPort } from './configuration.ts';

interface Received {
  readonly method: string | undefined;
  readonly url: string | undefined;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

const FIRING: Notification = {
  ...{ alert: 'hot', stream: 'host', severity: 'critical', state: 'firing', at: 1000 },
  ...{ text: 'hot firing: a usage: average 60 °C', field: 'avg', threshold: 50, window: '10s', count: 1 },
  series: [{ series: 'a', metric: 'usage', value: 60, since: 900, text: 'a usage: average 60 °C' }],
};

let server: Server;
let received: Received[];
let answers: number[];
let failures: string[];
let notifier: Notifier | undefined;
let address: string;

beforeEach(async () => {
  [received, answers, failures] = [[], [], []];
  server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (text: string) => (body += text));
    request.on('end', () => {
      const { method, url, headers } = request;
      received.push({ method, url, headers, body });
      const status = answers.shift() ?? 200;
      response.writeHead(status, status === 302 ? { Location: '/elsewhere' } : {}).end('{}');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterEach(async () => {
  await notifier?.close();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

function start(addresses: { webhookUrl?: string; ntfyUrl?: string }, waits = [10, 10]): Notifier {
  const failed = (message: string): void => void failures.push(message);
  notifier = new Notifier({ webhookUrl: undefined, ntfyUrl: undefined, ...addresses }, failed, waits);
  return notifier;
}

it('a webhook gets all of it as JSON', async () => {
  void start({ webhookUrl: `${address}/hook?key=secret` }).tell(FIRING);
  await vi.waitFor(() => {
    expect(received).toHaveLength(1);
  });
  expect(received[0]).toMatchObject({
    method: 'POST',
    url: '/hook?key=secret',
    headers: { 'content-type': 'application/json' },
  });
  expect(JSON.parse(received[0]?.body ?? '')).toEqual({ version: 1, ...FIRING });
});

it('ntfy gets a title, a priority, and a line for each series', async () => {
  const many = Array.from({ length: 12 }, (_, index) => ({
    ...{ series: `s${index}`, metric: 'usage', value: 60, since: 900, text: `line ${index}` },
  }));
  const sender = start({ ntfyUrl: `${address}/topic` });
  void sender.tell({ ...FIRING, count: 40, series: many });
  void sender.tell({ ...FIRING, state: 'resolved', text: 'hot resolved' });
  await vi.waitFor(() => {
    expect(received).toHaveLength(2);
  });
  const title = received[0]?.headers.title?.toString() ?? '';
  const encoded = /^=\?UTF-8\?B\?(.+)\?=$/.exec(title)?.[1] ?? '';
  expect(Buffer.from(encoded, 'base64').toString()).toBe(FIRING.text);
  expect(received[0]?.headers).toMatchObject({ priority: 'urgent', tags: 'rotating_light' });
  expect(received[0]?.body.split('\n')).toEqual([
    ...many.slice(0, 10).map(({ text }) => text),
    'and 30 more',
  ]);
  expect(received[1]?.headers).toMatchObject({ title: 'hot resolved', priority: 'default' });
});

it('what ntfy gets is never so long that it would be a file', async () => {
  const series = Array.from({ length: 10 }, (_, index) => ({
    ...{ series: `${index}`, metric: 'usage', value: 60, since: 900, text: `${index} ${'ü'.repeat(600)}` },
  }));
  void start({ ntfyUrl: address }).tell({ ...FIRING, count: 10, series });
  await vi.waitFor(() => {
    expect(received).toHaveLength(1);
  });
  expect(Buffer.byteLength(received[0]?.body ?? '')).toBeLessThan(4096);
  expect(received[0]?.body).toMatch(/^0 ü+\n1 ü+\n2 ü+\nand 7 more$/);
});

it('name and password of the address are sent as a header', async () => {
  void start({ ntfyUrl: address.replace('//', '//me:p%40ss@') }).tell(FIRING);
  await vi.waitFor(() => {
    expect(received).toHaveLength(1);
  });
  const basic = `Basic ${Buffer.from('me:p@ss').toString('base64')}`;
  expect(received[0]?.headers.authorization).toBe(basic);
});

it.each([
  ['that cannot be read', 'http://a:b:c/secret'],
  ['of nobody', 'http://me:secret@127.0.0.1:9/secret'],
])('an address %s is not shown, whatever goes wrong', async (_, url) => {
  void start({ webhookUrl: url }, []).tell(FIRING);
  await vi.waitFor(() => {
    expect(failures).toHaveLength(1);
  });
  expect(failures[0]).toMatch(/^webhook: "hot firing: .*" was not taken: /);
  expect(failures[0]).not.toContain('secret');
});

it('what was not taken is sent again, and what comes after it waits', async () => {
  answers = [503, 429, 200];
  const sender = start({ webhookUrl: address });
  void sender.tell(FIRING);
  void sender.tell({ ...FIRING, state: 'resolved' });
  await vi.waitFor(() => {
    expect(received).toHaveLength(4);
  });
  const states = received.map(({ body }) => (JSON.parse(body) as Notification).state);
  expect(states).toEqual(['firing', 'firing', 'firing', 'resolved']);
  expect(failures).toEqual([]);
});

it.each([
  ['at once when it will never be taken', [404], 1, /was not taken: it answered 404/],
  ['after some attempts', [500, 500, 500], 3, /was not taken: it answered 500/],
  ['when it is sent elsewhere', [302, 302, 302], 3, /was not taken: /],
])('it is given up with a word, but not with the address: %s', async (_, statuses, attempts, message) => {
  answers = [...statuses];
  void start({ webhookUrl: `${address}/secret` }).tell(FIRING);
  await vi.waitFor(() => {
    expect(failures).toHaveLength(1);
  });
  expect(received).toHaveLength(attempts);
  expect(failures[0]).toMatch(message);
  expect(failures[0]).not.toContain('secret');
});

it.each([
  ['both took it', [], true],
  ['one of both refused it', [200, 404], false],
])('whether it was told is known: %s', async (_, statuses, isTold) => {
  answers = [...statuses];
  const sender = start({ webhookUrl: address, ntfyUrl: `${address}/topic` });
  expect(await sender.tell(FIRING)).toBe(isTold);
});

it('nobody has to hear of it where there is no address', async () => {
  expect(await start({}).tell(FIRING)).toBe(true);
});

it('who never answers holds up neither other addresses nor the stop', async () => {
  const hanging = createServer(() => undefined);
  await new Promise<void>((resolve) => hanging.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(hanging.address() as AddressInfo).port}/`;
  const sender = start({ webhookUrl: url, ntfyUrl: address });
  void sender.tell(FIRING);
  await vi.waitFor(() => {
    expect(received).toHaveLength(1);
  });
  const begun = Date.now();
  await sender.close();
  expect(Date.now() - begun).toBeLessThan(2000);
  expect(failures).toEqual([expect.stringMatching(/^webhook: "hot firing: .*" was not taken/)]);
  hanging.closeAllConnections();
  await new Promise((resolve) => hanging.close(resolve));
});

it('nobody at the address is told as such, and closing does not wait for them', async () => {
  const url = `http://127.0.0.1:${await closedPort()}/`;
  void start({ webhookUrl: url }).tell(FIRING);
  await vi.waitFor(() => {
    expect(failures[0]).toMatch(/ECONNREFUSED/);
  });
  const patient = start({ webhookUrl: url }, [600_000]);
  failures = [];
  void patient.tell(FIRING);
  void patient.tell({ ...FIRING, text: 'another' });
  const begun = Date.now();
  await patient.close();
  expect(Date.now() - begun).toBeLessThan(2000);
  expect(failures).toEqual([
    `webhook: "${FIRING.text}" was not taken before the dashboard was stopped`,
    'webhook: "another" was not taken before the dashboard was stopped',
  ]);
});

import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { FastifyInstance } from 'fastify';
import { afterEach, expect, it } from 'vitest';
import { buildApp } from '../src/server/app.ts';
import { VERSION } from '../src/server/version.ts';
import { createPipeline, type Pipeline } from '../src/server/pipeline.ts';
import { configOf } from './configuration.ts';

const ROOT = path.join(import.meta.dirname, '../..');
const documentation = readFileSync(path.join(ROOT, 'docs/observation.md'), 'utf8');

let app: FastifyInstance;
let pipeline: Pipeline;

async function start(token?: string): Promise<void> {
  const config = await configOf({ token });
  pipeline = createPipeline(config, (await import('fastify')).default({ logger: false }).log);
  app = await buildApp({ config, logLevel: 'silent', pipeline });
  await app.ready();
}

afterEach(async () => {
  await app.close();
});

/** The samples by name and labels. */
async function samples(): Promise<Map<string, number>> {
  const { body, headers, statusCode } = await app.inject({ url: '/metrics' });
  expect(statusCode).toBe(200);
  expect(headers['content-type']).toMatch(/^text\/plain; version=0\.0\.4/);
  const lines = body.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ')))]),
  );
}

it('tells what it counts, and of what is not known nothing', async () => {
  await start();
  const before = await samples();
  expect(before.get(`freshet_build_info{version="${VERSION}"}`)).toBe(1);
  expect(before.get('process_resident_memory_bytes')).toBeGreaterThan(1e7);
  const started = before.get('process_start_time_seconds') ?? 0;
  expect(Math.abs(started + process.uptime() - Date.now() / 1000)).toBeLessThan(5);
  expect(before.get('freshet_dashboard_window_messages_total')).toBe(0);
  expect(before.get('freshet_dashboard_live_clients')).toBe(0);
  expect(before.get('freshet_dashboard_waiting{for="kafka"}')).toBe(1);
  expect(before.get('freshet_dashboard_state{state="waiting"}')).toBe(1);
  expect(before.get('freshet_dashboard_state{state="running"}')).toBe(0);
  // Kafka is away: nobody knows how much it has.
  expect([...before.keys()].filter((name) => name.startsWith('freshet_dashboard_lag'))).toEqual([]);

  pipeline.errors.add('invalid_window', 'a secret', 3);
  const after = await samples();
  expect(after.get('freshet_dashboard_errors_total{kind="invalid_window"}')).toBe(3);
  const last = after.get('freshet_dashboard_last_error_timestamp_seconds') ?? 0;
  expect(Math.abs(last - Date.now() / 1000)).toBeLessThan(5);
  // Counted elsewhere, and not once more with each question.
  expect((await samples()).get('freshet_dashboard_errors_total{kind="invalid_window"}')).toBe(3);
  expect((await app.inject({ url: '/metrics' })).body).not.toContain('secret');
});

it('tells how long each component has been silent, unless it has ended', async () => {
  await start();
  const now = Date.now();
  const report = pipeline.report();
  const spark = { ...report, component: 'spark-job' as const, stream: 'host', instance: 'a:1' };
  pipeline.board.add({ ...spark, time: now - 40_000 }, now - 40_000);
  pipeline.board.add({ ...report, component: 'freshet-producer', instance: 'a:2', state: 'ended' }, now);
  const ages = [...(await samples())].filter(([name]) => name.includes('component_report_age'));
  expect(ages.map(([name]) => name)).toEqual([
    'freshet_dashboard_component_report_age_seconds{component="spark-job",stream="host",reporter="a:1"}',
  ]);
  expect(ages[0]?.[1]).toBeGreaterThanOrEqual(40);
  expect(ages[0]?.[1]).toBeLessThan(60);
});

it('is behind the same doors as the API', async () => {
  await start('the right one');
  const status = async (headers: Record<string, string>) =>
    (await app.inject({ url: '/metrics', headers })).statusCode;
  const right = { authorization: 'Bearer the right one' };
  expect(await status({})).toBe(401);
  expect(await status({ authorization: 'Bearer another' })).toBe(401);
  expect(await status({ ...right, host: 'evil.example.com' })).toBe(421);
  expect(await status({ ...right, host: 'localhost:3000' })).toBe(200);
  expect((await app.inject({ url: '/metrics?a=b', headers: right })).statusCode).toBe(400);
  expect((await app.inject({ method: 'POST', url: '/metrics', headers: right })).statusCode).toBe(405);
});

it('has the metrics that docs/observation.md lists, and no others', async () => {
  await start();
  pipeline.errors.add('invalid_window', 'one');
  const { body } = await app.inject({ url: '/metrics' });
  const told = [...body.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name);
  const documented = [...documentation.matchAll(/`(freshet_dashboard_\w+)`/g)].map(([, name]) => name);
  const own = told.filter((name) => name?.startsWith('freshet_dashboard_'));
  expect(new Set(own)).toEqual(new Set(documented));
  expect(documentation).toContain('`process_start_time_seconds`');
});

it('has the version of the package', () => {
  const { version } = JSON.parse(readFileSync(path.join(ROOT, 'node-dashboard/package.json'), 'utf8')) as {
    version: string;
  };
  expect(VERSION).toBe(version);
});

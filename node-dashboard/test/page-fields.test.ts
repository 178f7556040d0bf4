import { mkdtempSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import Fastify, { type FastifyInstance } from 'fastify';
import type { Page } from 'playwright-core';
import { build, type Plugin } from 'vite';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { buildApp } from '../src/server/app.ts';
import { createPipeline } from '../src/server/pipeline.ts';
import { LATER_STATISTICS } from '../src/shared/generated/window.ts';
import { configOf } from './configuration.ts';
import { LATER_FIELDS } from './later-fields.ts';
import { windowMessage } from './messages.ts';
import { openBrowser, type Browser } from './page/browser.mjs';

// Server and page of a later version, whose windows have more statistics.
vi.mock('../src/shared/generated/window.ts', async (original) => {
  const { withLaterFields } = await import('./later-fields.ts');
  return withLaterFields(await original());
});

const WAIT = 20_000;
const SIZE = 10_000;

// A build, and a browser on a busy machine.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

let folder: string;
let browser: Browser;
let app: FastifyInstance;
let page: Page;

/** Adds the later statistics to the page's list. */
const laterStatistics: Plugin = {
  name: 'later-statistics',
  enforce: 'pre',
  transform: (code, id) => {
    if (!id.endsWith('/generated/window.ts')) {
      return null;
    }
    const list = /(LATER_STATISTICS: readonly WindowField\[\] = \[)([^\]]*)\]/;
    expect(code).toMatch(list);
    return code.replace(list, `$1$2${JSON.stringify(LATER_FIELDS).slice(1, -1)}]`);
  },
};

beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'freshet-fields-'));
  const webRoot = path.join(folder, 'web');
  await build({ build: { outDir: webRoot }, plugins: [laterStatistics], logLevel: 'warn' });
  const config = await configOf();
  const [stream] = config.streams;
  const single = { ...config, streams: stream === undefined ? [] : [{ ...stream, metrics: ['usage'] }] };
  const pipeline = createPipeline(single, Fastify({ logger: false }).log);
  // Kafka and Cassandra are away: their answers stand here, everything behind them is real.
  vi.spyOn(pipeline.tail, 'start').mockReturnValue();
  vi.spyOn(pipeline.tail, 'topicHealth').mockReturnValue({ connected: true, message: '' });
  const series = [{ series: 'laptop/cpu', metrics: ['usage'], last_seen: Date.now() }];
  vi.spyOn(pipeline.history, 'series').mockResolvedValue({ series, truncated: false });
  const begin = Math.floor(Date.now() / SIZE) * SIZE - 6 * SIZE;
  const window = (index: number, fields: object) => {
    const start = begin + index * SIZE;
    return { ...windowMessage(), start, end: start + SIZE, last_event: start + 9000, ...fields };
  };
  const stored = [0, 1, 2, 3].map((index) => window(index, {}));
  vi.spyOn(pipeline.history, 'windows').mockResolvedValue(stored);
  const live = pipeline.live.get('host');
  live?.begin('topic', new Map([[0, 0n]]));
  const later = { mode: 17.5, peak_time: begin + 4 * SIZE + 3000, outliers: 1234 };
  // Its second one still grows, which makes the first one complete.
  for (const [offset, index] of [4, 5].entries()) {
    const record = { offset: BigInt(offset), value: JSON.stringify(window(index, later)) };
    live?.append(0, [record], record.offset + 1n);
  }
  app = await buildApp({ config: single, logLevel: 'silent', pipeline, webRoot });
  await app.listen({ host: '127.0.0.1', port: 0 });
  browser = await openBrowser();
  page = await browser.context.newPage();
  await page.goto(`http://127.0.0.1:${(app.server.address() as AddressInfo).port}/?range=300000`);
  await page.waitForSelector('.chart[data-points="6"]', { timeout: WAIT });
});

afterAll(async () => {
  await browser.close();
  await app.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Those that there are already, of which the windows of this test say nothing. */
const today = LATER_STATISTICS.map(({ name }) => name).filter((name) =>
  LATER_FIELDS.every((field) => field.name !== name),
);
const notKnown = today.map((name) => `${name} – · `).join('');

const matching = (pattern: RegExp) => expect.stringMatching(pattern) as string;

it('the table of a single metric has a column for each later statistic', async () => {
  const texts = (row: string) =>
    page.$$eval(`.series ${row} > *`, (cells) => cells.map((cell) => cell.textContent));
  expect(await texts('thead tr')).toEqual([
    ...['series', 'average', 'min', 'max', 'p95'],
    ...[...today, 'mode', 'peak_time', 'outliers', 'records', 'lag', 'newest'],
  ]);
  expect((await texts('tbody tr')).slice(1, -2)).toEqual([
    ...['2.00% ○ 2.00% so far', '2.00%', '2.00%', '2.00%', ...today.map(() => '–'), '17.50%'],
    matching(/^\d\d:\d\d:\d3$/),
    ...['1,234', '1'],
  ]);
});

it('the tooltip of a chart shows every statistic, and a dash for what is not known', async () => {
  const over = await page.waitForSelector('.chart .u-over', { timeout: WAIT });
  const box = (await over.boundingBox()) ?? { x: 0, y: 0, width: 0, height: 0 };
  /** Points at the chart at a share of its width, wherever the line is; the lines of the tooltip. */
  const tooltip = async (share: number): Promise<string[]> => {
    for (let y = 5; y < box.height; y += 20) {
      await page.mouse.move(box.x + box.width * share, box.y + y);
      const lines = await page.$$eval('.tooltip:not([hidden]) > *', (found) =>
        found.map((line) => line.textContent),
      );
      if (lines.length > 0) {
        return lines;
      }
    }
    return [];
  };
  const times = /^\d\d:\d\d:\d\d – \d\d:\d\d:\d\d$/;
  const known = [
    ...['laptop/cpu', matching(times), 'average 2.00%', 'min 2.00% · max 2.00%'],
    ...['sum 2.00% · stddev 0.000%', 'p50 2.00% · p95 2.00% · p99 2.00% (exact)'],
  ];
  await vi.waitFor(async () => {
    expect(await tooltip(0.98)).toEqual([
      ...known,
      matching(new RegExp(`^${notKnown}mode 17\\.50% · peak_time \\d\\d:\\d\\d:\\d3 · outliers 1,234$`)),
      matching(/^1 record · newest \d\d:\d\d:\d9$/),
    ]);
  }, WAIT);
  await vi.waitFor(async () => {
    expect(await tooltip(0.02)).toEqual([
      ...known,
      `${notKnown}mode – · peak_time – · outliers –`,
      matching(/^1 record · newest \d\d:\d\d:\d9$/),
    ]);
  }, WAIT);
});

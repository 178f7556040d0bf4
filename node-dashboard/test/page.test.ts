import type { AddressInfo } from 'node:net';
import path from 'node:path';
import Fastify, { type FastifyInstance } from 'fastify';
import type { Page } from 'playwright-core';
import {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  expect,
  it,
  vi,
  type MockInstance,
} from 'vitest';
import { buildApp } from '../src/server/app.ts';
import type { LiveStream } from '../src/server/live-stream.ts';
import { createPipeline, type Pipeline } from '../src/server/pipeline.ts';
import type { HealthReport } from '../src/shared/api.ts';
import type { WindowValue } from '../src/shared/window.ts';
import { MAX_RESUMES } from '../src/web/live-connection.ts';
import { configOf } from './configuration.ts';
import { NOT_KNOWN, windowMessage } from './messages.ts';
import { openBrowser, type Browser } from './page/browser.mjs';

const WAIT = 20_000;
const SERIES = ['laptop/cpu', 'laptop/memory'];
/** Requests for the history: two metrics of two series are asked for at once. */
const HISTORY_REQUESTS = 1;
/** So many points does a tile ask for. */
const TILE_POINTS = 90;

// A browser, or hundreds of connections, on a busy machine.
vi.setConfig({ testTimeout: 40_000, hookTimeout: 40_000 });

let browser: Browser;
let app: FastifyInstance;
let pipeline: Pipeline;
let stream: LiveStream | undefined;
let page: Page;
let asked: MockInstance<Pipeline['history']['windows']>;
/** The end of the history, which stays where it is however long a test takes. */
let newest: number;

beforeAll(async () => {
  browser = await openBrowser();
});

afterAll(async () => {
  await browser.close();
});

beforeEach(async () => {
  newest = Math.floor(Date.now() / 10_000) * 10_000;
  const config = await configOf();
  pipeline = createPipeline(config, Fastify({ logger: false }).log);
  [stream] = pipeline.live.values();
  // Kafka and Cassandra are away: their answers stand here, everything behind them is real.
  vi.spyOn(pipeline.tail, 'start').mockReturnValue();
  vi.spyOn(pipeline.tail, 'topicHealth').mockReturnValue({ connected: true, message: '' });
  const info = { metrics: ['usage', 'load'], last_seen: Date.now() };
  const series = SERIES.map((name) => ({ series: name, ...info }));
  vi.spyOn(pipeline.history, 'series').mockResolvedValue({ series, truncated: false });
  asked = vi.spyOn(pipeline.history, 'windows').mockImplementation(() => Promise.resolve(history()));
  begin('topic');
  app = await buildApp({ config, logLevel: 'silent', pipeline, webRoot: path.resolve('dist/web') });
  await app.listen({ host: '127.0.0.1', port: 0 });
  page = await browser.context.newPage();
});

afterEach(async () => {
  await page.close();
  await app.close();
  vi.restoreAllMocks();
});

function begin(topicId: string): void {
  stream?.begin(topicId, new Map(Array.from({ length: 50 }, (_, partition) => [partition, 0n])));
}

/** A minute of windows, of which the second but last is partial; more windows are earlier ones. */
function history(length = 6): WindowValue[] {
  return Array.from({ length }, (_, place) => {
    const index = place + 6 - length;
    const start = newest - (6 - index) * 10_000;
    const times = { start, end: start + 10_000, last_event: start + 9000 };
    const { avg, min, max } = { avg: 20 + index, min: 15, max: 30 };
    const value = {
      ...NOT_KNOWN,
      ...{ ...times, count: 10, sum: 10 * avg, avg, min, max, stddev: 1, p50: avg, p95: max, p99: max },
      ...{ generation: 0, revision: 10 },
    };
    return index === 4 ? { ...value, partial: true as const } : value;
  });
}

async function open(query = ''): Promise<void> {
  await page.goto(`http://127.0.0.1:${(app.server.address() as AddressInfo).port}/${query}`);
}

/** A window that is newer than the history comes in. */
function sendWindow(): void {
  const start = newest;
  const value = JSON.stringify(windowMessage({ start, end: start + 10_000, last_event: start }));
  stream?.append(0, [{ offset: 0n, value }], 1n);
}

async function live(): Promise<void> {
  await page.waitForSelector('body[data-connection=live] .chart[data-points="12"]', { timeout: WAIT });
}

function report(fields: Partial<HealthReport>): HealthReport {
  return {
    ...{
      component: 'spark-job',
      instance: 'box:1',
      stream: 'host',
      since: Date.now() - 60_000,
      time: Date.now(),
    },
    ...{ records_in: 0, records_out: 0, bytes_in: 0, bytes_out: 0, errors: {}, lag: null },
    ...fields,
  };
}

/** The texts of the pipeline panel, row by row, cells joined by bars; a warning begins with an exclamation mark. */
async function panel(component: string): Promise<string[]> {
  await page.waitForSelector(`.pipeline tr[data-component="${component}"]`, { timeout: WAIT });
  return page.$$eval('.pipeline tbody tr', (rows) =>
    rows.map(
      (row) =>
        (row.classList.contains('warning') ? '! ' : '') +
        [...row.children].map((cell) => cell.textContent).join(' | '),
    ),
  );
}

describe('the pipeline panel', () => {
  it('says what a component waits for, what was lost of it, and what people should know', async () => {
    const told = { deleted_offsets: 1234, lost_offsets: 300, notices: ['the clock of s1 is 4 min ahead'] };
    pipeline.board.add(
      report({ ...told, state: 'waiting', waiting_for: 'the topic raw.host', lag: 7 }),
      Date.now(),
    );
    await open();
    expect((await panel('spark-job')).slice(2)).toEqual([
      '! spark-job · host | waiting | – | – | 7 | – | – | – | 1,234 | 300 | 0',
      '! waits for the topic raw.host',
      '! lost: 1,234 offsets were deleted by Kafka before they were read',
      '! lost: 300 offsets of a topic that was deleted were never read',
      'the clock of s1 is 4 min ahead',
    ]);
  });

  it('shows the state of each source and what was lost of it', async () => {
    const source = {
      ...{ connection: 'reconnecting', connection_since: Date.now() - 720_000, messages_in: 9, bytes_in: 90 },
      ...{ records_out: 3, rejected: 1, dropped: 5, gaps: 2, reconnections: 0 },
    };
    const told = {
      component: 'freshet-producer',
      stream: null,
      state: 'running',
      sources: { ticker: source },
    };
    pipeline.board.add(report(told), Date.now());
    await open();
    expect((await panel('freshet-producer')).slice(2)).toEqual([
      'freshet-producer | running | – | – | – | – | – | – | – | – | 0',
      expect.stringMatching(
        /^! source ticker: reconnecting for 12 min 0\d s; 1 rejected, 5 dropped, 2 gaps$/,
      ),
    ]);
  });

  it('shows an error that is over as one that is over, and when it was', async () => {
    const failed = { last_error: 'no answer', last_error_time: Date.now() - 720_000, errors: { query: 2 } };
    pipeline.board.add(report({ ...failed, state: 'running' }), Date.now());
    pipeline.board.add(report({ ...failed, state: 'restarting', stream: 'sensors' }), Date.now());
    await open();
    expect((await panel('spark-job')).slice(2)).toEqual([
      'spark-job · host | running | – | – | – | – | – | – | – | – | 2 (over)',
      expect.stringMatching(/^over: error 12 min 0\d s ago: no answer$/),
      '! spark-job · sensors | restarting | – | – | – | – | – | – | – | – | 2',
      expect.stringMatching(/^! error 12 min 0\d s ago: no answer$/),
    ]);
  });

  it('shows a state that it does not know as it is, and no zero for what is not known', async () => {
    pipeline.board.add(report({ state: 'rebalancing', errors: null }), Date.now());
    const silent = {
      component: 'writer',
      stream: null,
      time: Date.now() - 60_000,
      lag: 0,
      errors: { read: 3 },
    };
    pipeline.board.add(report(silent), Date.now() - 60_000);
    await open();
    const rows = await panel('writer');
    expect(rows).toContain('spark-job · host | rebalancing | – | – | – | – | – | – | – | – | –');
    expect(rows).toContainEqual(
      expect.stringMatching(/^! writer \| silent for 1 min 0\d s \| – \| – \| – \|/),
    );
    expect(rows).toContainEqual(expect.stringMatching(/^! 3 errors in .*: read: 3$/));
  });

  it('says that Kafka and Cassandra do not answer', async () => {
    await open();
    await page.waitForSelector('.pipeline tbody tr');
    const rows = await page.$$eval('.pipeline tbody tr.warning', (found) =>
      found.map((row) => row.textContent),
    );
    expect(rows).toEqual([expect.stringMatching(/^kafka at/), expect.stringMatching(/^cassandra at/)]);
  });
});

it('partial windows are marked in words on the chart and in the table', async () => {
  const now = newest;
  for (const metric of ['usage', 'load']) {
    const message = windowMessage({ metric, start: now, end: now + 10_000, last_event: now, partial: true });
    const record = { offset: metric === 'usage' ? 0n : 1n, value: JSON.stringify(message) };
    stream?.append(7, [record], record.offset + 1n);
  }
  await open('?series=laptop%2Fcpu');
  const chart = '.chart[data-metric="usage"]';
  await page.waitForSelector(`${chart}[data-partial="2"]`, { timeout: WAIT });
  expect(await page.textContent(`${chart} .legend`)).toMatch(
    /^◇ 2 windows are partial: each holds only a part of/,
  );
  expect(await page.getAttribute(`${chart} .plot`, 'aria-label')).toMatch(/; 2 windows are partial/);
  const cell = '.series tbody tr td:nth-child(2)';
  expect(await page.textContent(cell)).toBe('25.00% ○ ◇ 2.00% so far (partial)');
  expect(await page.getAttribute(`${cell} .growing`, 'title')).toMatch(/only a part of its readings/);
});

it('the page says which part of its address selects nothing', async () => {
  await open('?stream=hots&window=11s&range=7&rnage=300000');
  await live();
  const notice = (await page.textContent('#notice')) ?? '';
  expect(notice).toMatch(/^the address asks for what is not there: /);
  for (const problem of [
    'stream "hots"; there are: host',
    'window "11s"; there are: 10s, 5m/1m',
    'range "7"',
  ]) {
    expect(notice).toContain(problem);
  }
  expect(notice).toContain('parameter "rnage"; there are: stream, window, range, series, from, to');
  await page.selectOption('#range', '300000');
  await page.waitForSelector('#notice', { state: 'hidden', timeout: WAIT });
});

it('the page loads the history once, or twice, for however many resets', async () => {
  const requests: URL[] = [];
  page.on('request', (request) => requests.push(new URL(request.url())));
  // The tiles ask again and again, for fewer points than the charts.
  const loads = (): number =>
    requests.filter(
      ({ pathname, searchParams }) =>
        pathname === '/api/history' && Number(searchParams.get('points')) > TILE_POINTS,
    ).length;
  await open();
  await live();
  expect(loads()).toBe(HISTORY_REQUESTS);
  for (let time = 1; time <= 50; time += 1) {
    begin(`topic made anew ${time}`);
  }
  await vi.waitFor(() => {
    expect(loads()).toBeGreaterThan(HISTORY_REQUESTS);
  }, WAIT);
  // What comes behind the resets has come to the page after them.
  sendWindow();
  await page.waitForSelector('.chart[data-metric="usage"][data-points="13"]', { timeout: WAIT });
  // Loads come one after the other: once another one brings what only it has, those before have asked for all.
  asked.mockImplementation(() => Promise.resolve(history(8)));
  begin('topic made anew at last');
  for (const [metric, points] of [
    ['usage', 17],
    ['load', 16],
  ]) {
    await page.waitForSelector(`.chart[data-metric="${metric}"][data-points="${points}"]`, { timeout: WAIT });
  }
  expect(loads()).toBeLessThanOrEqual(4 * HISTORY_REQUESTS);
});

it('the page starts over when the server refuses the id after which it wants to resume', async () => {
  await open();
  await live();
  sendWindow();
  await page.waitForSelector('.chart[data-metric="usage"][data-points="13"]', { timeout: WAIT });
  const refusing = vi.spyOn(stream ?? { refusalOf: () => null }, 'refusalOf').mockReturnValue('is damaged');
  app.server.closeAllConnections();
  await page.waitForSelector('body[data-connection=lost]', { timeout: WAIT });
  await page.waitForSelector('body[data-connection=live]', { timeout: WAIT });
  expect(refusing).toHaveBeenCalledTimes(MAX_RESUMES);
  await page.waitForSelector('#notice', { state: 'hidden', timeout: WAIT });
});

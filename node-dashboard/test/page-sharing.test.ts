import type { IncomingMessage, ServerResponse } from 'node:http';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Page } from 'playwright-core';
import { PAGE_COLUMNS } from '../src/shared/columns.ts';
import { openBrowser, type Browser } from './page/browser.mjs';
import { ago, Stage, tenSeconds, WAIT } from './page-stage.ts';

// A browser on a busy machine.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 40_000 });

/** A browser opens no more connections than this to one server. */
const CONNECTIONS = 6;

let browser: Browser;
let stage: Stage;
let pages: Page[];
let asked: URL[];
let listening: Set<ServerResponse>;

beforeAll(async () => {
  browser = await openBrowser();
});

afterAll(async () => {
  await browser.close();
});

beforeEach(async () => {
  stage = await Stage.open();
  pages = [];
  asked = [];
  listening = new Set();
  stage.app.server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    const url = new URL(request.url ?? '/', 'http://localhost');
    asked.push(url);
    if (url.pathname === '/api/live') {
      listening.add(response);
      response.once('close', () => listening.delete(response));
    }
  });
  stage.list('laptop/cpu', ['usage']);
  stage.list('laptop/load', ['load']);
  stage.store([ago(3), ago(2)]);
  stage.store([ago(3), ago(2)], { series: 'laptop/load', metric: 'load' });
});

afterEach(async () => {
  await Promise.all(pages.map((page) => page.close()));
  await stage.close();
});

async function open(
  query = '',
  prepare: (page: Page) => Promise<unknown> = () => Promise.resolve(),
): Promise<Page> {
  const page = await browser.context.newPage();
  pages.push(page);
  await prepare(page);
  await page.goto(stage.address(query));
  await live(page, 2);
  return page;
}

async function live(page: Page, points: number): Promise<void> {
  const chart = `body[data-connection=live] .chart[data-metric="usage"][data-points="${points}"]`;
  await page.waitForSelector(chart, { timeout: WAIT });
}

describe('the tabs of a browser', () => {
  it('share one event stream, more of them than a browser has connections', async () => {
    for (let tab = 0; tab <= CONNECTIONS; tab += 1) {
      await open(tab % 2 === 0 ? '' : '?series=laptop%2Fcpu');
    }
    expect(listening.size).toBe(1);
    stage.send(tenSeconds(ago(1)));
    for (const page of pages) {
      await live(page, 3);
    }
    await pages.shift()?.close();
    stage.send(tenSeconds(ago(0)));
    for (const page of pages) {
      await live(page, 4);
    }
    for (const page of pages.splice(0)) {
      await page.close();
    }
    await vi.waitFor(() => {
      expect(listening.size).toBe(0);
    }, WAIT);
  });

  it('have one each where a browser has no shared workers, or cannot load them', async () => {
    await open('', (page) => page.addInitScript('delete window.SharedWorker'));
    await open('', (page) => page.route('**/live-worker-*.js', (route) => route.abort()));
    expect(listening.size).toBe(2);
  });
});

describe('what a page asks for', () => {
  it('is what its series have, of several at once, and live one kind of window', async () => {
    const page = await open();
    await page.waitForSelector('.chart[data-metric="load"][data-points="2"]', { timeout: WAIT });
    // The tiles ask for some fields only.
    const history = asked.filter(
      ({ pathname, searchParams }) => pathname === '/api/history' && !searchParams.has('fields'),
    );
    expect(
      history.map(({ searchParams }) => [searchParams.getAll('series'), searchParams.getAll('metric')]),
    ).toEqual([
      [['laptop/cpu'], ['usage']],
      [['laptop/load'], ['load']],
    ]);
    const columns = Object.entries(PAGE_COLUMNS).map(([name, value]) => [name, String(value)]);
    for (const { searchParams } of history) {
      expect(columns.map(([name = '']) => [name, searchParams.get(name)])).toEqual(columns);
    }
    const events = asked.filter(({ pathname }) => pathname === '/api/live');
    expect(events.map(({ searchParams }) => searchParams.getAll('window'))).toEqual([['10s']]);
  });

  it('has at most two points for each pixel, which the page goes on merging, and says so', async () => {
    stage.stored = [];
    const now = ago(0);
    stage.store(Array.from({ length: 8640 }, (_, index) => now - (8640 - index) * 10_000));
    const page = await browser.context.newPage();
    pages.push(page);
    await page.setViewportSize({ width: 500, height: 800 });
    await page.goto(stage.address('?range=86400000&series=laptop%2Fcpu'));
    const chart = '.chart[data-metric="usage"]';
    await page.waitForSelector(`body[data-connection=live] ${chart}:not([data-points="0"])`, {
      timeout: WAIT,
    });
    const points = () => page.getAttribute(chart, 'data-points').then(Number);
    expect(await points()).toBeGreaterThan(300);
    const pixels = await page.$eval(`${chart} .u-over`, (plot) => plot.clientWidth);
    expect(await points()).toBeLessThanOrEqual(2 * pixels);
    expect(await page.textContent(`${chart} .unit`)).toMatch(
      /^percent · average per \d+(s|m), merged from windows of 10s$/,
    );
    // A count would not tell: points leave on the left meanwhile.
    const live = tenSeconds(now);
    stage.send(live);
    await page.waitForSelector(`${chart}[data-newest-event="${live.last_event}"]`, { timeout: WAIT });
    // A straggler changes what the server has merged: it is asked again.
    const requests = asked.length;
    stage.send(tenSeconds(now - 3_600_000, { revision: 11, count: 11 }));
    await vi.waitFor(() => {
      expect(asked.slice(requests).some(({ pathname }) => pathname === '/api/history')).toBe(true);
    }, WAIT);
  });
});

it('the page comes over the wire compressed, in no more than its budget', async () => {
  const page = await browser.context.newPage();
  pages.push(page);
  const session = await browser.context.newCDPSession(page);
  await session.send('Network.enable');
  let bytes = 0;
  session.on('Network.loadingFinished', ({ encodedDataLength }) => {
    bytes += encodedDataLength;
  });
  await page.goto(stage.address());
  await live(page, 2);
  expect(bytes).toBeGreaterThan(10_000);
  expect(bytes).toBeLessThan(100_000);
});

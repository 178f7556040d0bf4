import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Page } from 'playwright-core';
import { ago, coloredRuns, openBrowser, Stage, WAIT, type Browser } from './page-stage.ts';

// A browser on a busy machine.
vi.setConfig({ testTimeout: 40_000, hookTimeout: 40_000 });

const FIRST_COLOR = '#1f83e0';
const SECOND_COLOR = '#e8710a';
const USAGE = '.chart[data-metric="usage"]';

let browser: Browser;
let stage: Stage;
let page: Page;

beforeAll(async () => {
  browser = await openBrowser();
});

afterAll(async () => {
  await browser.close();
});

beforeEach(async () => {
  stage = await Stage.open();
  page = await browser.context.newPage();
});

afterEach(async () => {
  await page.close();
  await stage.close();
});

async function open(query: string, points: number): Promise<void> {
  await page.goto(stage.address(query));
  await page.waitForSelector(`body[data-connection=live] ${USAGE}[data-points="${points}"]`, {
    timeout: WAIT,
  });
}

describe('what is not there is not drawn', () => {
  it('neither by a line, nor by a band, from one missing window on', async () => {
    stage.list('laptop/cpu');
    const now = Date.now();
    stage.store([20, 19, 18, 16, 15, 11, 10, 4, 3].map((windows) => ago(windows, now)));
    await open('?range=300000', 9);
    const lines = (await coloredRuns(page, USAGE, FIRST_COLOR)).filter((width) => width > 12);
    // Three windows, two, and two; what leads to the last one is dashed, since that still grows.
    expect(lines).toHaveLength(3);
  });

  it('and a window alone is a point, however many windows the others have', async () => {
    stage.list('a');
    stage.list('b');
    const now = Date.now();
    stage.store(
      Array.from({ length: 60 }, (_, index) => ago(80 - index, now)),
      { series: 'a', avg: 10 },
    );
    stage.store(
      [70, 60, 50].map((windows) => ago(windows, now)),
      { series: 'b', avg: 20 },
    );
    await open('?range=900000', 63);
    const points = await coloredRuns(page, USAGE, SECOND_COLOR);
    expect(points).toHaveLength(3);
    expect(Math.min(...points)).toBeGreaterThanOrEqual(4);
  });
});

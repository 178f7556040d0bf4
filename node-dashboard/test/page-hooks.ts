import type { Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest';
import { openBrowser, parametersOf, type Browser } from './page/browser.mjs';
import { ago, Stage, WAIT } from './page-stage.ts';

/** A browser on a busy machine, in milliseconds. */
const PATIENCE = 40_000;

/** The browser of a test file that imports this. */
export let browser: Browser;
/** The stage of the test that runs, and a page that is empty at its beginning. */
export let stage: Stage;
export let page: Page;

beforeAll(async () => {
  browser = await openBrowser();
}, PATIENCE);

afterAll(async () => {
  await browser.close();
}, PATIENCE);

beforeEach(async () => {
  stage = await Stage.open();
  page = await browser.context.newPage();
}, PATIENCE);

afterEach(async () => {
  await page.close();
  await stage.close();
}, PATIENCE);

/** Starts another server, after the one before was closed. */
export async function reopenStage(...change: Parameters<typeof Stage.open>): Promise<void> {
  stage = await Stage.open(...change);
}

/** Stores half an hour of three series, of which one lacks a window, for a page that is wide enough for all of it. */
export async function storeThreeSeries(): Promise<void> {
  await page.setViewportSize({ width: 1280, height: 900 });
  stage.list('laptop/cpu');
  stage.list('laptop/disk');
  stage.list('laptop/load', ['load']);
  const starts = Array.from({ length: 30 }, (_, index) => ago(32 - index));
  stage.store(starts);
  stage.store(
    starts.filter((_, index) => index !== 20),
    { series: 'laptop/disk', avg: 60, min: 55, max: 65 },
  );
  stage.store(starts, { series: 'laptop/load', metric: 'load', avg: 2, min: 1, max: 3 });
}

/** Opens the page, and waits until it shows what `storeThreeSeries` has stored. */
export async function openThreeSeries(query = ''): Promise<void> {
  await page.goto(stage.address(query));
  await page.waitForSelector('body[data-connection=live] .chart[data-metric="usage"][data-points="59"]', {
    timeout: WAIT,
  });
}

/** The parameters of the page's address. */
export function parameters(): URLSearchParams {
  return parametersOf(page);
}

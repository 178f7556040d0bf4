// Walks through the dashboard of a really started stack as a person does: looks on live, holds, zooms, asks charts by
// keyboard, takes away what is shown, and visits the pages. Prints what it saw as a line of JSON, and exits with 1
// where something is not as it has to be.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { axeFinds } from './axe.mjs';
import { errorsOf, openBrowser, parametersOf } from './browser.mjs';
import { compare, rowsOf } from './csv.mjs';

const USAGE = 'usage: walk.mjs <url> <folder for screenshots> [--timeout-seconds 30]';
/** The first chart that has something. */
const CHART = '.chart[data-points]:not([data-points="0"])';
const WIDE = { width: 1280, height: 900 };
const PHONE = { width: 360, height: 800 };
/** What each page shows once it is there. */
const PAGES = { pipeline: '.flow .place', fleet: '.fleet-row', advanced: '.plotly-host .main-svg' };

/** @typedef {import('./browser.mjs').Page} Page */
/** @typedef {import('../../src/shared/api.ts').HistoryAnswer} HistoryAnswer */

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { 'timeout-seconds': { type: 'string', default: '30' } },
});
const [address, folder] = positionals;
const timeout = Number(values['timeout-seconds']) * 1000;
if (address === undefined || folder === undefined || !(timeout > 0)) {
  console.error(USAGE);
  process.exit(2);
}

/**
 * @param {boolean} condition
 * @param {string} message what is wrong where it is not so
 */
function ensure(condition, message) {
  if (!condition) {
    throw new Error(message);
  }
}

/** A number that the page says of itself. */
function said(/** @type {Page} */ page, /** @type {string} */ name) {
  return page.evaluate((key) => Number(document.body.dataset[key]), name);
}

/**
 * How many new windows the way back to live counts, once there are more than this.
 *
 * @param {Page} page
 * @param {number} before
 */
async function waitForNew(page, before) {
  const count = await page.waitForFunction((least) => {
    const text = document.querySelector('#back-to-live')?.textContent ?? '';
    const found = Number(/\((.+) new\)/.exec(text)?.[1]?.replace(/\D/g, '') ?? 0);
    return found > least ? found : null;
  }, before);
  return Number(await count.jsonValue());
}

async function seeLivePoint(/** @type {Page} */ page) {
  await page.waitForSelector(`body[data-connection=live] ${CHART}`);
  const before = await said(page, 'newestEvent');
  await page.waitForFunction((event) => Number(document.body.dataset.newestEvent) > event, before);
  return { newest_event: await said(page, 'newestEvent'), charts: await page.locator(CHART).count() };
}

/** Space holds all charts: nothing of the time after is drawn, but counted. */
async function hold(/** @type {Page} */ page) {
  await page.keyboard.press('Space');
  await page.waitForSelector('#past:not([hidden])');
  await page.waitForSelector('body[data-connection=live]');
  ensure(parametersOf(page).has('to'), `the address does not say what is held: ${page.url()}`);
}

/** By now all that was begun when the charts were held has come in: what is new no longer changes them. */
async function standStill(/** @type {Page} */ page) {
  const held = page.url();
  const event = await said(page, 'newestEvent');
  const first = await waitForNew(page, 0);
  // Each series tells twice: the batch in which the first one came may still bring what others had begun.
  const series = await page.locator('.chart .lines tbody tr').count();
  const before = await waitForNew(page, first + 2 * series);
  const points = await said(page, 'points');
  const after = await waitForNew(page, before + series);
  const still = await said(page, 'points');
  ensure(still === points, `held charts had ${points} points, and have ${still}`);
  ensure(page.url() === held, `what is held has moved: ${page.url()}`);
  ensure((await said(page, 'newestEvent')) > event, 'time does not go on while the charts are held');
  await page.click('#back-to-live');
  await page.waitForSelector('#past', { state: 'hidden' });
  // Their number does not tell: points leave on the left meanwhile.
  await page.waitForFunction(
    (least) => {
      const charts = [...document.querySelectorAll('.chart[data-newest-event]')];
      return charts.some((chart) => Number(chart.getAttribute('data-newest-event')) > least);
    },
    Number(new URL(held).searchParams.get('to')),
  );
  return after;
}

/** A drag shows a part of the time, in which nothing moves; the browser's Back leads to the live charts. */
async function zoom(/** @type {Page} */ page) {
  const box = await page.locator(`${CHART} .u-over`).first().boundingBox();
  const { x, y, width, height } = box ?? { x: 0, y: 0, width: 0, height: 0 };
  await page.mouse.move(x + width * 0.5, y + height / 2);
  await page.mouse.down();
  await page.mouse.move(x + width * 0.75, y + height / 2, { steps: 5 });
  await page.mouse.up();
  await page.waitForURL((url) => url.searchParams.has('from'));
  await page.waitForSelector('#past:not([hidden])');
  const [from, to, range] = ['from', 'to', 'range'].map((name) => Number(parametersOf(page).get(name)));
  const share = ((to ?? 0) - (from ?? 0)) / (range ?? 1);
  ensure(Math.abs(share - 0.25) < 0.02, `a quarter of the chart was dragged over, and ${share} is shown`);
  await page.goBack();
  await page.waitForSelector('#past', { state: 'hidden' });
  ensure(!parametersOf(page).has('from'), `Back does not lead to the live charts: ${page.url()}`);
  return share;
}

/** Arrows walk through the points, and say each. */
async function walkPoints(/** @type {Page} */ page) {
  await page.locator(`${CHART} .plot`).first().focus();
  const heard = [];
  for (const key of ['End', 'ArrowLeft']) {
    await page.keyboard.press(key);
    heard.push((await page.locator(`${CHART} > .unseen`).first().textContent()) ?? '');
  }
  ensure(
    heard.every((text) => /average .*\d/.test(text)),
    `the cursor says no value: ${heard.join(' | ')}`,
  );
  ensure(heard[0] !== heard[1], `the cursor does not walk: ${heard.join(' | ')}`);
  await page.keyboard.press('Escape');
  return heard[1] ?? '';
}

/** From the chart on, the Tab key leads to its table, and Enter opens it. */
async function openTable(/** @type {Page} */ page) {
  const chart = page.locator(CHART).first();
  await chart.locator('.plot').focus();
  for (let presses = 0; presses < 10; presses += 1) {
    await page.keyboard.press('Shift+Tab');
    if (await page.locator('button[aria-label^="Table of"]:focus').count()) {
      await page.keyboard.press('Enter');
      const rows = chart.locator('.points tbody tr');
      await rows.first().waitFor();
      const count = await rows.count();
      await page.keyboard.press('Enter');
      await rows.first().waitFor({ state: 'detached' });
      return count;
    }
  }
  throw new Error('the Tab key does not lead to the table of a chart');
}

/**
 * What a button of the first chart lets the browser save.
 *
 * @param {Page} page
 * @param {'CSV' | 'PNG'} kind
 */
async function takeAway(page, kind) {
  const button = page.locator(`${CHART} .take-away button[aria-label$="as ${kind}"]`).first();
  const [download] = await Promise.all([page.waitForEvent('download'), button.click()]);
  return readFile(await download.path());
}

/** What is saved as CSV is what the API answers. */
async function compareCsv(/** @type {Page} */ page) {
  const rows = rowsOf((await takeAway(page, 'CSV')).toString());
  const query = [...parametersOf(page)].filter(([name]) => /^(stream|window|from|to)$/.test(name));
  for (const name of ['series', 'metric']) {
    const found = new Set(rows.map((row) => row[name] ?? ''));
    query.push(...[...found].map((value) => /** @type {[string, string]} */ ([name, value])));
  }
  const answer = await page.request.get(new URL(`api/history?${new URLSearchParams(query)}`, address).href);
  ensure(answer.ok(), `/api/history answers ${answer.status()}: ${await answer.text()}`);
  /** @type {unknown} */
  const body = await answer.json();
  const { compared, wrong } = compare(rows, /** @type {HistoryAnswer} */ (body));
  ensure(wrong.length === 0, `CSV and API differ: ${wrong.slice(0, 5).join(' | ')}`);
  // The newest window of a series may have another version by now, and none else.
  ensure(compared > rows.length / 2, `of ${rows.length} rows of the CSV the API has only ${compared}`);
  return { rows: rows.length, compared };
}

async function takePicture(/** @type {Page} */ page) {
  const picture = await takeAway(page, 'PNG');
  ensure(picture.subarray(1, 4).toString() === 'PNG', 'what is saved as PNG is no picture');
  const [width, height] = [16, 20].map((at) => picture.readUInt32BE(at));
  ensure((width ?? 0) > 300 && (height ?? 0) > 200, `the picture has only ${width} × ${height} pixels`);
  return { width, height };
}

/** Nothing may be in the way of anybody. */
async function ask(/** @type {Page} */ page, /** @type {string} */ what) {
  const found = await axeFinds(page);
  ensure(found.length === 0, `axe finds on ${what}: ${found.slice(0, 5).join(' | ')}`);
}

async function visitPages(/** @type {Page} */ page) {
  for (const [name, selector] of Object.entries(PAGES)) {
    await page.click(`.pages a[href*="page=${name}"]`);
    await page.waitForSelector(selector);
    await ask(page, `the page ${name}`);
  }
  await page.click('.pages a >> nth=0');
  await page.waitForSelector(CHART);
}

/**
 * How it looks in the dark and on a phone, for people, and what a program can tell of that.
 *
 * @param {Page} page
 * @param {string} folderOfScreenshots
 */
async function look(page, folderOfScreenshots) {
  const keep = (/** @type {string} */ name) =>
    page.screenshot({ path: path.join(folderOfScreenshots, `walk-${name}.png`), fullPage: true });
  await page.emulateMedia({ colorScheme: 'dark' });
  await page.waitForSelector('html[data-theme=dark]');
  await ask(page, 'the overview in the dark');
  await keep('dark');
  await page.emulateMedia({ colorScheme: 'light' });
  await page.setViewportSize(PHONE);
  await page.waitForSelector(CHART);
  await ask(page, 'the overview on a phone');
  await keep('phone');
  const width = await page.evaluate(() => document.documentElement.scrollWidth);
  ensure(width <= PHONE.width, `on a phone of ${PHONE.width} pixels the page is ${width} wide`);
}

/** All of it in the order in which it takes the least time: what has to come in comes in meanwhile. */
async function walk(/** @type {Page} */ page) {
  /** @type {Record<string, unknown>} */
  const seen = {};
  const step = async (/** @type {string} */ name, /** @type {() => Promise<unknown>} */ does) => {
    try {
      seen[name] = await does();
    } catch (error) {
      const state = await page.evaluate(() => JSON.stringify(document.body.dataset)).catch(() => 'gone');
      const message = error instanceof Error ? error.message : String(error);
      throw new Error(`${name}: ${message}; the page is ${page.url()}, its state ${state}`, { cause: error });
    }
  };
  const started = performance.now();
  await step('open', () => page.goto(address ?? '').then((answer) => answer?.status()));
  await step('live_point', () => seeLivePoint(page));
  await step('hold', () => hold(page));
  await step('cursor', () => walkPoints(page));
  await step('table_rows', () => openTable(page));
  await step('csv', () => compareCsv(page));
  await step('png', () => takePicture(page));
  await step('axe_held', () => ask(page, 'the overview, held'));
  await step('new_while_held', () => standStill(page));
  await step('zoom', () => zoom(page));
  await step('pages', () => visitPages(page));
  await step('looks', () => look(page, folder ?? ''));
  return { ...seen, seconds: Math.round((performance.now() - started) / 100) / 10 };
}

const browser = await openBrowser({ viewport: WIDE, timeout });
try {
  const page = await browser.context.newPage();
  page.setDefaultTimeout(timeout);
  const errors = errorsOf(page);
  const seen = await walk(page);
  ensure(errors.length === 0, `the page logged errors: ${errors.join(' | ')}`);
  console.log(JSON.stringify(seen));
} catch (error) {
  console.error(`walk: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
} finally {
  await browser.close();
}

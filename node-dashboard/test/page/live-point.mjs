// Proves that the page shows live points: opens it in a real browser, waits until its newest event moves on, measures
// how old it is, and takes a screenshot.
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { errorsOf, openBrowser } from './browser.mjs';

const USAGE =
  'usage: live-point.mjs <url> <screenshot.png> [--timeout-seconds 60] [--max-age-seconds <no limit>]';
const SAMPLES = 9;
const SAMPLE_INTERVAL = 400;

/** @typedef {{ connection: string, points: number, newestEvent: number, age: number, charts: number }} PageState */

/** What the page says of itself in its data attributes, read in the browser. */
function readState() {
  const { connection = '', points, newestEvent, newestAge } = document.body.dataset;
  const charts = [...document.querySelectorAll('[data-metric]')];
  return {
    connection,
    points: Number(points),
    newestEvent: Number(newestEvent ?? 0),
    age: Number(newestAge ?? Number.NaN),
    charts: charts.filter((chart) => Number(chart.getAttribute('data-points')) > 0).length,
  };
}

/**
 * Waits until the page is live, has points and its newest event has moved on.
 *
 * @param {import('playwright-core').Page} page
 * @param {number} deadline
 */
async function waitForLivePoint(page, deadline) {
  let first = 0;
  for (;;) {
    const state = await page.evaluate(readState);
    if (state.connection === 'live' && state.charts > 0 && state.newestEvent > 0) {
      if (first > 0 && state.newestEvent > first) {
        return;
      }
      first = first === 0 ? state.newestEvent : first;
    }
    if (Date.now() > deadline) {
      throw new Error(`no live point appeared in time; the page's last state: ${JSON.stringify(state)}`);
    }
    await sleep(100);
  }
}

/**
 * The median age of the newest point over some samples.
 *
 * @param {import('playwright-core').Page} page
 * @returns {Promise<{ age: number, state: PageState }>}
 */
async function measure(page) {
  const ages = [];
  let state = await page.evaluate(readState);
  for (let sample = 0; sample < SAMPLES; sample += 1) {
    await sleep(SAMPLE_INTERVAL);
    state = await page.evaluate(readState);
    ages.push(state.age);
  }
  ages.sort((a, b) => a - b);
  return { age: ages[Math.floor(SAMPLES / 2)] ?? Number.NaN, state };
}

/**
 * @param {string} url
 * @param {string} screenshot
 * @param {number} timeout
 * @param {number} maxAge the newest point's median age may be no more than this, in milliseconds
 */
async function run(url, screenshot, timeout, maxAge) {
  const browser = await openBrowser({ timeout, viewport: { width: 1440, height: 1000 } });
  try {
    const page = await browser.context.newPage();
    const errors = errorsOf(page);
    let medianAge = 0;
    const deadline = Date.now() + timeout;
    await page.goto(url, { timeout });
    try {
      await waitForLivePoint(page, deadline);
      const { age, state } = await measure(page);
      medianAge = age;
      const { points, charts, newestEvent } = state;
      const result = {
        newest_point_age_ms: age,
        points,
        charts,
        newest_event: newestEvent,
        console_errors: errors.length,
      };
      console.log(JSON.stringify(result));
    } finally {
      await page.screenshot({ path: screenshot });
    }
    // Not a number is too old as well.
    if (!(medianAge <= maxAge)) {
      throw new Error(`the newest point is ${medianAge} ms old (median), more than ${maxAge} ms`);
    }
    if (errors.length > 0) {
      throw new Error(`the page logged errors: ${errors.join(' | ')}`);
    }
  } finally {
    await browser.close();
  }
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    'timeout-seconds': { type: 'string', default: '60' },
    'max-age-seconds': { type: 'string', default: 'Infinity' },
  },
});
const [url, screenshot] = positionals;
const seconds = Number(values['timeout-seconds']);
const maxAgeSeconds = Number(values['max-age-seconds']);
if (url === undefined || screenshot === undefined || !(seconds > 0) || !(maxAgeSeconds > 0)) {
  console.error(USAGE);
  process.exit(2);
}
try {
  await run(url, screenshot, seconds * 1000, maxAgeSeconds * 1000);
} catch (error) {
  console.error(`live-point: ${error instanceof Error ? error.message : String(error)}`);
  process.exit(1);
}

// An open page through the death of its server: says "live" once it is, then "lost" once it shows that it is not, and
// "back" once points of later readings come again. Who calls it kills the server in between.
import { parseArgs } from 'node:util';
import { openBrowser } from './browser.mjs';

const USAGE = 'usage: reconnect.mjs <url> [--timeout-seconds 60]';

/** @typedef {import('./browser.mjs').Page} Page */

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { 'timeout-seconds': { type: 'string', default: '60' } },
});
const [address] = positionals;
const timeout = Number(values['timeout-seconds']) * 1000;
if (address === undefined || !(timeout > 0)) {
  console.error(USAGE);
  process.exit(2);
}

/**
 * Waits until the page is live, with a newer event than this.
 *
 * @param {Page} page
 * @param {number} before
 */
async function waitForLive(page, before) {
  await page.waitForFunction((least) => {
    const { connection, newestEvent } = document.body.dataset;
    return connection === 'live' && Number(newestEvent ?? 0) > least;
  }, before);
}

const browser = await openBrowser({ timeout });
try {
  const page = await browser.context.newPage();
  page.setDefaultTimeout(timeout);
  await page.goto(address);
  await waitForLive(page, 0);
  console.log('live');
  await page.waitForFunction(() => document.body.dataset.connection !== 'live');
  const before = await page.evaluate(() => Number(document.body.dataset.newestEvent));
  console.log('lost');
  await waitForLive(page, before);
  console.log('back');
} catch (error) {
  console.error(`reconnect: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
} finally {
  await browser.close();
}

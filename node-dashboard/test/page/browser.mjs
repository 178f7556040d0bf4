// Chromium, as tests of the page, the walk through a started stack, and measurements start it.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { chromium } from 'playwright-core';

const ARGUMENTS = [
  ...['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run'],
  ...['--disable-background-networking', '--disable-component-update', '--disable-sync'],
];

/** @typedef {import('playwright-core').Page} Page */
/** @typedef {{ context: import('playwright-core').BrowserContext, close: () => Promise<void> }} Browser */

/**
 * Starts it with a profile of its own, which is gone when it is closed.
 *
 * @param {NonNullable<Parameters<typeof chromium.launchPersistentContext>[1]>} [options]
 * @returns {Promise<Browser>}
 */
export async function openBrowser(options = {}) {
  const profile = await mkdtemp(path.join(tmpdir(), 'freshet-page-'));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    locale: 'en-GB',
    args: ARGUMENTS,
    ...options,
  });
  const close = async () => {
    await context.close();
    await rm(profile, { recursive: true, force: true });
  };
  return { context, close };
}

/**
 * What the page logs as an error, or does not catch, from now on.
 *
 * @param {Page} page
 * @returns {string[]}
 */
export function errorsOf(page) {
  /** @type {string[]} */
  const errors = [];
  page.on('console', (message) => {
    if (message.type() === 'error') {
      errors.push(message.text());
    }
  });
  page.on('pageerror', (error) => errors.push(error.message));
  return errors;
}

/** The parameters of the page's address. */
export function parametersOf(/** @type {Page} */ page) {
  return new URL(page.url()).searchParams;
}

import { beforeEach, expect, it, vi } from 'vitest';
import { page, stage } from '../page-hooks.ts';
import { ago, smallTargets, WAIT } from '../page-stage.ts';
import { axeFinds } from './axe.mjs';

vi.setConfig({ testTimeout: 90_000, hookTimeout: 40_000 });

const DAY_OF_WINDOWS = 8640;

let asked: string[];
let problems: string[];

beforeEach(() => {
  stage.list('laptop/cpu', ['usage', 'load']);
  for (let window = 30; window > 0; window -= 1) {
    const avg = 20 + window;
    const percentiles = { p50: avg, p95: avg + 5, p99: avg + 8 };
    stage.store([ago(window)], { avg, ...percentiles });
    stage.store([ago(window)], { metric: 'load', avg: 100 - 2 * avg });
    stage.store([ago(window + DAY_OF_WINDOWS)], { avg: avg - 3 });
  }
  page.setDefaultTimeout(WAIT);
  asked = [];
  problems = [];
  page.on('request', (request) => asked.push(request.url()));
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) {
      problems.push(message.text());
    }
  });
});

async function open(query = ''): Promise<void> {
  await page.goto(stage.address(`?page=advanced${query}`));
  await page.waitForFunction(() => document.querySelectorAll('.plotly-host .main-svg').length >= 3);
}

it('loads Plotly only when the page is opened', async () => {
  await page.goto(stage.address());
  await page.waitForSelector('#panels');
  expect(asked.filter((address) => address.includes('plotly'))).toEqual([]);
  await page.click('nav >> text=Advanced');
  await page.waitForSelector('.plotly-host .main-svg');
  expect(asked.filter((address) => /plotly.*\.js/.test(address))).toHaveLength(1);
});

it('draws without breaking the content security policy', async () => {
  await open();
  expect(problems.filter((text) => /security|style/i.test(text))).toEqual([]);
  const styles = await page.evaluate(() => document.querySelectorAll('style').length);
  expect(styles).toBe(0);
  const position = await page.$eval('.plotly-host .main-svg', (found) => getComputedStyle(found).position);
  expect(position).toBe('absolute');
});

it('shows how readings are spread, what is usual, and what goes together', async () => {
  await open();
  const names = await page.$$eval('#distribution .legendtext', (found) =>
    found.map((one) => one.textContent),
  );
  expect(names.sort()).toEqual(['95th percentile', '99th percentile', 'greatest', 'least', 'median']);
  const marks = await page.$$eval('#distribution .ytick text', (found) =>
    found.map((one) => one.textContent),
  );
  expect(marks).toEqual(['20', '30', '40', '50', '60'].slice(0, marks.length));
  expect(await page.innerText('#distribution-words')).toMatch(
    /^30 windows; in the newest half of the readings are below 21\.00%, 95 % below 26\.00%/,
  );
  expect(await page.innerText('#comparison-words')).toBe(
    'on average 3.00% more than the day before, over 30 windows that both have',
  );
  expect(await page.innerText('#correlation-words')).toBe(
    'r = -1.00 over 30 windows: strong, one rises when the other falls',
  );
  expect(await page.$$eval('#correlation .point', (found) => found.length)).toBe(30);
  expect(await page.innerText('#days .heat-words')).toMatch(/ \(faint\) to .* \(strong\)/);
});

it('says what the address names and there is not', async () => {
  await open('&advanced.series=laptop%2Fgpu&advanced.metric=heat&advanced.before=year');
  expect(await page.$$eval('.advanced-page .notice', (found) => found.map((one) => one.textContent))).toEqual(
    [
      'stream host has no series "laptop/gpu"; the address asks for what is not there: ' +
        'advanced.metric "heat"; there are: usage, load; advanced.before "year"; there are: week',
    ],
  );
});

it('shows a series that the list of very many does not have', async () => {
  for (let index = 0; index < 1000; index += 1) {
    stage.list(`a ${index}`);
  }
  stage.list('z');
  stage.store([ago(2), ago(1)], { series: 'z', avg: 7 });
  await open('&advanced.series=z');
  expect(await page.innerText('#distribution-title')).toBe('Distribution over time: usage of z');
  expect(await page.$('.advanced-page .notice')).toBeNull();
});

it('compares with the week before when that is chosen, and the address says so', async () => {
  await open();
  await page.selectOption('#advanced-before', 'week');
  await page.waitForFunction(() =>
    document
      .querySelector('#comparison-words')
      ?.textContent.includes('no window of the week before has a counterpart in this range'),
  );
  expect(new URL(page.url()).searchParams.get('advanced.before')).toBe('week');
});

it('says that percentiles of merged windows are not known', async () => {
  for (let window = 4000; window > 30; window -= 1) {
    stage.store([ago(window)], { avg: 20 });
  }
  await open('&range=86400000&window=10s');
  expect(await page.innerText('#distribution-words')).toMatch(/^percentiles of merged windows are not known/);
  expect(
    await page.$$eval('#distribution .legendtext', (found) => found.map((one) => one.textContent)),
  ).toContain('average');
});

it.each(['light', 'dark'] as const)('axe finds nothing, %s, also on a phone', async (colorScheme) => {
  await page.emulateMedia({ colorScheme });
  await open();
  expect(await axeFinds(page)).toEqual([]);
  await page.setViewportSize({ width: 360, height: 740 });
  expect(await axeFinds(page)).toEqual([]);
  expect(await smallTargets(page)).toEqual([]);
  await vi.waitFor(async () => {
    const width = await page.evaluate(() => document.documentElement.scrollWidth);
    expect(width).toBeLessThanOrEqual(360);
  });
});

import { beforeEach, expect, it, vi } from 'vitest';
import { page, stage } from '../page-hooks.ts';
import { smallTargets, tenSeconds, WAIT } from '../page-stage.ts';
import { axeFinds } from './axe.mjs';

vi.setConfig({ testTimeout: 90_000, hookTimeout: 40_000 });

let offset = 0n;

beforeEach(() => {
  page.setDefaultTimeout(WAIT);
  offset = 0n;
});

const newest = Math.floor(Date.now() / 10_000) * 10_000;

/** So many series report windows of ten seconds; the last one still grows. */
function fleet(series: number, windows = 4): void {
  for (let window = windows; window >= 0; window -= 1) {
    const start = newest - window * 10_000;
    const records = Array.from({ length: series }, (_, index) => {
      const avg = index + window / 10;
      const fields = { series: `hall-${index % 5}/sensor-${index}`, avg, min: avg - 1, max: avg + 1 };
      const value = JSON.stringify(tenSeconds(start, fields));
      offset += 1n;
      return { offset: offset - 1n, value };
    });
    stage.pipeline.live.get('host')?.append(0, records, offset);
  }
}

async function open(query = ''): Promise<void> {
  await page.goto(stage.address(`?page=fleet${query}`));
  await page.waitForSelector('.fleet-body .fleet-row');
}

const first = async (column = 0): Promise<string> =>
  page.$eval(
    '.fleet-body .fleet-row[data-index="0"]',
    (row, at) => (row.children[at] as HTMLElement).innerText.trim(),
    column,
  );

it('lists 5,000 series, says how many, and has only those in sight on the page', async () => {
  fleet(5000);
  await open();
  expect(await page.innerText('#fleet-count')).toBe('5,000 series');
  expect(await page.$$eval('.fleet-body .fleet-row', (rows) => rows.length)).toBeLessThan(60);
  expect(await page.getAttribute('.fleet-table', 'aria-rowcount')).toBe('5001');
  await page.$eval('.fleet-scroll', (box) => {
    box.scrollTop = box.scrollHeight;
  });
  await page.waitForSelector('[data-index="4999"]');
});

it('stays at 60 frames while 5,000 series are scrolled', async () => {
  fleet(5000);
  await open();
  const frames = await page.$eval('.fleet-scroll', async (box) => {
    const times: number[] = [];
    for (let frame = 0; frame < 120; frame += 1) {
      box.scrollTop += 200;
      times.push(await new Promise<number>(requestAnimationFrame));
    }
    const gaps = times.slice(1).map((time, index) => time - (times[index] ?? 0));
    return gaps.sort((a, b) => a - b)[Math.floor(gaps.length / 2)] ?? 0;
  });
  expect(frames).toBeLessThan(20);
});

it('searches on the server, and the address says so', async () => {
  fleet(300);
  await open();
  await page.fill('#fleet-search', 'SENSOR-29');
  await page.waitForFunction(
    () => document.querySelector('#fleet-count')?.textContent === '11 of 300 series match',
  );
  expect(new URL(page.url()).searchParams.get('fleet.search')).toBe('SENSOR-29');
  expect(await page.evaluate(() => document.activeElement?.id)).toBe('fleet-search');
  await page.goBack();
  await page.waitForFunction(() => document.querySelector('#fleet-count')?.textContent === '300 series');
  await page.fill('#fleet-search', 'nowhere');
  await page.waitForFunction(
    () => document.querySelector('#fleet-count')?.textContent === '0 of 300 series match',
  );
});

it('says what the address names and there is not', async () => {
  fleet(10);
  await open('&fleet.metric=heat&fleet.group=7&fleet.sort=size');
  const said = await page.innerText('.fleet-problem >> nth=0');
  expect(said).toMatch(
    /^the address asks for what is not there: fleet\.metric "heat"; there are: usage, load;/,
  );
  expect(said).toContain('fleet.group "7"; there are: 1, 2, 3, 4');
  expect(said).toMatch(/fleet\.sort "size"; there are: name, -name, /);
  expect(await page.$('.fleet-row.group')).toBeNull();
});

it('sorts by a column from the keyboard, and says how', async () => {
  fleet(50);
  await open();
  await page.focus('[data-column="avg"] button');
  await page.keyboard.press('Enter');
  await page.waitForFunction(
    () => document.querySelector('[data-column="avg"]')?.getAttribute('aria-sort') === 'descending',
  );
  expect(await first()).toBe('hall-4/sensor-49');
  expect(await first(1)).toBe('49.10%');
  await page.keyboard.press('Enter');
  await page.waitForFunction(
    () => document.querySelector('[data-column="avg"]')?.getAttribute('aria-sort') === 'ascending',
  );
  expect(await first()).toBe('hall-0/sensor-0');
});

it('is walked with the arrow keys, and Enter shows a series', async () => {
  fleet(5000);
  await open();
  const focused = async (): Promise<string | null | undefined> =>
    page.evaluate(() => document.activeElement?.closest('[data-index]')?.getAttribute('data-index'));
  await page.focus('.fleet-scroll');
  await page.keyboard.press('ArrowDown');
  await vi.waitFor(async () => {
    expect(await focused()).toBe('0');
  });
  await page.keyboard.press('End');
  await vi.waitFor(async () => {
    expect(await focused()).toBe('4999');
  });
  await page.keyboard.press('ArrowUp');
  await vi.waitFor(async () => {
    expect(await focused()).toBe('4998');
  });
  const name = await page.evaluate(() => document.activeElement?.textContent);
  await page.keyboard.press('Enter');
  await page.waitForSelector('#panels');
  const { searchParams } = new URL(page.url());
  expect([searchParams.get('page'), searchParams.get('series')]).toEqual([null, name]);
});

it('groups by a part of the name, and opens a group', async () => {
  fleet(50);
  await open('&fleet.group=1');
  expect(await page.$$eval('.fleet-body .fleet-row', (rows) => rows.length)).toBe(5);
  expect(await first()).toBe('▸ hall-0 10 series');
  await page.click('[data-index="0"] button');
  await page.waitForSelector('.fleet-row.member');
  expect(await page.$$eval('.fleet-row.member', (rows) => rows.length)).toBe(10);
  expect(await page.getAttribute('[data-index="0"] button', 'aria-expanded')).toBe('true');
});

it('shows all series over time, and reads them out', async () => {
  fleet(20);
  await open();
  const colors = await page.$eval('.heat canvas', (found) => {
    const canvas = found as HTMLCanvasElement;
    const pixels = canvas.getContext('2d')?.getImageData(0, 0, canvas.width, canvas.height).data ?? [];
    const seen = new Set<string>();
    let empty = 0;
    for (let at = 0; at < pixels.length; at += 4) {
      empty += pixels[at + 3] === 0 ? 1 : 0;
      seen.add([pixels[at], pixels[at + 1], pixels[at + 2]].join());
    }
    return { seen: seen.size, empty: empty / (pixels.length / 4) };
  });
  expect(colors.seen).toBeGreaterThan(10);
  // Four of 48 windows have come in: where there was none, nothing is drawn.
  expect(colors.empty).toBeGreaterThan(0.85);
  await page.focus('.heat canvas');
  await page.keyboard.press('ArrowLeft');
  expect(await page.innerText('.heat-words')).toMatch(/^hall-0\/sensor-0, .*: 0\.100%$/);
  await page.keyboard.press('ArrowDown');
  expect(await page.innerText('.heat-words')).toMatch(/^hall-0\/sensor-10, .*: 10\.10%$/);
});

it('says that Cassandra is away, and that the growing window is none', async () => {
  vi.spyOn(stage.pipeline.history, 'series').mockRejectedValue(new Error('cassandra is not reachable'));
  fleet(1);
  await open();
  await page.waitForSelector('.fleet-problem');
  expect(await page.innerText('.fleet-problem')).toContain('cassandra is not reachable');
  expect(await first(1)).toBe('0.100%');
});

it.each(['light', 'dark'] as const)('axe finds nothing, %s, also on a phone', async (colorScheme) => {
  await page.emulateMedia({ colorScheme });
  fleet(200);
  await open('&fleet.group=1');
  await page.click('[data-index="0"] button');
  expect(await axeFinds(page)).toEqual([]);
  await page.setViewportSize({ width: 360, height: 740 });
  expect(await axeFinds(page)).toEqual([]);
  expect(await smallTargets(page)).toEqual([]);
  const width = await page.evaluate(() => document.documentElement.scrollWidth);
  expect(width).toBeLessThanOrEqual(360);
});

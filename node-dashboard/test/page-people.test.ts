import { readFileSync } from 'node:fs';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { Annotation } from '../src/shared/api.ts';
import {
  browser,
  openThreeSeries,
  page,
  parameters,
  reopenStage,
  stage,
  storeThreeSeries,
} from './page-hooks.ts';
import { ago, coloredRow, tenSeconds, WAIT } from './page-stage.ts';

// A browser on a busy machine.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 40_000 });

const USAGE = '.chart[data-metric="usage"]';
const LOAD = '.chart[data-metric="load"]';

beforeEach(storeThreeSeries);

/** Points at a share of a chart's width and height. */
async function pointAt(chart: string, share: number, height = 0.5): Promise<void> {
  const box = (await page.locator(`${chart} .u-over`).boundingBox()) ?? { x: 0, y: 0, width: 0, height: 0 };
  await page.mouse.move(box.x + box.width * share, box.y + box.height * height);
}

function texts(selector: string): Promise<string[]> {
  return page.$$eval(selector, (found) => found.map((one) => one.textContent));
}

describe('a person who opens the page', () => {
  it('reads first how things stand, and sees it on the tab', async () => {
    await openThreeSeries();
    await page.waitForSelector('.verdict[data-level="trouble"]', { timeout: WAIT });
    expect((await texts('.verdict')).join()).toMatch(
      /cassandra at 127\.0\.0\.1:\d+ (has not answered yet|is not reachable)/,
    );
    await vi.waitFor(async () => {
      expect(await page.title()).toMatch(/^▲ /);
    }, WAIT);
    expect(await page.getAttribute('link[rel=icon]', 'href')).toMatch(/icon-trouble/);
  });

  it('sees a tile for each stream, with its newest values', async () => {
    await openThreeSeries();
    await page.waitForSelector('.tile .figure', { timeout: WAIT });
    expect(await texts('.tile h2')).toEqual(['This machine']);
    expect(await texts('.tile .label')).toEqual([
      'laptop/cpu usage',
      'laptop/disk usage',
      'laptop/load load',
    ]);
    expect(await texts('.tile .figure')).toEqual(['20.00%', '60.00%', '2.00']);
    expect(await page.getAttribute('.tile .spark path', 'd')).toMatch(/^M/);
  });

  it('sees plots that begin at the same place', async () => {
    await openThreeSeries();
    await page.waitForSelector(`${LOAD} .u-over`, { timeout: WAIT });
    await vi.waitFor(async () => {
      const lefts = await page.$$eval('.chart', (charts) =>
        charts.map(
          (chart) =>
            (chart.querySelector('.u-over')?.getBoundingClientRect().left ?? 0) -
            chart.getBoundingClientRect().left,
        ),
      );
      expect(lefts).toHaveLength(2);
      expect(Math.abs((lefts[0] ?? 0) - (lefts[1] ?? 99))).toBeLessThan(1);
    }, WAIT);
  });

  it('reads what the address asks for, in the zone that it names', async () => {
    await openThreeSeries('?zone=Asia%2FKathmandu');
    expect(await page.textContent('.time summary')).toContain('Asia/Kathmandu');
    await page.click('.time summary');
    const shown = await page.inputValue('.pane input[name=to]');
    const expected = new Date(Date.now() + 5.75 * 3_600_000).toISOString();
    expect(shown.slice(0, 13)).toBe(expected.slice(0, 13));
    await page.fill('.pane input[name=from]', '2026-01-02T05:45:00');
    await page.fill('.pane input[name=to]', '2026-01-02T06:45:00');
    await page.click('.pane button[type=submit]');
    await vi.waitFor(() => {
      expect(parameters().get('from')).toBe(String(Date.parse('2026-01-02T00:00:00Z')));
    }, WAIT);
    expect(parameters().get('to')).toBe(String(Date.parse('2026-01-02T01:00:00Z')));
    expect(await page.textContent('#span')).toContain('05:45:00');
  });
});

describe('time', () => {
  it('is held by Space, which counts what is new, and goes on', async () => {
    await openThreeSeries();
    await page.keyboard.press('Space');
    await page.waitForSelector('#past:not([hidden])', { timeout: WAIT });
    expect(parameters().has('from')).toBe(true);
    // Held at once, by what is known: no chart is empty meanwhile.
    expect(await page.getAttribute(USAGE, 'data-points')).toBe('59');
    await page.waitForSelector('body[data-connection=live]', { timeout: WAIT });
    // One that begins after what is held.
    stage.send(tenSeconds(ago(-2)));
    await vi.waitFor(async () => {
      expect(await page.textContent('#back-to-live')).toBe('Back to live (1 new)');
    }, WAIT);
    expect(await page.getAttribute(USAGE, 'data-points')).toBe('59');
    await page.click('#back-to-live');
    await page.waitForSelector('#past', { state: 'hidden', timeout: WAIT });
    expect(parameters().has('from')).toBe(false);
  });

  it('is zoomed by the wheel and by keys, panned by keys, and Back leads back', async () => {
    await openThreeSeries();
    await pointAt(USAGE, 0.5);
    await page.keyboard.down('Control');
    await page.mouse.wheel(0, -350);
    await page.keyboard.up('Control');
    await vi.waitFor(() => {
      expect(parameters().has('from')).toBe(true);
    }, WAIT);
    const length = (): number => Number(parameters().get('to')) - Number(parameters().get('from'));
    const zoomed = length();
    expect(zoomed).toBeGreaterThan(350_000);
    expect(zoomed).toBeLessThan(550_000);
    await page.focus(`${USAGE} .plot`);
    await page.keyboard.press('+');
    await vi.waitFor(() => {
      expect(Math.abs(length() - zoomed / 2)).toBeLessThan(10);
    }, WAIT);
    const from = Number(parameters().get('from'));
    await page.keyboard.press('Shift+ArrowLeft');
    await vi.waitFor(() => {
      expect(from - Number(parameters().get('from'))).toBeGreaterThan(zoomed / 10);
    }, WAIT);
    await page.goBack();
    await vi.waitFor(() => {
      expect(Number(parameters().get('from'))).toBe(from);
    }, WAIT);
    await page.goBack();
    await page.goBack();
    await page.waitForSelector('#past', { state: 'hidden', timeout: WAIT });
  });

  it('is panned by the wheel with Shift, which keeps how long it is', async () => {
    await openThreeSeries();
    const width = await page.$eval(`${USAGE} .u-over`, (over) => over.clientWidth);
    await pointAt(USAGE, 0.5);
    await page.keyboard.down('Shift');
    await page.mouse.wheel(0, -200);
    await page.keyboard.up('Shift');
    await vi.waitFor(() => {
      expect(parameters().has('from')).toBe(true);
    }, WAIT);
    const [from, to, range] = ['from', 'to', 'range'].map((name) => Number(parameters().get(name)));
    // In whole milliseconds.
    expect(Math.abs((to ?? 0) - (from ?? 0) - (range ?? 0))).toBeLessThanOrEqual(1);
    // By as much of the time as the wheel has turned of the width.
    const back = Date.now() - (to ?? 0);
    expect(back).toBeGreaterThan(((range ?? 0) * 200) / width);
    expect(back).toBeLessThan(((range ?? 0) * 200) / width + WAIT);
  });

  it('goes on when the server was away and is back', async () => {
    await openThreeSeries();
    const { port } = new URL(stage.address());
    await stage.close();
    await page.waitForSelector('body[data-connection=lost]', { timeout: WAIT });
    expect(await page.getAttribute(USAGE, 'data-points')).toBe('59');
    const { stored, series } = stage;
    await reopenStage((config) => ({
      ...config,
      dashboard: { ...config.dashboard, port: Number(port) },
    }));
    Object.assign(stage, { stored, series });
    await page.waitForSelector('body[data-connection=live]', { timeout: WAIT });
    stage.send(tenSeconds(ago(1)));
    await page.waitForSelector(`${USAGE}[data-points="60"]`, { timeout: WAIT });
  });
});

describe('the lines of a chart', () => {
  const row = `${USAGE} .lines tbody tr`;

  it('are read under the cursor in all charts at once, and sorted', async () => {
    await openThreeSeries();
    await page.waitForSelector(`${LOAD} .u-over`, { timeout: WAIT });
    await pointAt(USAGE, 0.9);
    await page.click(`${USAGE} .lines th:nth-child(2) button`);
    expect(await texts(`${row} td:first-child`)).toEqual(['laptop/disk', 'laptop/cpu']);
    expect(parameters().get('sort')).toBe('value');
    // Nothing is known before the first window, in any chart.
    await pointAt(USAGE, 0.02);
    await pointAt(USAGE, 0.95);
    const load = `${LOAD} .lines tbody td:nth-child(2)`;
    expect(await texts(load)).toEqual(['2.00']);
    expect(await page.$eval(`${LOAD} .u-cursor-x`, (line) => line.getBoundingClientRect().x > 100)).toBe(
      true,
    );
  });

  it('are read where the cursor is: each window has a value of its own', async () => {
    const begin = ago(31);
    stage.stored = [];
    for (let window = 0; window < 30; window += 1) {
      stage.store([begin + window * 10_000], { avg: 10 + window });
      stage.store([begin + window * 10_000], { series: 'laptop/disk', avg: 90 - 2 * window });
      stage.store([begin + window * 10_000], { series: 'laptop/load', metric: 'load', avg: window / 10 });
    }
    // Windows are drawn where they begin: the first at the left edge, the last at the right one.
    await page.goto(stage.address(`?from=${begin}&to=${begin + 290_001}`));
    await page.waitForSelector(`body[data-connection=live] ${USAGE}[data-points="60"]`, { timeout: WAIT });
    await page.waitForSelector(`${LOAD}[data-points="30"] .u-over`, { timeout: WAIT });
    for (const window of [5, 20, 12]) {
      await pointAt(USAGE, window / 29);
      await vi.waitFor(async () => {
        expect(await texts(`${row} td:nth-child(2)`)).toEqual([
          `${10 + window}.00%`,
          `${90 - 2 * window}.00%`,
        ]);
      }, WAIT);
      // How far each has come from the first window, and what the other chart has at the same time.
      expect(await texts(`${row} td:nth-child(3)`)).toEqual([`+${window}.00%`, `-${2 * window}.00%`]);
      expect(Number((await texts(`${LOAD} .lines tbody td:nth-child(2)`))[0])).toBeCloseTo(window / 10);
    }
  });

  it('stand out by value or by change, and the others fade, in the legend and in the chart', async () => {
    const names = ['s1', 's2', 's3', 's4', 's5'];
    stage.series = [];
    stage.stored = [];
    names.forEach((series, index) => {
      stage.list(series);
      // The greatest values have changed the least.
      const [value, change] = [10 + 10 * index, [9, -7, 5, 1, 0][index] ?? 0];
      for (let window = 0; window < 30; window += 1) {
        stage.store([ago(31 - window)], { series, avg: value - (change * (29 - window)) / 29 });
      }
    });
    const colors = ['#1f83e0', '#e8710a', '#12a150', '#d93a6a', '#8b5cf6'];
    const drawn = async (): Promise<string[]> => {
      const shares = await Promise.all(colors.map((color) => coloredRow(page, USAGE, color)));
      return names.filter((_, index) => (shares[index]?.share ?? 0) > 0);
    };
    await page.goto(stage.address());
    await page.waitForSelector(`${USAGE}[data-points="150"]`, { timeout: WAIT });
    await vi.waitFor(async () => {
      expect(await drawn()).toEqual(names);
    }, WAIT);
    for (const [by, leading] of [
      ['value', ['s3', 's4', 's5']],
      ['change', ['s1', 's2', 's3']],
    ] as const) {
      await page.selectOption('#top', '3');
      await page.selectOption('#by', by);
      await vi.waitFor(async () => {
        expect(await texts(`${row}:not(.back) td:first-child`)).toEqual(leading);
        expect(await drawn()).toEqual(leading);
      }, WAIT);
    }
  });

  it('are shown alone, hidden, or stand back, as the address says', async () => {
    await openThreeSeries();
    await page.click(`${USAGE} button[aria-label="Hide laptop/cpu"]`);
    await vi.waitFor(() => {
      expect(parameters().getAll('hide')).toEqual(['laptop/cpu']);
    }, WAIT);
    await page.reload();
    await page.waitForSelector(`${USAGE} button[aria-label="Hide laptop/cpu"][aria-pressed="true"]`, {
      timeout: WAIT,
    });
    await page.click('.view button');
    await page.selectOption('#top', '3');
    expect(parameters().get('top')).toBe('3');
    await page.click(`${row}:nth-child(2) button.name`);
    await page.waitForSelector(`${USAGE}[data-points="29"]`, { timeout: WAIT });
    expect(parameters().getAll('series')).toEqual(['laptop/disk']);
    await page.click(`${row}:nth-child(1) button.name`);
    await page.waitForSelector(`${USAGE}[data-points="59"]`, { timeout: WAIT });
  });

  it('are walked with the keyboard, which says what is there', async () => {
    await openThreeSeries();
    await page.focus(`${USAGE} .plot`);
    await page.keyboard.press('ArrowLeft');
    const said = (): Promise<string | null> => page.textContent(`${USAGE} > .unseen`);
    expect(await said()).toMatch(/^laptop\/cpu, \d\d:\d\d:\d\d – \d\d:\d\d:\d\d, average 20\.00%$/);
    const first = await said();
    await page.keyboard.press('ArrowLeft');
    expect(await said()).not.toBe(first);
    await page.keyboard.press('ArrowDown');
    expect(await said()).toMatch(/^laptop\/disk, .*average 60\.00%$/);
    await page.waitForSelector(`${USAGE} .tooltip:not([hidden])`, { timeout: WAIT });
    await page.keyboard.press('Escape');
    await page.waitForSelector(`${USAGE} .tooltip`, { state: 'hidden', timeout: WAIT });
  });

  it('are taken away as CSV and as a picture, and stand in a table', async () => {
    await openThreeSeries();
    const [csv] = await Promise.all([
      page.waitForEvent('download', { timeout: WAIT }),
      page.click(`${USAGE} button[aria-label="usage as CSV"]`),
    ]);
    expect(csv.suggestedFilename()).toBe('host-usage.csv');
    const lines = readFileSync(await csv.path(), 'utf8')
      .trim()
      .split('\r\n');
    expect(lines).toHaveLength(1 + 59);
    const [picture] = await Promise.all([
      page.waitForEvent('download', { timeout: WAIT }),
      page.click(`${USAGE} button[aria-label="usage as PNG"]`),
    ]);
    expect(
      readFileSync(await picture.path())
        .subarray(1, 4)
        .toString(),
    ).toBe('PNG');
    await page.click(`${USAGE} button[aria-label="Table of usage"]`);
    await page.waitForSelector(`${USAGE} .points tbody tr`, { timeout: WAIT });
    expect(await texts(`${USAGE} .points tbody tr`)).toHaveLength(30);
    expect(parameters().get('table')).toBe('usage');
  });
});

it('a note is added, and marked in every chart where it happened', async () => {
  const kept: Annotation[] = [];
  vi.spyOn(stage.pipeline.annotations, 'add').mockImplementation((note) => {
    kept.push(note);
    return Promise.resolve();
  });
  vi.spyOn(stage.pipeline.annotations, 'between').mockImplementation(() => Promise.resolve(kept));
  await openThreeSeries();
  await page.fill('form.note input', 'fan replaced');
  await page.keyboard.press('Enter');
  for (const chart of [USAGE, LOAD]) {
    await page.click(`${chart} .marks summary`, { timeout: WAIT });
    expect((await texts(`${chart} .marks li`)).join()).toMatch(/\d\d:\d\d:\d\d note: fan replaced$/);
  }
  expect(await page.inputValue('form.note input')).toBe('');
  expect(kept).toMatchObject([{ text: 'fan replaced', kind: 'note', stream: 'host', until: null }]);
  expect(Math.abs(Date.now() - (kept[0]?.at ?? 0))).toBeLessThan(WAIT);
});

it('a note that cannot be kept is not lost: it stays where it was written, and why is said', async () => {
  vi.spyOn(stage.pipeline.annotations, 'add').mockRejectedValue(new Error('cassandra is not reachable'));
  await openThreeSeries();
  await page.fill('form.note input', 'fan replaced');
  await page.click('form.note button');
  await page.waitForSelector('form.note [role=alert]', { timeout: WAIT });
  expect(await page.inputValue('form.note input')).toBe('fan replaced');
});

it('numbers and times are written as the reader does', async () => {
  const german = await browser.context.newPage();
  await german.addInitScript("Object.defineProperty(navigator, 'language', { get: () => 'de-DE' })");
  await german.goto(stage.address());
  await german.waitForSelector('.tile .figure', { timeout: WAIT });
  expect(await german.$$eval('.tile .figure', (found) => found.map((one) => one.textContent))).toContain(
    '20,00%',
  );
  await german.close();
});

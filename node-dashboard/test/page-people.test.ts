import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { ago, openBrowser, Stage, tenSeconds, WAIT, type Browser } from './page-stage.ts';

// A browser on a busy machine.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 40_000 });

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const SCREENSHOTS = path.resolve('../test-results');
const USAGE = '.chart[data-metric="usage"]';
const LOAD = '.chart[data-metric="load"]';
const PHONE = { width: 360, height: 800 };

let browser: Browser;
let stage: Stage;
let page: Page;

beforeAll(async () => {
  mkdirSync(SCREENSHOTS, { recursive: true });
  browser = await openBrowser();
});

afterAll(async () => {
  await browser.close();
});

beforeEach(async () => {
  stage = await Stage.open();
  page = await browser.context.newPage();
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
});

afterEach(async () => {
  await page.close();
  await stage.close();
});

async function open(query = ''): Promise<void> {
  await page.goto(stage.address(query));
  await page.waitForSelector(`body[data-connection=live] ${USAGE}[data-points="59"]`, { timeout: WAIT });
}

function parameters(): URLSearchParams {
  return new URL(page.url()).searchParams;
}

/** Points at a share of a chart's width and height. */
async function pointAt(chart: string, share: number, height = 0.5): Promise<void> {
  const box = (await page.locator(`${chart} .u-over`).boundingBox()) ?? { x: 0, y: 0, width: 0, height: 0 };
  await page.mouse.move(box.x + box.width * share, box.y + box.height * height);
}

function texts(selector: string): Promise<string[]> {
  return page.$$eval(selector, (found) => found.map((one) => one.textContent));
}

/** What axe finds; nothing is the only good answer. */
async function violations(): Promise<string[]> {
  await page.evaluate(AXE);
  return page.evaluate(async () => {
    const { axe } = globalThis as unknown as {
      axe: { run(): Promise<{ violations: { id: string; nodes: { html: string }[] }[] }> };
    };
    const { violations: found } = await axe.run();
    return found.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html.slice(0, 160)}`));
  });
}

describe('a person who opens the page', () => {
  it('reads first how things stand, and sees it on the tab', async () => {
    await open();
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
    await open();
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
    await open();
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
    await open('?zone=Asia%2FKathmandu');
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
    await open();
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
    await open();
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

  it('goes on when the server was away and is back', async () => {
    await open();
    const { port } = new URL(stage.address());
    await stage.close();
    await page.waitForSelector('body[data-connection=lost]', { timeout: WAIT });
    expect(await page.getAttribute(USAGE, 'data-points')).toBe('59');
    const { stored, series } = stage;
    stage = await Stage.open((config) => ({
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
    await open();
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

  it('are shown alone, hidden, or stand back, as the address says', async () => {
    await open();
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
    await open();
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
    await open();
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

describe('what else the server tells', () => {
  const alert = {
    ...{ name: 'hot', stream: 'host', series: 'laptop/cpu', metric: 'usage', window: '10s' },
    ...{ state: 'firing', since: Date.now() - 60_000, value: 95, threshold: 90, silenced_until: null },
    text: 'usage of laptop/cpu is 95, above 90',
  };

  /** Answers as a server that tells of alerts does; returns what is asked of it. */
  async function tellMore(): Promise<string[]> {
    const asked: string[] = [];
    await page.route('**/api/streams?*', async (route) => {
      const answer = await route.fetch();
      const body = (await answer.json()) as { streams: object[] };
      const rule = { ...alert, field: 'avg', above: 35, for_ms: 0, series: '*', severity: 'warning' };
      const streams = body.streams.map((stream) => ({ ...stream, charts: [], alerts: [rule] }));
      await route.fulfill({ response: answer, json: { ...body, streams } });
    });
    await page.route(/\/api\/(alerts|silences|annotations|anomalies)/, async (route) => {
      const { pathname } = new URL(route.request().url());
      asked.push(`${route.request().method()} ${pathname} ${route.request().postData() ?? ''}`);
      const happened = {
        id: '1',
        at: ago(5),
        until: null,
        kind: 'note',
        stream: 'host',
        text: 'fan replaced',
      };
      const odd = { series: 'laptop/cpu', metric: 'usage', start: ago(9), avg: 20, text: 'far from 50' };
      await route.fulfill({ json: { alerts: [alert], annotations: [happened], anomalies: [odd] } });
    });
    return asked;
  }

  it('is drawn, marked, and said: thresholds, alerts, notes and what is unusual', async () => {
    await tellMore();
    await open();
    await page.waitForSelector(`${USAGE} .marks .told`, { timeout: WAIT });
    expect(await page.textContent(`${USAGE} .marks .told`)).toContain(
      'firing: hot: usage of laptop/cpu is 95',
    );
    expect((await texts(`${USAGE} .marks li`)).join()).toMatch(
      /note: fan replaced.*unusual: laptop\/cpu: far/,
    );
    await vi.waitFor(async () => {
      expect((await texts('.verdict')).join()).toContain('alert hot (laptop/cpu) is firing');
    }, WAIT);
    expect(await violations()).toEqual([]);
  });

  it('can be silenced, and be told by the browser only when a button asks for it', async () => {
    const asked = await tellMore();
    const requested = vi.fn();
    await page.exposeFunction('requested', requested);
    await page.addInitScript(
      'Notification.requestPermission = () => { window.requested(); return Promise.resolve("denied"); }',
    );
    await open();
    await page.click('.pages a:has-text("Alerts")');
    await page.waitForSelector('.alerts tbody tr[data-state="firing"]', { timeout: WAIT });
    expect(parameters().get('page')).toBe('alerts');
    expect(await violations()).toEqual([]);
    await page.click('button[aria-label="Silence hot of laptop/cpu for 1 h"]');
    await vi.waitFor(() => {
      const body = { alert: 'hot', stream: 'host', series: 'laptop/cpu', minutes: 60 };
      expect(asked).toContain(`POST /api/silences ${JSON.stringify(body)}`);
    }, WAIT);
    expect(requested).not.toHaveBeenCalled();
    if (await page.isVisible('button.tell')) {
      await page.click('button.tell');
      await vi.waitFor(() => {
        expect(requested).toHaveBeenCalledTimes(1);
      }, WAIT);
    }
    await page.goBack();
    await page.waitForSelector(USAGE, { timeout: WAIT });
  });
});

describe('axe finds nothing', () => {
  it.each([
    ['live', ''],
    ['in a span of the past', '?from=1&to=600000'],
    ['with a table', '?table=usage'],
    ['with a series that does not exist', '?series=nothing'],
    ['on a page that does not exist', '?page=nowhere'],
    ['on the page of alerts', '?page=alerts'],
  ])('%s', async (_, query) => {
    await page.goto(stage.address(query));
    await page.waitForSelector('body[data-connection=live]', { timeout: WAIT });
    await page.waitForSelector('.chart[data-points], main .empty', { timeout: WAIT });
    expect(await violations()).toEqual([]);
  });

  it.each(['light', 'dark'] as const)(
    'in the %s theme, with the server away and the time pane open',
    async (scheme) => {
      await page.emulateMedia({ colorScheme: scheme });
      await open();
      await page.click('.time summary');
      expect(await violations()).toEqual([]);
      await page.click('.time summary');
      await page.screenshot({ path: path.join(SCREENSHOTS, `page-${scheme}.png`), fullPage: true });
      await stage.close();
      await page.waitForSelector('body[data-connection=lost]', { timeout: WAIT });
      expect(await violations()).toEqual([]);
    },
  );

  it('on a phone, where nothing is wider than the screen and all can be hit with a finger', async () => {
    await page.setViewportSize(PHONE);
    await open();
    await page.waitForSelector('.tile .figure', { timeout: WAIT });
    expect(await violations()).toEqual([]);
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(PHONE.width);
    const small = await page.$$eval('button, select, input, summary, .pages a', (found) =>
      found
        .map((one) => ({ text: one.textContent.slice(0, 20), box: one.getBoundingClientRect() }))
        .filter(({ box }) => box.width > 0 && (box.height < 43.5 || box.width < 43.5))
        .map(({ text, box }) => `${text} ${box.width} × ${box.height}`),
    );
    expect(small).toEqual([]);
    await page.focus(`${USAGE} .plot`);
    for (const key of ['Home', 'End']) {
      await page.keyboard.press(key);
      const [left, right] = await page.$eval(`${USAGE} .tooltip`, (tooltip) => {
        const box = tooltip.getBoundingClientRect();
        return [box.left, box.right] as const;
      });
      expect(left).toBeGreaterThanOrEqual(0);
      expect(right).toBeLessThanOrEqual(PHONE.width);
    }
    await page.screenshot({ path: path.join(SCREENSHOTS, 'page-phone.png'), fullPage: true });
  });
});

it('a chart can be shown alone for another page', async () => {
  await page.route('**/embed?*', async (route) => {
    await route.fulfill({ response: await page.request.fetch(stage.address()) });
  });
  await page.goto(stage.address('embed?metric=load'));
  await page.waitForSelector(`${LOAD}[data-points="30"]`, { timeout: WAIT });
  expect(await page.$$('.chart')).toHaveLength(1);
  expect(await page.$('.controls')).toBeNull();
  expect(await violations()).toEqual([]);
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

import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { openThreeSeries, page, parameters, stage, storeThreeSeries } from './page-hooks.ts';
import { ago, WAIT } from './page-stage.ts';

// A browser on a busy machine.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 40_000 });

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const SCREENSHOTS = path.resolve('../test-results');
const USAGE = '.chart[data-metric="usage"]';
const LOAD = '.chart[data-metric="load"]';
const PHONE = { width: 360, height: 800 };

beforeAll(() => {
  mkdirSync(SCREENSHOTS, { recursive: true });
});

beforeEach(storeThreeSeries);

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
      const judged = { avg: 20, score: -9, median: 50, spread: 3 };
      const odd = { series: 'laptop/cpu', metric: 'usage', start: ago(9), ...judged, text: 'far from 50' };
      await route.fulfill({ json: { alerts: [alert], annotations: [happened], anomalies: [odd] } });
    });
    return asked;
  }

  it('is drawn, marked, and said: thresholds, alerts, notes and what is unusual', async () => {
    await tellMore();
    await openThreeSeries();
    await page.waitForSelector(`${USAGE} .marks .told`, { timeout: WAIT });
    expect(await page.textContent(`${USAGE} .marks .told`)).toContain(
      'firing: hot: usage of laptop/cpu is 95',
    );
    await vi.waitFor(async () => {
      expect((await texts(`${USAGE} .marks li`)).join()).toMatch(
        /note: fan replaced.*unusual: laptop\/cpu: 20\.00% is 9\.0 times the usual spread below/,
      );
    }, WAIT);
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
    await openThreeSeries();
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
      await openThreeSeries();
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
    await openThreeSeries();
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

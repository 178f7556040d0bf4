import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { axeFinds } from './page/axe.mjs';
import { openThreeSeries, page, parameters, stage, storeThreeSeries } from './page-hooks.ts';
import { ago, coloredRow, smallTargets, WAIT } from './page-stage.ts';

// A browser on a busy machine.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 40_000 });

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
    expect(await axeFinds(page)).toEqual([]);
  });

  it('is drawn at its height: a threshold lies between the lines as its value does', async () => {
    await tellMore();
    await openThreeSeries();
    const warning = await page.evaluate(() =>
      getComputedStyle(document.documentElement).getPropertyValue('--warning').trim(),
    );
    await vi.waitFor(async () => {
      const [cpu, disk, threshold] = await Promise.all(
        ['#1f83e0', '#e8710a', warning].map((color) => coloredRow(page, USAGE, color)),
      );
      // The lines are at 20 and at 60, the threshold at 35; it is dashed.
      const expected = (cpu?.at ?? 0) + (15 / 40) * ((disk?.at ?? 0) - (cpu?.at ?? 0));
      expect(threshold?.share).toBeGreaterThan(0.3);
      expect(Math.abs((threshold?.at ?? 0) - expected)).toBeLessThanOrEqual(1.5);
    }, WAIT);
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
    expect(await axeFinds(page)).toEqual([]);
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
    expect(await axeFinds(page)).toEqual([]);
  });

  it.each(['light', 'dark'] as const)(
    'in the %s theme, with the server away and the time pane open',
    async (scheme) => {
      await page.emulateMedia({ colorScheme: scheme });
      await openThreeSeries();
      await page.click('.time summary');
      expect(await axeFinds(page)).toEqual([]);
      await page.click('.time summary');
      await page.screenshot({ path: path.join(SCREENSHOTS, `page-${scheme}.png`), fullPage: true });
      await stage.close();
      await page.waitForSelector('body[data-connection=lost]', { timeout: WAIT });
      expect(await axeFinds(page)).toEqual([]);
    },
  );

  it('while the charts are held, with all open that can be opened', async () => {
    await openThreeSeries();
    await page.keyboard.press('Space');
    await page.waitForSelector('#past:not([hidden])', { timeout: WAIT });
    for (const summary of await page.$$('summary')) {
      await summary.click();
    }
    expect(await page.$$('details:not([open])')).toEqual([]);
    expect(await axeFinds(page)).toEqual([]);
  });

  it('where there is nothing yet', async () => {
    stage.series = [];
    stage.stored = [];
    for (const [place, selector] of [
      ['', 'main .empty:visible'],
      ['fleet', '.fleet-table'],
      ['pipeline', '.flow .place'],
      ['advanced', 'main .empty:visible'],
    ] as const) {
      await page.goto(stage.address(`?page=${place}`));
      await page.waitForSelector('body[data-connection=live]', { timeout: WAIT });
      await page.waitForSelector(selector, { timeout: WAIT });
      expect(await axeFinds(page), place).toEqual([]);
    }
  });

  it('where Cassandra does not answer, in the dark', async () => {
    vi.spyOn(stage.pipeline.history, 'series').mockRejectedValue(new Error('cassandra is not reachable'));
    vi.spyOn(stage.pipeline.history, 'windows').mockRejectedValue(new Error('cassandra is not reachable'));
    await page.emulateMedia({ colorScheme: 'dark' });
    await page.goto(stage.address());
    await page.waitForSelector('#notice:not([hidden])', { timeout: WAIT });
    expect(await axeFinds(page)).toEqual([]);
  });

  it.each([
    ['pipeline', '.flow .place'],
    ['fleet', '.fleet-row'],
    ['advanced', '.plotly-host .main-svg'],
    ['alerts', '.alerts .empty'],
  ])('on the page %s whose server went away', async (name, selector) => {
    await page.goto(stage.address(`?page=${name}`));
    await page.waitForSelector(selector, { timeout: WAIT });
    await stage.close();
    await page.waitForSelector('body[data-connection=lost]', { timeout: WAIT });
    expect(await axeFinds(page)).toEqual([]);
  });

  it('on a phone, where nothing is wider than the screen and all can be hit with a finger', async () => {
    await page.setViewportSize(PHONE);
    await openThreeSeries();
    await page.waitForSelector('.tile .figure', { timeout: WAIT });
    expect(await axeFinds(page)).toEqual([]);
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(PHONE.width);
    expect(await smallTargets(page)).toEqual([]);
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

describe('the theme', () => {
  const shown = (): Promise<string | undefined> =>
    page.evaluate(() => document.documentElement.dataset.theme);

  it.each([
    ['dark', 'light'],
    ['light', 'dark'],
  ] as const)('that was chosen is kept: %s, where the system is %s', async (chosen, system) => {
    await page.emulateMedia({ colorScheme: system });
    await openThreeSeries();
    expect(await shown()).toBe(system);
    await page.selectOption('#theme', chosen);
    expect(await shown()).toBe(chosen);
    await page.reload();
    await page.waitForSelector(USAGE, { timeout: WAIT });
    expect([await shown(), await page.inputValue('#theme')]).toEqual([chosen, chosen]);
    // And so is that it is to be as the system is.
    await page.selectOption('#theme', 'system');
    await page.reload();
    await page.waitForSelector(USAGE, { timeout: WAIT });
    expect([await shown(), await page.inputValue('#theme')]).toEqual([system, 'system']);
    await page.emulateMedia({ colorScheme: chosen });
    await page.waitForSelector(`html[data-theme=${chosen}]`, { timeout: WAIT });
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
  expect(await axeFinds(page)).toEqual([]);
});

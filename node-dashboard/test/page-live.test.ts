import { createHash } from 'node:crypto';
import { describe, expect, it, vi } from 'vitest';
import { alertsEvent } from '../src/server/sse.ts';
import type { AlertState } from '../src/shared/api.ts';
import { openThreeSeries, page, parameters, stage, storeThreeSeries } from './page-hooks.ts';
import { ago, tenSeconds, WAIT } from './page-stage.ts';

vi.setConfig({ testTimeout: 60_000 });

/** How often the page has asked for something. */
function counted(path: string): () => URL[] {
  const asked: URL[] = [];
  page.on('request', (request) => {
    const url = new URL(request.url());
    if (url.pathname === path) {
      asked.push(url);
    }
  });
  return () => asked;
}

const FIRING: AlertState = {
  ...{ name: 'too hot', stream: 'host', series: 'laptop/cpu', metric: 'usage', window: '10s', field: 'avg' },
  ...{ severity: 'critical', state: 'firing', since: 0, value: 90, threshold: 80, silenced_until: null },
  text: 'laptop/cpu usage: average 90% in 10s (limit: not above 80%)',
};

it('takes the alerts from the live events, and asks for them when these begin, not again and again', async () => {
  await storeThreeSeries();
  const asked = counted('/api/alerts');
  await openThreeSeries();
  await page.goto(stage.address('?page=alerts'));
  await page.waitForSelector('.alerts .empty', { timeout: WAIT });
  await page.waitForSelector('body[data-connection=live]', { timeout: WAIT });
  await vi.waitFor(() => {
    expect(asked().length).toBeGreaterThan(0);
  }, WAIT);
  const before = asked().length;
  const tell = (...alerts: AlertState[]): void => {
    stage.pipeline.live.get('host')?.tell(alertsEvent(JSON.stringify({ count: alerts.length, alerts })));
  };
  tell(FIRING);
  // Sooner than anybody would ask again.
  await page.waitForSelector('.alerts tbody tr[data-state="firing"]', { timeout: 2000 });
  await page.waitForTimeout(11_000);
  expect(asked()).toHaveLength(before);
  tell({ ...FIRING, state: 'resolved' });
  await page.waitForSelector('.alerts tbody tr[data-state="resolved"]', { timeout: 2000 });
  // What was told while the connection was lost has to be asked for.
  vi.spyOn(stage.pipeline.alerts, 'answer').mockReturnValue({ count: 1, alerts: [FIRING] });
  stage.app.server.closeAllConnections();
  await page.waitForSelector('.alerts tbody tr[data-state="firing"]', { timeout: WAIT });
});

it('lets the browser tell of an alert that begins to fire, once it was asked to, and not again', async () => {
  await page.addInitScript(() => {
    const tell = (title: string, { body, tag }: NotificationOptions): void => {
      const told = JSON.parse(document.body.dataset.told ?? '[]') as unknown[];
      document.body.dataset.told = JSON.stringify([...told, { title, body, tag }]);
    };
    const stub = Object.assign(
      // Only a function can be called with `new`.
      function (...told: Parameters<typeof tell>) {
        tell(...told);
      },
      {
        permission: 'default',
        requestPermission: (): Promise<string> => {
          stub.permission = 'granted';
          return Promise.resolve(stub.permission);
        },
      },
    );
    Object.assign(globalThis, { Notification: stub });
  });
  await storeThreeSeries();
  await openThreeSeries();
  await page.click('.pages a:has-text("Alerts")');
  await page.waitForSelector('.alerts .empty', { timeout: WAIT });
  const tell = async (since: number, count: number, fields: Partial<AlertState> = {}): Promise<void> => {
    const alerts = [{ ...FIRING, ...fields, since }];
    stage.pipeline.live.get('host')?.tell(alertsEvent(JSON.stringify({ count: 1, alerts })));
    const state = fields.state ?? 'firing';
    await page.waitForSelector(`.alerts tbody tr[data-state="${state}"]`, { timeout: WAIT });
    const told = await page.evaluate(() => JSON.parse(document.body.dataset.told ?? '[]') as unknown[]);
    expect(told).toHaveLength(count);
  };
  // Nobody has asked yet.
  await tell(1, 0);
  await tell(1, 0, { state: 'resolved' });
  await page.click('button.tell');
  await page.waitForSelector('button.tell:has-text("Stop")', { timeout: WAIT });
  await tell(2, 1);
  expect(await page.getAttribute('body', 'data-told')).toBe(
    JSON.stringify([
      {
        title: '▲ too hot',
        body: `laptop/cpu: ${FIRING.text}`,
        tag: 'too hot laptop/cpu',
      },
    ]),
  );
  // It still fires, it is over, and it is silenced: that is no news.
  await tell(2, 1, { value: 91 });
  await tell(2, 1, { state: 'resolved' });
  await tell(3, 1, { silenced_until: Date.now() + 60_000 });
  await page.click('button.tell');
  await tell(4, 1);
});

it('asks for the newest windows of its tiles, and not for their history again', async () => {
  await storeThreeSeries();
  const history = counted('/api/history');
  const latest = counted('/api/latest');
  await openThreeSeries();
  await page.waitForSelector('.tile .figure', { timeout: WAIT });
  const before = history().length;
  // A whole window, and an event that says so.
  stage.send(tenSeconds(ago(1), { avg: 33 }));
  stage.send(tenSeconds(ago(0), { avg: 44 }));
  await vi.waitFor(
    async () => {
      const figures = await page.$$eval('.tile .figure', (found) => found.map((one) => one.textContent));
      expect(figures).toContain('33.00%');
    },
    { timeout: WAIT },
  );
  expect(latest().map(({ searchParams }) => searchParams.get('metric'))).toEqual(['usage', 'load']);
  expect(history()).toHaveLength(before);
});

it('says how late the readings of each series come, and nothing where nothing has come in', async () => {
  await storeThreeSeries();
  await openThreeSeries();
  const lagOf = async (series: string): Promise<string | null> =>
    page.$eval(
      `.series tbody tr:has(button:text-is("${series}")) td:nth-last-child(2)`,
      (cell) => cell.textContent,
    );
  // The charts may be there before the table is.
  await vi.waitFor(async () => {
    expect(await lagOf('laptop/cpu')).toBe('–');
  }, WAIT);
  expect(await page.getAttribute('.series th:nth-last-child(2)', 'title')).toMatch(/^event-time lag: /);
  const start = ago(0);
  stage.send(tenSeconds(start, { last_event: start + 1000, emitted: start + 3500 }));
  // An older reading, of a window that was written again later, is not the newest one.
  stage.send(tenSeconds(start - 10_000, { last_event: start - 5000, emitted: start + 9000, revision: 99 }));
  await vi.waitFor(async () => {
    expect(await lagOf('laptop/cpu')).toBe('2.5 s');
  }, WAIT);
  expect(await lagOf('laptop/disk')).toBe('–');
});

it('shows a series that has come in live before the table of series knows it, however seldom it comes', async () => {
  let calls = 0;
  vi.spyOn(stage.pipeline.history, 'series').mockImplementation(async () => {
    calls += 1;
    // The first answer lets the page listen; what it hears is there before the next one.
    await new Promise((resolve) => setTimeout(resolve, calls === 1 ? 0 : 1000));
    return { series: [], truncated: false };
  });
  stage.send(tenSeconds(ago(1), { series: 'new/one' }));
  stage.send(tenSeconds(ago(0), { series: 'new/one' }));
  await page.goto(stage.address());
  await page.waitForFunction(
    () => document.querySelector('.chart')?.textContent.includes('loading') === false,
  );
  await page.waitForSelector('.chart[data-metric="usage"][data-points="2"]', { timeout: WAIT });
  await page.waitForTimeout(2000);
  expect(await page.getAttribute('.chart[data-metric="usage"]', 'data-points')).toBe('2');
});

it('draws a chart as a heat map, whose rows stay apart however many there are', async () => {
  await storeThreeSeries();
  await openThreeSeries();
  await page.selectOption('#draw', 'heat');
  await page.waitForSelector('.chart[data-metric="usage"] .heat canvas', { timeout: WAIT });
  expect(parameters().get('draw')).toBe('heat');
  expect(await page.isVisible('.chart[data-metric="usage"] .plot')).toBe(false);
  const canvas = '.chart[data-metric="usage"] .heat canvas';
  expect(await page.getAttribute(canvas, 'aria-label')).toMatch(/^average, as colours, of 2 series/);
  expect(await page.textContent('.chart[data-metric="usage"] .heat-words')).toMatch(
    /^from 20\.00% .* to 60\.00%/,
  );
  await page.focus(canvas);
  await page.keyboard.press('End');
  await page.keyboard.press('ArrowLeft');
  await vi.waitFor(async () => {
    expect(await page.textContent('.chart[data-metric="usage"] .heat-words')).toMatch(/^laptop\/cpu, /);
  }, WAIT);
  const saved = page.waitForEvent('download');
  await page.click('button[aria-label="usage as PNG"]');
  expect((await saved).suggestedFilename()).toContain('usage.png');
  await page.selectOption('#draw', 'lines');
  await page.waitForSelector('.chart[data-metric="usage"] .plot canvas', { timeout: WAIT });
});

it('counts the ages in the legends on, while nothing comes in', async () => {
  await storeThreeSeries();
  await openThreeSeries();
  const age = (): Promise<string | null> =>
    page.$eval('.chart[data-metric="usage"] .lines tbody tr td:nth-child(4)', (cell) => cell.textContent);
  const first = await age();
  // The server says every ten seconds that it is there, which would be too late.
  await vi.waitFor(async () => {
    expect(await age()).not.toBe(first);
  }, 5000);
});

describe('what is drawn', () => {
  /** What the chart looks like; short, for whoever reads that it differs. */
  const drawn = async (of = page): Promise<string> => {
    const picture = await of.$eval('.chart[data-metric="usage"] canvas', (canvas) =>
      (canvas as HTMLCanvasElement).toDataURL(),
    );
    return createHash('sha256').update(picture).digest('hex');
  };

  it('is the same, whether only the windows that still grow were drawn anew or all of it', async () => {
    await storeThreeSeries();
    const span = `?from=${ago(33)}&to=${ago(-2)}`;
    await openThreeSeries(span);
    const start = ago(0);
    const send = (avg: number, revision: number): void => {
      for (const series of ['laptop/cpu', 'laptop/disk']) {
        stage.send(tenSeconds(start, { series, avg, revision, last_event: start + 1000 }));
      }
    };
    send(40, 1);
    await page.waitForSelector('.chart[data-metric="usage"][data-points="61"]', { timeout: WAIT });
    const first = await drawn();
    send(45, 2);
    await vi.waitFor(async () => {
      expect(await drawn()).not.toBe(first);
    }, WAIT);
    const other = await page.context().newPage();
    try {
      await other.setViewportSize(page.viewportSize() ?? { width: 1280, height: 900 });
      await other.goto(stage.address(span));
      await vi.waitFor(async () => {
        expect(await drawn(other)).toBe(await drawn());
      }, WAIT);
    } finally {
      await other.close();
    }
  });

  it('is up to date when it comes into sight', async () => {
    await storeThreeSeries();
    await page.setViewportSize({ width: 800, height: 300 });
    await page.goto(stage.address());
    await page.waitForSelector('.chart[data-metric="usage"][data-points="59"]', { timeout: WAIT });
    await page.waitForSelector('body[data-connection=live]', { timeout: WAIT });
    // Below all charts.
    await page.evaluate(() => {
      scrollTo(0, document.body.scrollHeight);
    });
    await page.waitForFunction(
      () => (document.querySelector('.chart')?.getBoundingClientRect().bottom ?? 0) < -300,
    );
    const first = await drawn();
    stage.send(tenSeconds(ago(1), { avg: 90, max: 95 }));
    await page.waitForSelector('.chart[data-metric="usage"][data-points="60"]', { timeout: WAIT });
    expect(await drawn()).toBe(first);
    await page.$eval('.chart[data-metric="usage"]', (chart) => {
      chart.scrollIntoView();
    });
    await vi.waitFor(async () => {
      expect(await drawn()).not.toBe(first);
    }, WAIT);
  });
});

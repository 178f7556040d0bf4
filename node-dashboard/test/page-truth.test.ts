import { describe, expect, it, vi } from 'vitest';
import { page, stage } from './page-hooks.ts';
import { ago, coloredRuns, tenSeconds, WAIT } from './page-stage.ts';

// A browser on a busy machine.
vi.setConfig({ testTimeout: 40_000, hookTimeout: 40_000 });

const FIRST_COLOR = '#1f83e0';
const SECOND_COLOR = '#e8710a';
const USAGE = '.chart[data-metric="usage"]';

async function open(query: string, points: number): Promise<void> {
  await page.goto(stage.address(query));
  await page.waitForSelector(`body[data-connection=live] ${USAGE}[data-points="${points}"]`, {
    timeout: WAIT,
  });
}

describe('what is not there is not drawn', () => {
  it('neither by a line, nor by a band, from one missing window on', async () => {
    stage.list('laptop/cpu');
    const now = Date.now();
    stage.store([20, 19, 18, 16, 15, 11, 10, 4, 3].map((windows) => ago(windows, now)));
    await open('?range=300000', 9);
    const lines = (await coloredRuns(page, USAGE, FIRST_COLOR)).filter((width) => width > 12);
    // Three windows, two, and two; what leads to the last one is dashed, since that still grows.
    expect(lines).toHaveLength(3);
  });

  it('and a window alone is a point, however many windows the others have', async () => {
    stage.list('a');
    stage.list('b');
    const now = Date.now();
    stage.store(
      Array.from({ length: 60 }, (_, index) => ago(80 - index, now)),
      { series: 'a', avg: 10 },
    );
    stage.store(
      [70, 60, 50].map((windows) => ago(windows, now)),
      { series: 'b', avg: 20 },
    );
    await open('?range=900000', 63);
    const points = await coloredRuns(page, USAGE, SECOND_COLOR);
    expect(points).toHaveLength(3);
    expect(Math.min(...points)).toBeGreaterThanOrEqual(4);
  });
});

/** The cells of the row of a series, as texts. */
async function row(series: string): Promise<string[]> {
  const cells = await page.$$eval('.series tbody tr', (rows) =>
    rows.map((found) => [...found.children].map((cell) => cell.textContent)),
  );
  return cells.find(([name]) => name === series) ?? [];
}

describe('what is said is so', () => {
  it('in the table: the last complete window, the one that still grows, and an age that counts on', async () => {
    stage.list('laptop/cpu');
    stage.store([ago(2), ago(1)], { avg: 30 });
    await open('?range=300000', 2);
    const start = ago(0);
    stage.send(tenSeconds(start, { avg: 12, count: 2, revision: 2, last_event: start }));
    await vi.waitFor(async () => {
      expect((await row('laptop/cpu'))[1]).toBe('30.00% ○ 12.00% so far');
    }, WAIT);
    // Nothing comes in, and nothing is drawn again.
    const [before = ''] = (await row('laptop/cpu')).slice(-1);
    await vi.waitFor(async () => {
      expect((await row('laptop/cpu')).at(-1)).not.toBe(before);
    }, 3000);
  });

  it('of a metric that the series does not have', async () => {
    stage.list('laptop/cpu', ['usage']);
    stage.list('laptop/load', ['load']);
    stage.store([ago(2)]);
    await open('?series=laptop%2Fcpu', 1);
    await vi.waitFor(async () => {
      expect(await page.textContent('.chart[data-metric="load"] .empty')).toBe(
        'laptop/cpu has no load, it has usage; load is there for laptop/load',
      );
    }, WAIT);
  });

  it('of a metric that has no window in the range', async () => {
    stage.list('laptop/cpu', ['usage', 'load']);
    stage.store([ago(2)]);
    await open('', 1);
    await vi.waitFor(async () => {
      expect(await page.textContent('.chart[data-metric="load"] .empty')).toMatch(
        /^no windows of 10s of load in the last 15 minutes: the newest window of what is shown was stored \d/,
      );
    }, WAIT);
  });

  it('of a search that finds nothing, and of a list that is not whole', async () => {
    for (let index = 0; index < 250; index += 1) {
      stage.list(`sensor ${index}`);
    }
    stage.store([ago(2)], { series: 'sensor 1' });
    await open('', 1);
    expect(await page.textContent('.series header')).toContain(
      '100 of 250 shown, at most 100 at once; 200 of 250 listed: search for the others',
    );
    await page.selectOption('#top', '5');
    await vi.waitFor(async () => {
      expect(await page.innerText('#ranked')).toBe('of the first 100 of 250 series; the fleet ranks all');
    }, WAIT);
    expect(await page.getAttribute('#ranked a', 'href')).toMatch(/page=fleet&fleet\.sort=-avg$/);
    await page.fill('.series input', 'nowhere');
    await page.waitForSelector('.series .empty:not([hidden])', { timeout: WAIT });
    await vi.waitFor(async () => {
      expect(await page.textContent('.series .empty')).toBe(
        'no series of stream host has "nowhere" in its name',
      );
    }, WAIT);
    await page.fill('.series input', 'sensor 249');
    await page.waitForSelector('.series .empty', { state: 'hidden', timeout: WAIT });
  });

  it('of a series that does not exist, with those that do, until it comes', async () => {
    stage.list('laptop/cpu');
    stage.list('laptop/memory');
    stage.store([ago(2)]);
    await page.goto(stage.address('?series=laptop%2Fcup'));
    await page.waitForSelector('#offers a', { timeout: WAIT });
    expect(await page.textContent('#notice')).toBe('stream host has no series "laptop/cup"');
    expect(await page.$$eval('#offers a', (links) => links.map((link) => link.textContent))).toEqual([
      ...['laptop/cpu', 'laptop/memory'],
    ]);
    await page.click('#offers a');
    await page.waitForSelector(`${USAGE}[data-points="1"]`, { timeout: WAIT });
    expect(new URL(page.url()).searchParams.getAll('series')).toEqual(['laptop/cpu']);
    await page.goto(stage.address('?series=laptop%2Fcup'));
    await page.waitForSelector('#offers a', { timeout: WAIT });
    stage.send(tenSeconds(ago(1), { series: 'laptop/cup' }));
    await page.waitForSelector('#notice', { state: 'hidden', timeout: WAIT });
  });

  it('of a stream that does not exist, with those that do', async () => {
    stage.list('laptop/cpu');
    stage.store([ago(2)]);
    await open('?stream=hots', 1);
    expect(await page.textContent('#notice')).toContain('stream "hots"; there are: host');
    expect(await page.textContent('#offers a')).toBe('This machine');
  });
});

it('a change of theme draws all charts anew at once', async () => {
  stage.list('laptop/cpu', ['usage', 'load']);
  stage.store([3, 2, 1].map((windows) => ago(windows)));
  stage.store(
    [3, 2, 1].map((windows) => ago(windows)),
    { metric: 'load' },
  );
  await open('?range=300000', 3);
  for (const colorScheme of ['dark', 'light'] as const) {
    await page.$$eval('.chart canvas', (found) => {
      found.forEach((canvas) => {
        canvas.classList.add('of-before');
      });
    });
    await page.emulateMedia({ colorScheme });
    for (const metric of ['usage', 'load']) {
      const chart = `.chart[data-metric="${metric}"]`;
      // Nothing comes in meanwhile: the server says something every ten seconds.
      await page.waitForSelector(`${chart} canvas:not(.of-before)`, { timeout: 3000 });
      await vi.waitFor(async () => {
        expect((await coloredRuns(page, chart, FIRST_COLOR)).length).toBeGreaterThan(0);
      }, 3000);
    }
  }
});

it('the Back button leads to what was shown before', async () => {
  stage.list('laptop/cpu');
  stage.list('laptop/memory');
  stage.store([ago(2)]);
  await open('?series=laptop%2Fcpu', 1);
  await page.selectOption('#range', '300000');
  await page.click('.series tbody tr:nth-child(2) button');
  const chosen = () => new URL(page.url()).searchParams.getAll('series');
  expect(chosen()).toEqual(['laptop/cpu', 'laptop/memory']);
  await page.goBack();
  expect(chosen()).toEqual(['laptop/cpu']);
  await page.waitForSelector('.series tbody tr:nth-child(2) button[aria-pressed="false"]', { timeout: WAIT });
  await page.goBack();
  await vi.waitFor(async () => {
    expect(await page.inputValue('#range')).toBe('900000');
  }, WAIT);
});

describe('a span of time', () => {
  it('that is dragged over is shown and is the address, until the page goes back to live', async () => {
    stage.list('laptop/cpu');
    stage.store(Array.from({ length: 60 }, (_, index) => ago(62 - index)));
    await open('?range=900000', 60);
    const box = await page.locator(`${USAGE} .u-over`).boundingBox();
    const { x, y, width, height } = box ?? { x: 0, y: 0, width: 0, height: 0 };
    await page.mouse.move(x + width * 0.5, y + height / 2);
    await page.mouse.down();
    await page.mouse.move(x + width * 0.6, y + height / 2, { steps: 5 });
    await page.mouse.move(x + width * 0.7, y + height / 2, { steps: 5 });
    await page.mouse.up();
    await page.waitForSelector('#past:not([hidden])', { timeout: WAIT });
    const { searchParams } = new URL(page.url());
    const [from, to] = [Number(searchParams.get('from')), Number(searchParams.get('to'))];
    expect(to - from).toBeGreaterThan(150_000);
    expect(to - from).toBeLessThan(210_000);
    expect(await page.textContent('#span')).toContain(Intl.DateTimeFormat().resolvedOptions().timeZone);
    const inSpan = stage.stored.filter(({ start }) => start >= from && start < to).length;
    await page.waitForSelector(`${USAGE}[data-points="${inSpan}"]`, { timeout: WAIT });
    stage.send(tenSeconds(ago(0)));
    await page.reload();
    await page.waitForSelector(`${USAGE}[data-points="${inSpan}"]`, { timeout: WAIT });
    await page.click('#back-to-live');
    await page.waitForSelector(`${USAGE}[data-points="61"]`, { timeout: WAIT });
    expect(new URL(page.url()).searchParams.has('from')).toBe(false);
    await page.goBack();
    await page.waitForSelector(`${USAGE}[data-points="${inSpan}"]`, { timeout: WAIT });
  });
});

describe('of what is unusual', () => {
  const note = `${USAGE} .marks .unit`;

  it('the page asks for no more lines than can be read, and says how many these are', async () => {
    for (let index = 10; index < 50; index += 1) {
      stage.list(`sensor ${index}`);
    }
    stage.store([ago(2)], { series: 'sensor 10' });
    const asked: URL[] = [];
    page.on('response', (response) => {
      const url = new URL(response.url());
      if (url.pathname === '/api/anomalies' && response.status() === 200) {
        asked.push(url);
      }
    });
    await open('', 1);
    await page.waitForSelector(note, { timeout: WAIT });
    const [, count] =
      /^unusual windows were looked for in (\d+) of 40 lines/.exec(await page.innerText(note)) ?? [];
    expect(Number(count)).toBeGreaterThan(30);
    expect(asked.at(-1)?.searchParams.getAll('series')).toHaveLength(Number(count));
    await page.goto(stage.address('?series=sensor%2010'));
    await vi.waitFor(() => {
      expect(asked.at(-1)?.searchParams.getAll('series')).toEqual(['sensor 10']);
    }, WAIT);
    expect(await page.$(note)).toBeNull();
  });

  it('the page says why it does not know it', async () => {
    await page.route('**/api/anomalies*', (route) =>
      route.fulfill({ status: 503, json: { message: 'cassandra is away' } }),
    );
    await page.route('**/api/annotations*', (route) => route.fulfill({ json: { annotations: [] } }));
    stage.list('laptop/cpu');
    stage.store([ago(2)]);
    await open('', 1);
    await vi.waitFor(async () => {
      expect(await page.innerText('#span-problem')).toBe(
        'which windows are unusual is not known: cassandra is away',
      );
    }, WAIT);
  });
});

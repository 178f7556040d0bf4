import type { CDPSession } from 'playwright-core';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { page, parameters, stage, storeThreeSeries } from './page-hooks.ts';
import { ago, WAIT } from './page-stage.ts';

vi.setConfig({ testTimeout: 60_000 });

const USAGE = '.chart[data-metric="usage"]';
const MINUTES_6 = 360_000;

let session: CDPSession;
let begin: number;
/** Where the plot is, and how large, in pixels. */
let plot: { readonly x: number; readonly y: number; readonly width: number; readonly height: number };

/** Opens six minutes of the past on the screen of a phone. */
beforeEach(async () => {
  await storeThreeSeries();
  session = await page.context().newCDPSession(page);
  await session.send('Emulation.setTouchEmulationEnabled', { enabled: true, maxTouchPoints: 5 });
  await page.setViewportSize({ width: 360, height: 740 });
  begin = ago(32);
  await page.goto(stage.address(`?from=${begin}&to=${begin + MINUTES_6}`));
  await page.waitForSelector(`${USAGE} .u-over`, { timeout: WAIT });
  await page.waitForSelector('body[data-connection=live]', { timeout: WAIT });
  // Cassandra is away: once the page has said so, nothing moves the plot any more.
  await page.waitForSelector('#span-problem:not([hidden])', { timeout: WAIT });
  await page.$eval(USAGE, (chart) => {
    chart.scrollIntoView();
  });
  plot = await whereIs(`${USAGE} .u-over`);
});

async function whereIs(selector: string): Promise<typeof plot> {
  return (await page.locator(selector).boundingBox()) ?? { x: 0, y: 0, width: 0, height: 0 };
}

afterEach(async () => {
  await session.detach();
});

/** Puts fingers down, moves them, and lifts them: each step says where they are, as shares of the plot. */
async function touch(...steps: readonly (readonly (readonly [x: number, y: number])[])[]): Promise<void> {
  for (const [index, step] of steps.entries()) {
    const touchPoints = step.map(([x, y], id) => ({
      ...{ x: plot.x + x * plot.width, y: plot.y + y * plot.height },
      id,
    }));
    await session.send('Input.dispatchTouchEvent', {
      type: index === 0 ? 'touchStart' : 'touchMove',
      touchPoints,
    });
  }
}

async function lift(): Promise<void> {
  await session.send('Input.dispatchTouchEvent', { type: 'touchEnd', touchPoints: [] });
}

/** The span in the address once it is another one. */
async function spanAfter(): Promise<{ from: number; to: number }> {
  await vi.waitFor(() => {
    expect(parameters().get('from')).not.toBe(String(begin));
  }, WAIT);
  return { from: Number(parameters().get('from')), to: Number(parameters().get('to')) };
}

/** Whether the tooltip is shown, and inside of the screen. */
async function tooltip(): Promise<{ readonly text: string; readonly isInside: boolean } | null> {
  return page.$eval(`${USAGE} .tooltip`, (found) => {
    const { left, right, top, bottom, width } = found.getBoundingClientRect();
    const { clientWidth, clientHeight } = document.documentElement;
    const isInside = left >= 0 && right <= clientWidth && top >= 0 && bottom <= clientHeight;
    return width === 0 ? null : { text: found.textContent, isInside };
  });
}

it('one finger across moves the time', async () => {
  await touch([[0.2, 0.5]], [[0.3, 0.5]], [[0.5, 0.5]], [[0.7, 0.5]]);
  await lift();
  const { from, to } = await spanAfter();
  expect(to - from).toBe(MINUTES_6);
  // By half of the plot, but for the first pixels, which may still be a tap.
  expect(begin - from).toBeGreaterThan(0.3 * MINUTES_6);
  expect(begin - from).toBeLessThan(0.55 * MINUTES_6);
});

it('two fingers apart show a shorter time, and together a longer one', async () => {
  const apart = [0.4, 0.35, 0.3, 0.25, 0.2].map((left) => [[left, 0.5] as const, [1 - left, 0.5] as const]);
  await touch(...apart);
  await lift();
  const near = await spanAfter();
  expect(near.to - near.from).toBeLessThan(0.6 * MINUTES_6);
  expect(near.from).toBeGreaterThan(begin);
  expect(near.to).toBeLessThan(begin + MINUTES_6);
  await touch(...apart.toReversed());
  await lift();
  await vi.waitFor(() => {
    const length = Number(parameters().get('to')) - Number(parameters().get('from'));
    expect(length).toBeGreaterThan(1.5 * (near.to - near.from));
  }, WAIT);
});

it('a finger that rests asks what is there, and leaves it in sight until something else is touched', async () => {
  await touch([[0.9, 0.4]]);
  await vi.waitFor(async () => {
    expect(await tooltip()).toMatchObject({ isInside: true });
  }, WAIT);
  const first = await tooltip();
  await touch([[0.9, 0.4]], [[0.6, 0.4]], [[0.4, 0.4]]);
  await vi.waitFor(async () => {
    expect((await tooltip())?.text).not.toBe(first?.text);
  }, WAIT);
  await lift();
  await page.waitForTimeout(500);
  expect(await tooltip()).toMatchObject({ isInside: true });
  expect(parameters().get('from')).toBe(String(begin));
  const heading = await (await page.$(`${USAGE} h2`))?.boundingBox();
  const at = { x: (heading?.x ?? 0) + 5, y: (heading?.y ?? 0) + 5 };
  await session.send('Input.dispatchTouchEvent', { type: 'touchStart', touchPoints: [at] });
  await lift();
  await vi.waitFor(async () => {
    expect(await tooltip()).toBeNull();
  }, WAIT);
});

it.each([
  [360, 740],
  [360, 400],
])('what is told stays inside of a screen of %i by %i, wherever the plot is', async (width, height) => {
  await page.setViewportSize({ width, height });
  for (const block of ['end', 'start'] as const) {
    await page.$eval(
      `${USAGE} .u-over`,
      (over, to) => {
        over.scrollIntoView({ block: to });
      },
      block,
    );
    plot = await whereIs(`${USAGE} .u-over`);
    for (const [x, y] of [
      [0.05, 0.1],
      [0.95, 0.95],
      [0.5, 0.95],
    ] as const) {
      await touch([[x, y]]);
      await lift();
      await vi.waitFor(async () => {
        expect(await tooltip()).toMatchObject({ isInside: true });
      }, WAIT);
    }
  }
});

it('a tap asks what is there, and moves nothing', async () => {
  await touch([[0.5, 0.3]]);
  await lift();
  await vi.waitFor(async () => {
    expect((await tooltip())?.text).toContain('average');
  }, WAIT);
  expect(parameters().get('from')).toBe(String(begin));
});

it('one finger up moves the page, and not the time', async () => {
  const before = await page.evaluate(() => scrollY);
  await touch([[0.5, 0.9]], [[0.5, 0.6]], [[0.5, 0.2]], [[0.5, -0.2]]);
  await lift();
  await page.waitForFunction((top) => scrollY > top, before);
  expect(parameters().get('from')).toBe(String(begin));
});

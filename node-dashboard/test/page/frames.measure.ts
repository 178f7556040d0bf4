import type { CDPSession, Page } from 'playwright-core';
import { expect, it, vi } from 'vitest';
import { beyond } from '../../scripts/limits.mjs';
import { ago, Stage, tenSeconds } from '../page-stage.ts';
import { openBrowser, type Browser } from './browser.mjs';

const POINTS = 600;
const MEASURED = 10_000;
/** Of 60 frames a second one may fall to what else the machine does. */
const FRAMES = 59;
/** So often is the page opened anew. */
const OPENED = 7;
/** Until the page can be used, in milliseconds. */
const INTERACTIVE = 1000;

vi.setConfig({ testTimeout: 300_000 });

/** What the main thread of a page did for one frame, in milliseconds of its own time, by what it was for. */
interface MainThread {
  readonly script: number;
  readonly style: number;
  readonly layout: number;
  /** All of it: also painting, garbage, and what the browser does for itself. */
  readonly task: number;
}

it('draws 50 series of 600 points that all move', async () => {
  await withPage(async (page, stage) => {
    const names = listSeries(stage, 50, POINTS);
    await caughtUp(stage);
    let sent = 0;
    const sending = setInterval(() => {
      sent += 1;
      names.forEach((series, index) => {
        stage.send(tenSeconds(ago(0), { series, avg: index + Math.random(), revision: sent }));
      });
    }, 250);
    try {
      const opened = performance.now();
      // As wide as the chart, each window by itself.
      await page.goto(stage.address(`?from=${ago(0) - POINTS * 10_000}&to=${ago(0) + 60_000}`));
      await page.waitForFunction(
        (wanted) => Number(document.querySelector('.chart')?.getAttribute('data-points')) >= wanted,
        names.length * (POINTS - 5),
        { timeout: 120_000 },
      );
      const drawn = performance.now() - opened;
      const found = await framesOf(page);
      const what = '50 series of 600 points, each with a new version 4 times a second';
      print(what, { all_drawn_after_ms: Math.round(drawn), ...found });
      expect(tooFew(what, found)).toEqual([]);
    } finally {
      clearInterval(sending);
    }
  });
});

it.each([
  ['overview', '', '.series tbody tr'],
  ['fleet', '?page=fleet', '[role=row]'],
])('stays smooth beside 5,000 series: the %s', async (name, place, row) => {
  await withPage(async (page, stage) => {
    const names = listSeries(stage, 5000, 0);
    await caughtUp(stage);
    let next = 0;
    // Each series has a new version of its newest window every ten seconds: 500 a second.
    const sending = setInterval(() => {
      for (let index = 0; index < 50; index += 1) {
        const series = names[next % names.length] ?? '';
        stage.send(tenSeconds(ago(0), { series, avg: next % 97, revision: next + 1 }));
        next += 1;
      }
    }, 100);
    try {
      await page.goto(stage.address(place));
      await page.waitForSelector(row, { timeout: 120_000 });
      await page.waitForTimeout(5000);
      const what = `5,000 series, 500 windows a second: ${name}`;
      const found = await framesOf(page);
      print(what, found);
      expect(tooFew(what, found)).toEqual([]);
    } finally {
      clearInterval(sending);
    }
  });
});

it('can be used soon after it was opened', async () => {
  await withPage(async (page, stage) => {
    listSeries(stage, 7, 90);
    await caughtUp(stage);
    const session = await page.context().newCDPSession(page);
    await session.send('Network.setCacheDisabled', { cacheDisabled: true });
    await page.addInitScript(noteInteractive);
    const times: number[] = [];
    for (let time = 0; time < OPENED; time += 1) {
      await page.goto(stage.address());
      const found = await page.waitForFunction(() => document.documentElement.dataset.interactive);
      times.push(Number(await found.jsonValue()));
    }
    times.sort((a, b) => a - b);
    const median = times[Math.floor(OPENED / 2)];
    const what = 'opened anew, with 7 series of 90 points, until it can be used';
    print(what, { median_ms: median, all_ms: times });
    expect(beyond([{ figure: `${what}, median in ms`, value: median, most: INTERACTIVE }])).toEqual([]);
  });
});

/**
 * In the page: notes when it can be used, in milliseconds since it was asked for: all points are drawn, it is live, and
 * a frame later it has done what a key asks of it.
 */
function noteInteractive(): void {
  const look = (): void => {
    const points = document.querySelector('.chart')?.getAttribute('data-points') ?? '0';
    if (document.body.dataset.connection !== 'live' || Number(points) < 7 * 85) {
      requestAnimationFrame(look);
      return;
    }
    dispatchEvent(new KeyboardEvent('keydown', { key: ' ', bubbles: true }));
    const answered = (): void => {
      if (document.querySelector('#past')?.hasAttribute('hidden') === false) {
        document.documentElement.dataset.interactive = String(Math.round(performance.now()));
      } else {
        requestAnimationFrame(answered);
      }
    };
    requestAnimationFrame(answered);
  };
  addEventListener('DOMContentLoaded', look);
}

function tooFew(what: string, { frames_per_second }: { readonly frames_per_second: number }): string[] {
  return beyond([{ figure: `${what}, frames a second`, value: frames_per_second, least: FRAMES }]);
}

async function withPage(measure: (page: Page, stage: Stage) => Promise<void>): Promise<void> {
  const stage = await Stage.open();
  let browser: Browser | undefined;
  try {
    browser = await openBrowser();
    const page = await browser.context.newPage();
    await page.setViewportSize({ width: 1440, height: 1000 });
    await measure(page, stage);
  } finally {
    await browser?.close();
    await stage.close();
  }
}

/** What was prepared has kept the server from its work, which it says: waits until it has caught up. */
async function caughtUp(stage: Stage): Promise<void> {
  await vi.waitFor(
    async () => {
      expect((await fetch(stage.address())).status).toBe(200);
    },
    { timeout: 60_000, interval: 200 },
  );
}

/** Lists so many series, each with so many windows up to now. */
function listSeries(stage: Stage, count: number, points: number): string[] {
  const begin = ago(0);
  const names = Array.from({ length: count }, (_, index) => `machine ${index}/cpu`);
  names.forEach((series, index) => {
    stage.list(series);
    const starts = Array.from({ length: points }, (_, place) => begin - (points - place) * 10_000);
    starts.forEach((start, place) => {
      stage.store([start], { series, avg: index + 5 * Math.sin(place / 20) });
    });
  });
  return names;
}

/** How smooth the page is for some seconds: its frames, what they cost the main thread, and tasks that held it up. */
async function framesOf(page: Page) {
  const session = await page.context().newCDPSession(page);
  // Time of the thread: what other programs take of this machine does not count.
  await session.send('Performance.enable', { timeDomain: 'threadTicks' });
  const profile = process.env.PROFILE;
  if (profile !== undefined) {
    await session.send('Profiler.enable');
    await session.send('Profiler.start');
  }
  const before = await spent(session);
  const { gaps, long } = await page.evaluate(follow, MEASURED);
  const after = await spent(session);
  if (profile !== undefined) {
    const { writeFileSync } = await import('node:fs');
    const stopped = await session.send('Profiler.stop');
    writeFileSync(profile, JSON.stringify(stopped.profile));
  }
  await session.detach();
  const at = (share: number): number => round(gaps[Math.floor(gaps.length * share)] ?? 0);
  const each = (name: keyof MainThread): number => round(((after[name] - before[name]) * 1000) / gaps.length);
  return {
    frames_per_second: Math.round((gaps.length * 1000) / MEASURED),
    frame_ms: { p50: at(0.5), p95: at(0.95), p99: at(0.99) },
    main_thread_ms_per_frame: {
      ...{ script: each('script'), style: each('style'), layout: each('layout'), task: each('task') },
    },
    main_thread_share: round((after.task - before.task) / (MEASURED / 1000)),
    long_tasks: { count: long.length, longest_ms: Math.round(Math.max(0, ...long)) },
  };
}

/** In the page: the milliseconds between frames, ascending, and the length of tasks that took more than 50. */
function follow(length: number): Promise<{ gaps: number[]; long: number[] }> {
  return new Promise((resolve) => {
    const found: number[] = [];
    const long: number[] = [];
    new PerformanceObserver((list) => {
      long.push(...list.getEntries().map(({ duration }) => duration));
    }).observe({ type: 'longtask' });
    const first = performance.now();
    let last = first;
    const frame = (time: number): void => {
      found.push(time - last);
      last = time;
      if (time - first < length) {
        requestAnimationFrame(frame);
      } else {
        resolve({ gaps: found.slice(1).sort((a, b) => a - b), long });
      }
    };
    requestAnimationFrame(frame);
  });
}

async function spent(session: CDPSession): Promise<MainThread> {
  const { metrics } = await session.send('Performance.getMetrics');
  const of = (name: string): number => metrics.find((metric) => metric.name === name)?.value ?? 0;
  return {
    ...{ script: of('ScriptDuration'), style: of('RecalcStyleDuration') },
    ...{ layout: of('LayoutDuration'), task: of('TaskDuration') },
  };
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}

function print(what: string, found: object): void {
  process.stdout.write(`${JSON.stringify({ what, ...found })}\n`);
}

import { expect, it, vi } from 'vitest';
import { ago, openBrowser, Stage, tenSeconds } from '../page-stage.ts';

const SERIES = 50;
const POINTS = 600;
const MEASURED = 10_000;

vi.setConfig({ testTimeout: 180_000 });

it('draws 50 series of 600 points that all move', async () => {
  const stage = await Stage.open();
  const browser = await openBrowser();
  const names = Array.from({ length: SERIES }, (_, index) => `machine ${index}/cpu`);
  const begin = ago(0);
  let sent = 0;
  names.forEach((series, index) => {
    stage.list(series);
    const starts = Array.from({ length: POINTS }, (_, place) => begin - (POINTS - place) * 10_000);
    starts.forEach((start, place) => {
      stage.store([start], { series, avg: index + 5 * Math.sin(place / 20) });
    });
  });
  // Each series has a new version of its newest window four times a second.
  const sending = setInterval(() => {
    sent += 1;
    names.forEach((series, index) => {
      stage.send(tenSeconds(ago(0), { series, avg: index + Math.random(), revision: sent }));
    });
  }, 250);
  try {
    const page = await browser.context.newPage();
    await page.setViewportSize({ width: 1440, height: 1000 });
    const opened = performance.now();
    await page.goto(stage.address(`?from=${begin - POINTS * 10_000}&to=${begin + 60_000}`));
    const atLeast = String(SERIES * (POINTS - 1));
    await page.waitForFunction(
      (wanted) => Number(document.querySelector('.chart')?.getAttribute('data-points')) >= Number(wanted),
      atLeast,
      { timeout: 60_000 },
    );
    const drawn = performance.now() - opened;
    const gaps = await page.evaluate(
      (length) =>
        new Promise<number[]>((resolve) => {
          const found: number[] = [];
          const first = performance.now();
          let last = first;
          const frame = (time: number): void => {
            found.push(time - last);
            last = time;
            if (time - first < length) {
              requestAnimationFrame(frame);
            } else {
              resolve(found.slice(1).sort((a, b) => a - b));
            }
          };
          requestAnimationFrame(frame);
        }),
      MEASURED,
    );
    const at = (share: number): number => Math.round((gaps[Math.floor(gaps.length * share)] ?? 0) * 10) / 10;
    expect(sent).toBeGreaterThan(MEASURED / 500);
    process.stdout.write(
      `${JSON.stringify({
        ...{ series: SERIES, points: POINTS, all_drawn_after_ms: Math.round(drawn) },
        ...{ frames_per_second: Math.round((gaps.length * 1000) / MEASURED) },
        frame_ms: { p50: at(0.5), p95: at(0.95), p99: at(0.99) },
      })}\n`,
    );
  } finally {
    clearInterval(sending);
    await browser.close();
    await stage.close();
  }
});

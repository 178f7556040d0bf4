import { expect, it, vi } from 'vitest';
import { page, reopenStage, stage } from './page-hooks.ts';
import { ago, WAIT } from './page-stage.ts';

vi.setConfig({ testTimeout: 60_000 });

const METRICS = ['usage', 'load', 'temperature_celsius', 'memory_available', 'network_received'];
const SERIES = `building-7/floor-12/${'rack-31/'.repeat(4)}laptop`;

it.each([1300, 1024, 390])('at %d px every cell of five metrics can be brought into view', async (width) => {
  await stage.close();
  await reopenStage((config) => ({
    ...config,
    streams: config.streams.map((stream) => ({ ...stream, metrics: METRICS })),
  }));
  await page.setViewportSize({ width, height: 800 });
  stage.list(SERIES, METRICS);
  for (const metric of METRICS) {
    stage.store([ago(4), ago(3)], { series: SERIES, metric, avg: 123_456.7 });
  }
  await page.goto(stage.address());
  await page.waitForSelector('body[data-connection=live] .series tbody tr', { timeout: WAIT });
  await page.waitForFunction(
    (count) => document.querySelectorAll('.series tbody td').length === count,
    METRICS.length + 3,
    { timeout: WAIT },
  );
  const isReached = await page.$eval('.series .scroll', (box) => {
    (box as HTMLElement).focus();
    return box.scrollWidth <= box.clientWidth || box === document.activeElement;
  });
  expect(isReached).toBe(true);
  const hidden = await page.$$eval('.series tbody td', (cells) =>
    cells.flatMap((cell, index) => {
      cell.scrollIntoView({ block: 'nearest', inline: 'end' });
      const { left, right } = cell.getBoundingClientRect();
      const frame = cell.closest('.scroll')?.getBoundingClientRect();
      const named = index === 0 ? left : (cells[0]?.getBoundingClientRect().right ?? 0);
      const begin = Math.max(named, frame?.left ?? 0);
      return left >= begin - 1 && right <= (frame?.right ?? 0) + 1 ? [] : [`${index}: ${cell.textContent}`];
    }),
  );
  expect(hidden).toEqual([]);
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width);
});

import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Frame } from 'playwright-core';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { page, reopenStage, stage, storeThreeSeries } from './page-hooks.ts';
import { ago, tenSeconds, WAIT } from './page-stage.ts';

vi.setConfig({ testTimeout: 60_000 });

const TOKEN = 'a token with & and %';

/** A page of another site: its host is `localhost`, and the dashboard's `127.0.0.1`. */
let other: Server;
let origin: string;
/** What it shows in a frame. */
let shown: string;

beforeEach(async () => {
  other = createServer((_, response) => {
    response.setHeader('content-type', 'text/html');
    response.end(
      `<!doctype html><title>a wiki</title><iframe width="800" height="600" src="${shown}"></iframe>`,
    );
  });
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
  origin = `http://localhost:${(other.address() as AddressInfo).port}`;
  await stage.close();
  await reopenStage((config) => ({
    ...config,
    dashboard: { ...config.dashboard, token: TOKEN, embedOrigins: [origin] },
  }));
  await storeThreeSeries();
});

afterEach(async () => {
  other.closeAllConnections();
  await new Promise((resolve) => other.close(resolve));
});

async function frameWith(token: string): Promise<Frame> {
  const query = new URLSearchParams({ stream: 'host', metric: 'usage', token });
  shown = stage.address(`embed?${query.toString()}`).replaceAll('&', '&amp;');
  await page.goto(origin);
  const frame = page.frames().find((one) => one !== page.mainFrame());
  expect(frame).toBeDefined();
  return frame ?? page.mainFrame();
}

it('a frame on another site shows the history and what comes live, by the token in its address', async () => {
  const refused: string[] = [];
  page.on('response', (response) => {
    // The stage has no Cassandra: annotations are answered with 503.
    if (response.status() >= 400 && response.status() < 500) {
      refused.push(`${response.status()} ${response.url()}`);
    }
  });
  const frame = await frameWith(TOKEN);
  await frame.waitForSelector('body[data-connection=live] .chart[data-points="59"]', { timeout: WAIT });
  stage.send(tenSeconds(ago(0)));
  await frame.waitForSelector('.chart[data-points="60"]', { timeout: WAIT });
  expect(refused).toEqual([]);
  expect(await page.context().cookies()).toEqual([]);
  // It is still there when the frame is loaded again.
  expect(new URL(frame.url()).searchParams.get('token')).toBe(TOKEN);
});

it('a frame with a wrong token says so, and shows nothing', async () => {
  const frame = await frameWith('wrong');
  await vi.waitFor(async () => {
    expect(await frame.textContent('#notice')).toContain('this dashboard asks for its token');
  }, WAIT);
  expect(await frame.$$('.chart')).toEqual([]);
});

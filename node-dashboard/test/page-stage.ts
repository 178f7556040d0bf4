import type { AddressInfo } from 'node:net';
import path from 'node:path';
import Fastify, { type FastifyInstance } from 'fastify';
import type { Page } from 'playwright-core';
import { vi } from 'vitest';
import { buildApp } from '../src/server/app.ts';
import type { Config } from '../src/server/config.ts';
import { createPipeline, type Pipeline } from '../src/server/pipeline.ts';
import type { SeriesInfo } from '../src/shared/api.ts';
import type { WindowMessage } from '../src/shared/window.ts';
import { configOf } from './configuration.ts';
import { windowMessage } from './messages.ts';

/** How long the page may take for something, on a busy machine. */
export const WAIT = 20_000;

/**
 * The built page and a real server. Kafka and Cassandra are away: what they would answer is in `stored` and what is
 * sent with `send`; everything behind them is real.
 */
export class Stage {
  readonly app: FastifyInstance;
  readonly pipeline: Pipeline;
  /** What is stored. */
  stored: WindowMessage[] = [];
  series: SeriesInfo[] = [];
  #offset = 0n;

  private constructor(app: FastifyInstance, pipeline: Pipeline) {
    this.app = app;
    this.pipeline = pipeline;
    vi.spyOn(pipeline.tail, 'start').mockReturnValue();
    vi.spyOn(pipeline.tail, 'topicHealth').mockReturnValue({ connected: true, message: '' });
    vi.spyOn(pipeline.letters.tail, 'start').mockReturnValue();
    pipeline.letters.kept.begin('letters');
    vi.spyOn(pipeline.history, 'series').mockImplementation((_, search, limit) => {
      const found = this.series.filter(({ series }) => series.toLowerCase().includes(search.toLowerCase()));
      return Promise.resolve({ series: found.slice(0, limit), truncated: found.length > limit });
    });
    vi.spyOn(pipeline.history, 'windows').mockImplementation((query) =>
      Promise.resolve(
        this.stored.filter(
          ({ stream, series, metric, window, start }) =>
            stream === query.stream &&
            series === query.series &&
            metric === query.metric &&
            window === query.window.label &&
            start >= query.from &&
            start < query.to,
        ),
      ),
    );
    for (const live of pipeline.live.values()) {
      live.begin('topic', new Map([[0, 0n]]));
    }
  }

  /** Builds the server, and lets it listen. */
  static async open(change: (config: Config) => Config = (config) => config): Promise<Stage> {
    const config = change(await configOf());
    const pipeline = createPipeline(config, Fastify({ logger: false }).log);
    // Measurements compare another build of the page.
    const webRoot = path.resolve(process.env.WEB_ROOT ?? 'dist/web');
    const app = await buildApp({ config, logLevel: 'silent', pipeline, webRoot });
    const stage = new Stage(app, pipeline);
    await app.listen({ host: '127.0.0.1', port: config.dashboard.port });
    return stage;
  }

  /** The address of the page. */
  address(query = ''): string {
    return `http://127.0.0.1:${(this.app.server.address() as AddressInfo).port}/${query}`;
  }

  /** Lists a series as the table of series would. */
  list(series: string, metrics: readonly string[] = ['usage']): void {
    this.series.push({ series, metrics, last_seen: Date.now() });
  }

  /** Stores windows of ten seconds of one series and metric, that start at these times. */
  store(starts: readonly number[], fields: Partial<WindowMessage> = {}): void {
    this.stored.push(...starts.map((start) => tenSeconds(start, fields)));
  }

  /** A window comes in live. */
  send(message: WindowMessage): void {
    const stream = this.pipeline.live.get(message.stream);
    stream?.append(0, [{ offset: this.#offset, value: JSON.stringify(message) }], this.#offset + 1n);
    this.#offset += 1n;
  }

  /** Ends the server. */
  async close(): Promise<void> {
    await this.app.close();
    vi.restoreAllMocks();
  }
}

/** A window of ten seconds whose newest reading is a second before its end. */
export function tenSeconds(start: number, fields: Partial<WindowMessage> = {}): WindowMessage {
  return windowMessage({
    ...{ start, end: start + 10_000, last_event: start + 9000 },
    ...{ count: 10, revision: 10, avg: 20, min: 15, max: 30 },
    ...fields,
  });
}

/** The begin of the window of ten seconds that is so many windows ago. */
export function ago(windows: number, now = Date.now()): number {
  return Math.floor(now / 10_000) * 10_000 - windows * 10_000;
}

/** Where there is something of this colour in a chart's canvas: its rows of pixels, from the top. */
export async function coloredPixels(page: Page, selector: string, color: string): Promise<boolean[][]> {
  const rows = await page.$eval(
    `${selector} canvas`,
    (found, wanted) => {
      const canvas = found as HTMLCanvasElement;
      const { width, height } = canvas;
      const pixels = canvas.getContext('2d')?.getImageData(0, 0, width, height).data ?? [];
      const [r = 0, g = 0, b = 0] = [1, 3, 5].map((at) => Number.parseInt(wanted.slice(at, at + 2), 16));
      const isOf = (at: number): boolean => {
        const apart = [r, g, b].map((value, index) => Math.abs(value - (pixels[at + index] ?? 0)));
        return Math.max(...apart) < 40 && (pixels[at + 3] ?? 0) > 128;
      };
      return Array.from({ length: height }, (_, y) =>
        Array.from({ length: width }, (__, x) => (isOf(4 * (y * width + x)) ? '1' : '0')).join(''),
      );
    },
    color,
  );
  return rows.map((row) => Array.from(row, (pixel) => pixel === '1'));
}

/** The runs of columns of a chart's canvas, from left to right, in which there is something of this colour. */
export async function coloredRuns(page: Page, selector: string, color: string): Promise<number[]> {
  const rows = await coloredPixels(page, selector, color);
  const columns = (rows[0] ?? []).map((_, x) => (rows.some((row) => row[x]) ? '1' : ' '));
  return (columns.join('').match(/1+/g) ?? []).map((run) => run.length);
}

/** The row of pixels of a chart's canvas with the most of this colour, and how much of its width that is. */
export async function coloredRow(
  page: Page,
  selector: string,
  color: string,
): Promise<{ readonly at: number; readonly share: number }> {
  const rows = await coloredPixels(page, selector, color);
  const counts = rows.map((row) => row.filter(Boolean).length);
  const most = Math.max(...counts);
  return { at: counts.indexOf(most), share: most / (rows[0]?.length ?? 1) };
}

/** What on the page is too small for a finger. */
export async function smallTargets(page: Page): Promise<string[]> {
  return page.$$eval('button, select, input, summary, .pages a', (found) =>
    found
      .map((one) => ({ text: one.textContent.slice(0, 20), box: one.getBoundingClientRect() }))
      .filter(({ box }) => box.width > 0 && (box.height < 43.5 || box.width < 43.5))
      .map(({ text, box }) => `${text} ${box.width} × ${box.height}`),
  );
}

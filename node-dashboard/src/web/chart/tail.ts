import type uPlot from 'uplot';
import { drawGrowing } from '../panels/growing.ts';
import { drawPartial } from '../panels/partial.ts';
import { lastSettled } from '../store.ts';
import { factsOf } from './data.ts';
import { shownSpan } from './preview.ts';
import type { Scene } from './scene.ts';

/** What of a plot has to be drawn for a scene: all of it, the windows that still grow, or nothing. */
export type Extent = 'all' | 'tail' | 'nothing';

/**
 * A plot without the windows that still grow. What comes in live changes these alone, a few times a second; everything
 * else is the same until a window is complete or the time has moved on by a pixel, and is copied instead of drawn.
 */
export class Ground {
  readonly #copy = document.createElement('canvas');
  #settled: readonly number[] = [];

  /** Keeps what is drawn, before its tail is. */
  keep({ ctx: { canvas } }: uPlot, scene: Scene): void {
    if (this.#copy.width !== canvas.width || this.#copy.height !== canvas.height) {
      this.#copy.width = canvas.width;
      this.#copy.height = canvas.height;
    }
    replace(this.#copy.getContext('2d'), canvas);
    this.#settled = settledOf(scene);
  }

  /** Draws what was kept. */
  restore({ ctx }: uPlot): void {
    replace(ctx, this.#copy);
  }

  /** What has to be drawn for a scene, where another one of the same shape is drawn. */
  extentOf(plot: uPlot, before: Scene, now: Scene): Extent {
    if (now.bands || hasMoved(plot) || !isSameGround(before, now)) {
      return 'all';
    }
    let extent: Extent = 'nothing';
    for (const [index, { key, series }] of now.lines.entries()) {
      const [was, is] = [before.columns.rows.get(key) ?? [], now.columns.rows.get(key) ?? []];
      const settled = this.#settled[index] ?? -1;
      if (lastSettled(is, now.newestEvent) !== settled) {
        return 'all';
      }
      if (was !== is) {
        if (is.some((point, at) => at <= settled && point !== was[at])) {
          return 'all';
        }
        extent = 'tail';
      }
      if (!now.hidden.has(series) && !fits(plot, index + 1, now, settled)) {
        return 'all';
      }
    }
    return extent;
  }
}

function replace(context: CanvasRenderingContext2D | null, by: HTMLCanvasElement): void {
  context?.save();
  if (context !== null) {
    context.globalCompositeOperation = 'copy';
    context.drawImage(by, 0, 0);
  }
  context?.restore();
}

/** Draws the windows that still grow, and marks those that hold only a part of their readings. */
export function drawTail(plot: uPlot, scene: Scene, ground: string): void {
  const settled = (line: number): number =>
    lastSettled(scene.columns.rows.get(scene.lines[line - 1]?.key ?? '') ?? [], scene.newestEvent);
  for (const [index, { key }] of scene.lines.entries()) {
    const row = scene.columns.rows.get(key) ?? [];
    drawGrowing(plot, index + 1, { settled }, ground);
    if (factsOf(row).partial > 0) {
      drawPartial(plot, index + 1, row, ground);
    }
  }
}

function settledOf({ lines, columns, newestEvent }: Scene): number[] {
  return lines.map(({ key }) => lastSettled(columns.rows.get(key) ?? [], newestEvent));
}

/** Whether the plot shows another span of time than it should, by a pixel or more. */
function hasMoved({ scales, over }: uPlot): boolean {
  const { from, to } = shownSpan();
  const { min = 0, max = 0 } = scales.x ?? {};
  const pixel = (max - min) / Math.max(1, over.clientWidth);
  return Math.abs(from / 1000 - min) >= pixel || Math.abs(to / 1000 - max) >= pixel;
}

function isSameGround(before: Scene, now: Scene): boolean {
  return (
    before.columns.starts === now.columns.starts &&
    before.thresholds === now.thresholds &&
    before.marks === now.marks &&
    before.leading.size === now.leading.size &&
    [...now.leading].every((key) => before.leading.has(key))
  );
}

/** Whether the windows of a line that still grow lie within the values that the plot shows. */
function fits({ scales }: uPlot, line: number, { data }: Scene, settled: number): boolean {
  const { min = 0, max = 0 } = scales.y ?? {};
  const row = data[line] ?? [];
  for (let index = settled + 1; index < row.length; index += 1) {
    const value = row[index];
    if (typeof value === 'number' && (value < min || value > max)) {
      return false;
    }
  }
  return true;
}

import { computePosition, flip, offset, shift } from '@floating-ui/dom';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { element } from '../dom.ts';
import { dashboard } from '../state.ts';
import { leaveAligned } from './aligned.ts';
import { followGestures } from './gestures.ts';
import { optionsOf, PROXIMITY } from './options.ts';
import type { Scene } from './scene.ts';
import { drawTail, Ground } from './tail.ts';
import { detailLines } from './tooltip.ts';

/** Between the pointer and its tooltip, in pixels. */
const DISTANCE = 12;
/** Between the tooltip and the edge of the screen. */
const MARGIN = 4;

/** A plot in its host: draws scenes, and tells where the cursor is. */
export class Plot {
  readonly #host: HTMLElement;
  readonly #tooltip = element('div', 'tooltip');
  readonly #resize: ResizeObserver;
  readonly #ended = new AbortController();
  readonly #onCursor: (index: number | null) => void;
  readonly #ground = new Ground();
  #scene: Scene;
  #plot: uPlot;
  #shape: string;
  /** Whether the pointer or the keyboard is at this chart, and not at another one with which the cursor goes. */
  #isPointed = false;
  /** How near a line must be; a finger is less exact than a pointer. */
  #reach = PROXIMITY;
  /** The line that the keyboard has chosen. */
  #line = 0;

  constructor(host: HTMLElement, scene: Scene, shape: string, onCursor: (index: number | null) => void) {
    this.#host = host;
    this.#scene = scene;
    this.#shape = shape;
    this.#onCursor = onCursor;
    host.append(this.#tooltip);
    this.#tooltip.hidden = true;
    this.#plot = this.#make();
    this.#resize = new ResizeObserver(() => {
      if (host.clientWidth > 0) {
        this.#plot.setSize({ width: host.clientWidth, height: this.#scene.height });
      }
    });
    this.#resize.observe(host);
    // Whoever touches something else has read what there is to read.
    addEventListener(
      'pointerdown',
      ({ pointerType, target }) => {
        if (pointerType === 'touch' && !(target instanceof Node && host.contains(target))) {
          this.leave();
        }
      },
      { signal: this.#ended.signal },
    );
  }

  /** Draws a scene; another shape is another plot. */
  update(scene: Scene, shape: string): void {
    const before = this.#scene;
    this.#scene = scene;
    if (shape === this.#shape) {
      this.#draw(before, scene);
      return;
    }
    this.#shape = shape;
    this.#end();
    this.#plot = this.#make();
  }

  destroy(): void {
    this.#resize.disconnect();
    this.#ended.abort();
    this.#end();
    this.#tooltip.remove();
  }

  /** Moves the keyboard's cursor by some points and lines; says what is there. */
  step(points: number, lines: number): string {
    const plot = this.#plot;
    const count = this.#scene.lines.length;
    this.#line = count === 0 ? 0 : (this.#line + lines + count) % count;
    const row = plot.data[this.#line + 1] ?? [];
    const filled = [...row].flatMap((value, index) => (typeof value === 'number' ? [index] : []));
    const current = plot.cursor.idx ?? filled.at(-1) ?? 0;
    const from =
      plot.cursor.idx === null || plot.cursor.idx === undefined ? filled.length : rankOf(filled, current);
    const target = filled[Math.min(filled.length - 1, Math.max(0, from + points))];
    const value = target === undefined ? null : row[target];
    if (target === undefined || typeof value !== 'number') {
      return 'nothing is known here';
    }
    this.#isPointed = true;
    const left = plot.valToPos(plot.data[0][target] ?? 0, 'x');
    plot.setCursor({ left, top: plot.valToPos(value, 'y') });
    this.#point(plot, target, this.#line);
    return [...this.#tooltip.children]
      .map((line) => line.textContent)
      .slice(0, 3)
      .join(', ');
  }

  /** The time at the cursor, in milliseconds; undefined when there is none. */
  get time(): number | undefined {
    const { idx } = this.#plot.cursor;
    const start = this.#plot.data[0][idx ?? -1];
    return start === undefined ? undefined : start * 1000;
  }

  /** Takes the cursor away. */
  leave(): void {
    this.#plot.setCursor({ left: -10, top: -10 });
    this.#isPointed = false;
    this.#tooltip.hidden = true;
  }

  /** Draws what is another one in this scene than it was before. */
  #draw(before: Scene, scene: Scene): void {
    const plot = this.#plot;
    switch (this.#ground.extentOf(plot, before, scene)) {
      case 'all':
        plot.setData(scene.data);
        break;
      case 'tail':
        // The cursor reads these; nothing has to be worked out anew for them.
        scene.data.forEach((row, index) => {
          plot.data[index] = row;
        });
        this.#ground.restore(plot);
        this.#drawTail(plot);
        break;
      case 'nothing':
        break;
    }
  }

  #drawTail(plot: uPlot): void {
    drawTail(plot, this.#scene, getComputedStyle(document.documentElement).getPropertyValue('--card'));
  }

  #make(): uPlot {
    const listener = {
      onSelect: (plot: uPlot): void => {
        const { left, width } = plot.select;
        if (width > 0) {
          dashboard.zoom(plot.posToVal(left, 'x') * 1000, plot.posToVal(left + width, 'x') * 1000);
        }
      },
      onCursor: (plot: uPlot): void => {
        const { idx = null } = plot.cursor;
        this.#onCursor(idx);
        const { top = 0 } = plot.cursor;
        const line = idx === null ? null : nearest(plot, this.#scene.lines.length, idx, top, this.#reach);
        this.#point(plot, idx, line);
      },
      onGround: (plot: uPlot): void => {
        this.#ground.keep(plot, this.#scene);
        this.#drawTail(plot);
      },
    };
    const plot = new uPlot(
      optionsOf(() => this.#scene, Math.max(1, this.#host.clientWidth), listener),
      this.#scene.data,
      this.#host,
    );
    plot.over.addEventListener('pointerenter', ({ pointerType }) => {
      this.#isPointed = pointerType !== 'touch';
      this.#reach = PROXIMITY;
    });
    plot.over.addEventListener('pointerleave', ({ pointerType }) => {
      // A finger that is lifted leaves what it has asked for in sight.
      if (pointerType !== 'touch') {
        this.#isPointed = false;
        this.#tooltip.hidden = true;
      }
    });
    followGestures(plot.over, plot, (left, top) => {
      this.#isPointed = true;
      this.#reach = Infinity;
      plot.setCursor({ left, top });
    });
    return plot;
  }

  #end(): void {
    leaveAligned(this.#plot);
    this.#plot.destroy();
  }

  #point(plot: uPlot, index: number | null, position: number | null): void {
    const line = position === null ? undefined : this.#scene.lines[position];
    const point = this.#scene.columns.rows.get(line?.key ?? '')?.[index ?? -1];
    const isShown = this.#isPointed && line !== undefined && point !== undefined;
    this.#tooltip.hidden = !isShown;
    if (isShown) {
      this.#tooltip.replaceChildren(...detailLines(line.label, point, this.#scene.spec.unit, dashboard));
      void this.#place(plot);
    }
  }

  /** Puts the tooltip beside the cursor, and inside of the screen. */
  async #place({ over, cursor: { left = 0, top = 0 } }: uPlot): Promise<void> {
    const box = over.getBoundingClientRect();
    const cursor = { getBoundingClientRect: () => new DOMRect(box.left + left, box.top + top, 0, 0) };
    const { x, y } = await computePosition(cursor, this.#tooltip, {
      placement: 'right-start',
      middleware: [
        offset({ mainAxis: DISTANCE, crossAxis: DISTANCE }),
        flip(),
        shift({ crossAxis: true, padding: MARGIN }),
      ],
    });
    this.#tooltip.style.left = `${x}px`;
    this.#tooltip.style.top = `${y}px`;
  }
}

/** How many of these indices are before this one. */
function rankOf(indices: readonly number[], index: number): number {
  return indices.filter((other) => other < index).length;
}

/** The line that is nearest to the pointer at this index, if one is near enough. */
function nearest(plot: uPlot, lines: number, index: number, top: number, reach: number): number | null {
  let best: { position: number; distance: number } | null = null;
  for (let position = 0; position < lines; position += 1) {
    const value = plot.series[position + 1]?.show === true ? plot.data[position + 1]?.[index] : null;
    const distance = typeof value === 'number' ? Math.abs(plot.valToPos(value, 'y') - top) : Infinity;
    if (distance <= reach && distance < (best?.distance ?? Infinity)) {
      best = { position, distance };
    }
  }
  return best?.position ?? null;
}

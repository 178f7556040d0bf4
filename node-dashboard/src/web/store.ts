import { mergeBySteps, type PointValue } from '../shared/merge.ts';
import { isOnStride, stepOfStart, type Alignment } from '../shared/alignment.ts';
import { supersedes, type WindowValue } from '../shared/window.ts';

/** The last window of a series that is complete, but for stragglers, and the next one, which still grows. */
export interface NewestWindows {
  readonly complete: WindowValue | undefined;
  readonly growing: WindowValue | undefined;
}

/** The points of one line, and a number that is another one whenever they are. */
export interface LinePoints {
  readonly version: number;
  readonly points: ReadonlyMap<number, PointValue>;
}

const NO_POINTS: LinePoints = { version: 0, points: new Map() };

/** How far apart points are, and the windows that they are of, in milliseconds. */
export interface Steps {
  readonly step: number;
  readonly stride: number;
  /** Where they begin. */
  readonly window: Alignment;
}

/** What is known of one series and metric, by start. */
interface Line {
  /** Raised whenever one of its points is another one. */
  version: number;
  /** The starts of its windows, ascending; null when they have to be sorted anew. */
  order: readonly number[] | null;
  /** Windows, each in its newest version. */
  readonly windows: Map<number, WindowValue>;
  /** What the server has merged. */
  readonly merged: Map<number, PointValue>;
  /** The newest versions that have come in of windows that belong to merged points: these do not tell their parts. */
  readonly heard: Map<number, WindowValue>;
}

/**
 * The windows that the page shows, by metric and series, and points that the server has merged from earlier ones. Where
 * the two overlap, the merged point counts, and `outdated` says that it is older than a window that has come since.
 */
export class WindowStore {
  readonly #steps: Steps;
  readonly #metrics = new Map<string, Map<string, Line>>();
  /** Points that are merged for drawing, for as long as their line does not change. */
  readonly #joined = new WeakMap<Line, LinePoints>();
  #points = 0;
  #versions = 0;
  #outdated = false;

  constructor(steps: Steps) {
    this.#steps = steps;
  }

  /** How far apart points are, in milliseconds. */
  get step(): number {
    return this.#steps.step;
  }

  /** How many windows and merged points there are. */
  get points(): number {
    return this.#points;
  }

  /**
   * Whether a version of a window has come in for the first time, since the last call, that belongs to a point which
   * the server has merged. What is sent again, as to all pages when one more opens, is not.
   */
  takeOutdated(): boolean {
    const outdated = this.#outdated;
    this.#outdated = false;
    return outdated;
  }

  /** Takes in a window, whether it comes from the history or live; an older version changes nothing. */
  add(metric: string, series: string, window: WindowValue): void {
    if (!isOnStride(this.#steps.window, window.start, this.#steps.stride)) {
      return;
    }
    const line = this.#line(metric, series);
    const { windows, merged, heard } = line;
    if (merged.has(this.#stepOf(window.start))) {
      const known = heard.get(window.start);
      if (known === undefined || !supersedes(known, window)) {
        heard.set(window.start, window);
        this.#outdated = true;
      }
      return;
    }
    const current = windows.get(window.start);
    if (current === undefined) {
      this.#points += 1;
      line.order = null;
    }
    if (current === undefined || supersedes(window, current)) {
      windows.set(window.start, window);
      this.#touch(line);
    }
  }

  /** Takes in a point of the history. */
  addPoint(metric: string, series: string, point: PointValue): void {
    if (isWindow(point)) {
      this.add(metric, series, point);
      return;
    }
    const line = this.#line(metric, series);
    const { windows, merged, heard } = line;
    for (const [start, window] of windows) {
      if (start >= point.start && start < point.end) {
        heard.set(start, window);
        this.#points -= Number(windows.delete(start));
      }
    }
    this.#points += Number(!merged.has(point.start));
    merged.set(point.start, point);
    line.order = null;
    this.#touch(line);
  }

  /** Forgets what ended before. */
  prune(before: number): void {
    for (const bySeries of this.#metrics.values()) {
      for (const line of bySeries.values()) {
        const forgotten = forget(line.windows, before) + forget(line.merged, before);
        forget(line.heard, before);
        if (forgotten > 0) {
          this.#points -= forgotten;
          line.order = null;
          this.#touch(line);
        }
      }
    }
  }

  /** The newest windows of a series, when the newest event is of this time. */
  newest(metric: string, series: string, newestEvent: number): NewestWindows {
    const line = this.#metrics.get(metric)?.get(series);
    let growing: WindowValue | undefined;
    const order = line === undefined ? [] : orderOf(line);
    for (let index = order.length - 1; index >= 0; index -= 1) {
      const window = line?.windows.get(order[index] ?? 0);
      if (window !== undefined && window.end <= newestEvent) {
        return { complete: window, growing };
      }
      growing = window;
    }
    return { complete: undefined, growing };
  }

  /** Takes over what another one knows of what starts in `[from, to)`. */
  carryOver(other: WindowStore, from: number, to: number): void {
    const isIn = ({ start }: { readonly start: number }): boolean => start >= from && start < to;
    for (const [metric, bySeries] of other.#metrics) {
      for (const [series, { windows, merged, heard }] of bySeries) {
        const points = [...merged.values(), ...windows.values()].filter(isIn);
        points.forEach((point) => {
          this.addPoint(metric, series, point);
        });
        const line = this.#line(metric, series);
        heard.forEach((window, start) => line.heard.set(start, window));
      }
    }
  }

  /** The points of one line, by start: the same object as long as nothing about them changes. */
  pointsOf(metric: string, series: string): LinePoints {
    const line = this.#metrics.get(metric)?.get(series);
    if (line === undefined) {
      return NO_POINTS;
    }
    const { version } = line;
    const known = this.#joined.get(line);
    if (known?.version === version) {
      return known;
    }
    const found = { version, points: this.#join(line) };
    this.#joined.set(line, found);
    return found;
  }

  #join(line: Line): ReadonlyMap<number, PointValue> {
    const { step, stride } = this.#steps;
    if (step === stride) {
      return line.windows;
    }
    const windows = orderOf(line).flatMap((start) => line.windows.get(start) ?? []);
    const live = mergeBySteps(windows, step, this.#steps.window).map(
      (point) => [point.start, point] as const,
    );
    return new Map([...line.merged, ...live]);
  }

  #touch(line: Line): void {
    this.#versions += 1;
    line.version = this.#versions;
  }

  #stepOf(start: number): number {
    return stepOfStart(this.#steps.window, start, this.#steps.step);
  }

  #line(metric: string, series: string): Line {
    const bySeries = this.#metrics.get(metric) ?? new Map<string, Line>();
    this.#metrics.set(metric, bySeries);
    const known = bySeries.get(series);
    if (known !== undefined) {
      return known;
    }
    const line: Line = {
      ...{ version: 0, order: null },
      ...{ windows: new Map(), merged: new Map(), heard: new Map() },
    };
    bySeries.set(series, line);
    return line;
  }
}

/** The starts of a line's windows, ascending: sorted once, until one is added or taken away. */
function orderOf(line: Line): readonly number[] {
  line.order ??= [...line.windows.keys()].sort((a, b) => a - b);
  return line.order;
}

/** Takes away what ended before, and returns how many these were. */
function forget(points: Map<number, { readonly end: number }>, before: number): number {
  const over = [...points].filter(([, { end }]) => end < before);
  return over.filter(([start]) => points.delete(start)).length;
}

function isWindow(point: PointValue): point is PointValue & WindowValue {
  return point.merged === undefined;
}

/**
 * Index of the last window that no longer grows but for stragglers, as an event at or past its end shows; -1 when there
 * is none.
 */
export function lastSettled(windows: readonly (PointValue | undefined)[], newestEvent: number): number {
  return windows.findLastIndex((window) => window !== undefined && window.end <= newestEvent);
}

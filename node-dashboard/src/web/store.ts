import { mergeBySteps, type PointValue } from '../shared/merge.ts';
import { supersedes, type WindowValue } from '../shared/window.ts';

/** Points of one metric, ready to draw: one row of values per series over common starts. */
export interface Columns {
  /** Starts of the points, ascending, in seconds. */
  readonly starts: number[];
  /** By series, or key of a line: its point at each start, or undefined where it has none. */
  readonly rows: ReadonlyMap<string, readonly (PointValue | undefined)[]>;
}

/** The last window of a series that is complete, but for stragglers, and the next one, which still grows. */
export interface NewestWindows {
  readonly complete: WindowValue | undefined;
  readonly growing: WindowValue | undefined;
}

/** A line of a chart. */
export interface Wanted {
  /** What tells it from others. */
  readonly key: string;
  readonly metric: string;
  readonly series: string;
}

/** How far apart points are, and the windows that they are of, in milliseconds. */
export interface Steps {
  readonly step: number;
  readonly stride: number;
}

/** What is known of one series and metric, by start. */
interface Line {
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
  #points = 0;
  #outdated = false;

  constructor(steps: Steps) {
    this.#steps = steps;
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
    if (window.start % this.#steps.stride !== 0) {
      return;
    }
    const { windows, merged, heard } = this.#line(metric, series);
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
    }
    if (current === undefined || supersedes(window, current)) {
      windows.set(window.start, window);
    }
  }

  /** Takes in a point of the history. */
  addPoint(metric: string, series: string, point: PointValue): void {
    if (isWindow(point)) {
      this.add(metric, series, point);
      return;
    }
    const { windows, merged, heard } = this.#line(metric, series);
    for (let start = point.start; start < point.end; start += this.#steps.stride) {
      const window = windows.get(start);
      if (window !== undefined) {
        heard.set(start, window);
        this.#points -= Number(windows.delete(start));
      }
    }
    this.#points += Number(!merged.has(point.start));
    merged.set(point.start, point);
  }

  /** Forgets what ended before. */
  prune(before: number): void {
    for (const bySeries of this.#metrics.values()) {
      for (const { windows, merged, heard } of bySeries.values()) {
        this.#points -= forget(windows, before) + forget(merged, before);
        forget(heard, before);
      }
    }
  }

  /** The newest windows of a series, when the newest event is of this time. */
  newest(metric: string, series: string, newestEvent: number): NewestWindows {
    let complete: WindowValue | undefined;
    let growing: WindowValue | undefined;
    for (const window of this.#metrics.get(metric)?.get(series)?.windows.values() ?? []) {
      if (window.end <= newestEvent) {
        complete = complete === undefined || window.start > complete.start ? window : complete;
      } else {
        growing = growing === undefined || window.start < growing.start ? window : growing;
      }
    }
    return { complete, growing };
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

  /** The points of a metric, for these series. */
  columns(metric: string, series: readonly string[]): Columns {
    return this.table(series.map((name) => ({ key: name, metric, series: name })));
  }

  /** The points of lines, each under its key. */
  table(wanted: readonly Wanted[]): Columns {
    const lines = wanted.map(({ key, metric, series }) => [key, this.#pointsOf(metric, series)] as const);
    const starts = new Set(lines.flatMap(([, points]) => [...points.keys()]));
    const sorted = withBreaks(
      [...starts].sort((a, b) => a - b),
      this.#steps.step,
    );
    const rows = lines.map(([name, points]) => [name, sorted.map((start) => points.get(start))] as const);
    return { starts: sorted.map((start) => start / 1000), rows: new Map(rows) };
  }

  #pointsOf(metric: string, series: string): ReadonlyMap<number, PointValue> {
    const line = this.#metrics.get(metric)?.get(series);
    const { step, stride } = this.#steps;
    if (line === undefined || step === stride) {
      return line?.windows ?? new Map<number, PointValue>();
    }
    const windows = [...line.windows.values()].sort((a, b) => a.start - b.start);
    const live = mergeBySteps(windows, step).map((point) => [point.start, point] as const);
    return new Map([...line.merged, ...live]);
  }

  #stepOf(start: number): number {
    return Math.floor(start / this.#steps.step) * this.#steps.step;
  }

  #line(metric: string, series: string): Line {
    const bySeries = this.#metrics.get(metric) ?? new Map<string, Line>();
    this.#metrics.set(metric, bySeries);
    const line = bySeries.get(series) ?? { windows: new Map(), merged: new Map(), heard: new Map() };
    bySeries.set(series, line);
    return line;
  }
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

/**
 * Adds a start without a point wherever one or more are missing: a line across it would show values that nobody
 * measured.
 */
function withBreaks(starts: readonly number[], step: number): number[] {
  return starts.flatMap((start, index) =>
    (starts[index + 1] ?? start) - start > step ? [start, start + step] : [start],
  );
}

import { supersedes, type WindowValue } from '../shared/window.ts';

/** Windows of one metric, ready to draw: one row of values per series over common starts. */
export interface Columns {
  /** Window starts, ascending, in seconds. */
  readonly starts: number[];
  /** By series: its window at each start, or undefined where it has none. */
  readonly rows: ReadonlyMap<string, readonly (WindowValue | undefined)[]>;
}

/** The windows that the page shows: by metric, series and start, each in its newest version. */
export class WindowStore {
  readonly #metrics = new Map<string, Map<string, Map<number, WindowValue>>>();
  #points = 0;

  /** How many windows there are. */
  get points(): number {
    return this.#points;
  }

  /** Takes in a window, whether it comes from the history or live; an older version changes nothing. */
  add(metric: string, series: string, window: WindowValue): void {
    const windows = this.#windows(metric, series);
    const current = windows.get(window.start);
    if (current === undefined) {
      this.#points += 1;
    }
    if (current === undefined || supersedes(window, current)) {
      windows.set(window.start, window);
    }
  }

  /** Forgets the windows that ended before. */
  prune(before: number): void {
    for (const bySeries of this.#metrics.values()) {
      for (const windows of bySeries.values()) {
        for (const [start, { end }] of windows) {
          if (end < before) {
            windows.delete(start);
            this.#points -= 1;
          }
        }
      }
    }
  }

  /** The newest window of a series. */
  latest(metric: string, series: string): WindowValue | undefined {
    const windows = this.#metrics.get(metric)?.get(series);
    return [...(windows?.values() ?? [])].reduce<WindowValue | undefined>(
      (newest, window) => (newest === undefined || window.start > newest.start ? window : newest),
      undefined,
    );
  }

  /** The windows of a metric, for these series; a new one starts every `slide` milliseconds. */
  columns(metric: string, series: readonly string[], slide: number): Columns {
    const bySeries = this.#metrics.get(metric);
    const starts = new Set(series.flatMap((name) => [...(bySeries?.get(name)?.keys() ?? [])]));
    const sorted = withBreaks(
      [...starts].sort((a, b) => a - b),
      slide,
    );
    const rows = series.map((name) => {
      const windows = bySeries?.get(name);
      return [name, sorted.map((start) => windows?.get(start))] as const;
    });
    return { starts: sorted.map((start) => start / 1000), rows: new Map(rows) };
  }

  #windows(metric: string, series: string): Map<number, WindowValue> {
    const bySeries = this.#metrics.get(metric) ?? new Map<string, Map<number, WindowValue>>();
    this.#metrics.set(metric, bySeries);
    const windows = bySeries.get(series) ?? new Map<number, WindowValue>();
    bySeries.set(series, windows);
    return windows;
  }
}

/**
 * Index of the last window that no longer grows but for stragglers, as an event at or past its end shows; -1 when there
 * is none.
 */
export function lastSettled(windows: readonly (WindowValue | undefined)[], newestEvent: number): number {
  return windows.findLastIndex((window) => window !== undefined && window.end <= newestEvent);
}

/**
 * Adds a start without windows wherever one or more are missing: a line across it would show values that nobody
 * measured.
 */
function withBreaks(starts: readonly number[], slide: number): number[] {
  return starts.flatMap((start, index) =>
    (starts[index + 1] ?? start) - start > slide ? [start, start + slide] : [start],
  );
}

import { isGap } from '../shared/alignment.ts';
import type { PointValue } from '../shared/merge.ts';
import type { LinePoints, WindowStore } from './store.ts';

/** A line of a chart. */
export interface Wanted {
  /** What tells it from others. */
  readonly key: string;
  readonly metric: string;
  readonly series: string;
}

/** A line's point at each start; undefined where it has none. */
export type Row = readonly (PointValue | undefined)[];

/** The points of lines, ready to draw: one row of values per line over common starts. */
export interface Columns {
  /** Starts of the points, ascending, in seconds. */
  readonly starts: readonly number[];
  /** By the key of a line. */
  readonly rows: ReadonlyMap<string, Row>;
}

/** A line as it was when its row was made. */
interface Made {
  readonly wanted: Wanted;
  readonly points: LinePoints;
  readonly row: Row;
}

/**
 * The points of the lines of a chart, kept from one drawing to the next. Only the lines that have changed get another
 * row, and only a start that comes or goes other starts: who draws can tell by the arrays' identity what is new.
 */
export class LineTable {
  #store: WindowStore | null = null;
  #made: readonly Made[] = [];
  #starts: readonly number[] = [];
  #columns: Columns = { starts: [], rows: new Map() };

  /** The points of these lines. */
  of(store: WindowStore, wanted: readonly Wanted[]): Columns {
    const points = wanted.map(({ metric, series }) => store.pointsOf(metric, series));
    const isSame = store === this.#store && wanted.length === this.#made.length;
    const kept = isSame ? this.#keep(wanted, points) : null;
    if (kept === null) {
      this.#store = store;
      this.#make(store, wanted, points);
    } else if (kept.some((line, index) => line !== this.#made[index])) {
      this.#made = kept;
      this.#columns = columnsOf(this.#columns.starts, kept);
    }
    return this.#columns;
  }

  /** The lines over the starts that there were; null when there are others now, or other lines. */
  #keep(wanted: readonly Wanted[], points: readonly LinePoints[]): readonly Made[] | null {
    const kept: Made[] = [];
    for (const [index, line] of wanted.entries()) {
      const before = this.#made[index];
      const now = points[index];
      if (before?.wanted.key !== line.key || now === undefined) {
        return null;
      }
      if (before.points.version === now.version) {
        kept.push(before);
        continue;
      }
      const row = this.#starts.map((start) => now.points.get(start));
      const filled = countFilled(row);
      // Of a start that is not among these the line has one point more; one that it has lost may be nobody's now.
      if (filled !== now.points.size || filled < countFilled(before.row)) {
        return null;
      }
      kept.push({ wanted: line, points: now, row });
    }
    return kept;
  }

  #make(store: WindowStore, wanted: readonly Wanted[], points: readonly LinePoints[]): void {
    const starts = new Set<number>();
    for (const line of points) {
      for (const start of line.points.keys()) {
        starts.add(start);
      }
    }
    this.#starts = withBreaks(
      [...starts].sort((a, b) => a - b),
      store.step,
    );
    this.#made = wanted.flatMap((line, index) => {
      const now = points[index];
      return now === undefined
        ? []
        : [{ wanted: line, points: now, row: this.#starts.map((start) => now.points.get(start)) }];
    });
    this.#columns = columnsOf(
      this.#starts.map((start) => start / 1000),
      this.#made,
    );
  }
}

/** The points of lines, gathered once. */
export function tableOf(store: WindowStore, wanted: readonly Wanted[]): Columns {
  return new LineTable().of(store, wanted);
}

function columnsOf(starts: readonly number[], lines: readonly Made[]): Columns {
  return { starts, rows: new Map(lines.map(({ wanted, row }) => [wanted.key, row])) };
}

function countFilled(row: Row): number {
  return row.reduce((count, point) => count + Number(point !== undefined), 0);
}

/**
 * Adds a start without a point wherever one or more are missing: a line across it would show values that nobody
 * measured.
 */
function withBreaks(starts: readonly number[], step: number): number[] {
  return starts.flatMap((start, index) =>
    isGap((starts[index + 1] ?? start) - start, step) ? [start, start + step] : [start],
  );
}

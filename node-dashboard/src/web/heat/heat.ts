import type { LatestAnswer } from '../../shared/latest-api.ts';

/** Values of series over time. */
export interface HeatValues {
  /** The starts of the columns, ascending. */
  readonly starts: readonly number[];
  /** The value of a series in the column that starts then; null where it has none. */
  valueAt(series: string, start: number): number | null;
}

/** The averages of all series over time, from what came first and what has come since. */
export class Heat implements HeatValues {
  readonly #most: number;
  readonly #values = new Map<string, Map<number, number>>();
  #starts: number[] = [];
  #isWhole = false;

  /** Takes how many windows are kept. */
  constructor(most: number) {
    this.#most = most;
  }

  /** How many windows to ask for: all of them at first, and when some were missed. */
  wanted(few: number): number {
    return this.#isWhole ? few : this.#most;
  }

  /** Takes in the past of an answer. */
  take({ series, past: { starts, avg } }: Pick<LatestAnswer, 'series' | 'past'>): void {
    const newest = this.#starts.at(-1);
    const [first] = starts;
    const isAll = starts.length === this.#most;
    this.#isWhole = first !== undefined && (isAll || (newest !== undefined && first <= newest));
    this.#starts = [...new Set([...this.#starts, ...starts])].sort((a, b) => a - b).slice(-this.#most);
    const oldest = this.#starts[0] ?? 0;
    series.forEach((name, index) => {
      const values = this.#values.get(name) ?? new Map<number, number>();
      this.#values.set(name, values);
      starts.forEach((start, place) => {
        const value = avg[index]?.[place] ?? null;
        if (value !== null) {
          values.set(start, value);
        }
      });
      for (const start of values.keys()) {
        if (start < oldest) {
          values.delete(start);
        }
      }
    });
  }

  /** The starts of the windows, ascending. */
  get starts(): readonly number[] {
    return this.#starts;
  }

  /** The average of a series in a window; null where it has none. */
  valueAt(series: string, start: number): number | null {
    return this.#values.get(series)?.get(start) ?? null;
  }
}

/** What one line of the heat map shows. */
export interface HeatLine {
  /** The series that it stands for. */
  readonly series: readonly string[];
  /** By window, the greatest average of them; null where none has one. */
  readonly values: readonly (number | null)[];
}

/** The lines of a heat map that has room for so many: each stands for several series if there are more. */
export function heatLines(heat: HeatValues, series: readonly string[], room: number): HeatLine[] {
  const each = Math.max(1, Math.ceil(series.length / Math.max(1, room)));
  return Array.from({ length: Math.ceil(series.length / each) }, (_, line) => {
    const names = series.slice(line * each, (line + 1) * each);
    const values = heat.starts.map((start) =>
      names.reduce<number | null>((greatest, name) => {
        const value = heat.valueAt(name, start);
        return value === null || (greatest !== null && greatest >= value) ? greatest : value;
      }, null),
    );
    return { series: names, values };
  });
}

/** From where to where colours go: all values but the outermost two of a hundred on either side. */
export function heatRange(lines: readonly HeatLine[]): { low: number; high: number } | null {
  const values = lines
    .flatMap((line) => line.values)
    .filter((value) => value !== null)
    .sort((a, b) => a - b);
  const at = (share: number): number => values[Math.round(share * (values.length - 1))] ?? 0;
  return values.length === 0 ? null : { low: at(0.02), high: at(0.98) };
}

/** Where a value lies in the range, from 0 to 1; in the middle when all are alike. */
export function shareOf(value: number, { low, high }: { low: number; high: number }): number {
  return high === low ? 0.5 : Math.min(1, Math.max(0, (value - low) / (high - low)));
}

const RAMPS = {
  light: ['#e6eef8', '#8dbcf0', '#2f7fd6', '#0b4a94', '#06254d'],
  dark: ['#1c2b3b', '#1f5c96', '#3f97e8', '#9ccdfb', '#f2f8ff'],
} as const;

/** The colour of a share from 0 to 1. */
export function heatColor(share: number, scheme: keyof typeof RAMPS): string {
  const ramp = RAMPS[scheme];
  const at = share * (ramp.length - 1);
  const from = channels(ramp[Math.floor(at)] ?? ramp[0]);
  const to = channels(ramp[Math.ceil(at)] ?? ramp[0]);
  const mixed = from.map((value, index) => Math.round(value + ((to[index] ?? 0) - value) * (at % 1)));
  return `rgb(${mixed.join(' ')})`;
}

function channels(color: string): number[] {
  return [1, 3, 5].map((place) => Number.parseInt(color.slice(place, place + 2), 16));
}

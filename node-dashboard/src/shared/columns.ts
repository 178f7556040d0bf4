import { WINDOW_FIELDS, WINDOW_MEANINGS } from './generated/window.ts';
import type { PointValue } from './merge.ts';

/** Points by field: each field has a list of its values, all as long. A field that no point knows is left out. */
export type PointColumns = Readonly<Record<string, readonly (number | boolean | null)[]>>;

const NAMES = [...Object.keys(WINDOW_MEANINGS), 'merged'] as readonly (keyof PointValue)[];
const FLAGS = new Set<string>(WINDOW_FIELDS.filter(({ kind }) => kind === 'flag').map(({ name }) => name));
/** What is left out of a point rather than null when it is not so. */
const SELDOM = new Set<string>([...FLAGS, 'merged']);

/** Times lie so regularly that their differences take a tenth of the room. */
const TIMES: readonly string[] = WINDOW_FIELDS.filter(({ kind }) => kind === 'time').map(({ name }) => name);

/** What follows from other fields: the sum is the average times the count. */
const DERIVED = new Set<string>(['sum'] satisfies (keyof PointValue)[]);

/** How columns are written. */
export interface ColumnOptions {
  /** Numbers that are no whole ones are rounded to so many significant digits. */
  readonly digits?: number | undefined;
  /** Only these fields, and the start. */
  readonly fields?: readonly string[] | undefined;
  /** Each time but the first as its difference from the one before. */
  readonly deltas?: boolean | undefined;
  /** With `false` what follows from other fields is left out. */
  readonly derived?: boolean | undefined;
}

/** How the page asks for them: no number on it has more digits, and every field of a point is told somewhere. */
export const PAGE_COLUMNS = { digits: 7, deltas: true, derived: false } as const satisfies ColumnOptions;

/** Turns points into columns. */
export function toColumns(
  points: readonly PointValue[],
  { digits, fields, deltas = false, derived = true }: ColumnOptions = {},
): PointColumns {
  const columns: Record<string, (number | boolean | null)[]> = {};
  const wanted = NAMES.filter(
    (name) => name === 'start' || ((fields?.includes(name) ?? true) && (derived || !DERIVED.has(name))),
  );
  for (const name of wanted) {
    if (name === 'start' || points.some((point) => (point[name] ?? null) !== null)) {
      columns[name] = points.map((point) => {
        const value = point[name] ?? null;
        return typeof value === 'number' ? rounded(value, digits) : value;
      });
    }
  }
  return deltas ? withTimes(columns, (time, before) => time - before, 'from what was') : columns;
}

/** The columns with differences in the place of times, as they are written with `deltas`, turned back into times. */
export function withoutDeltas(columns: PointColumns): PointColumns {
  return withTimes(columns, (difference, before) => difference + before, 'from what becomes');
}

/** Changes each time by the one before it, as it was or as it has become; what is not known stays so. */
function withTimes(
  columns: PointColumns,
  change: (value: number, before: number) => number,
  base: 'from what was' | 'from what becomes',
): PointColumns {
  const changed = TIMES.flatMap((name) => {
    let before = 0;
    const column = columns[name]?.map((value) => {
      if (typeof value !== 'number') {
        return value;
      }
      const result = change(value, before);
      before = base === 'from what was' ? value : result;
      return result;
    });
    return column === undefined ? [] : [[name, column] as const];
  });
  return { ...columns, ...Object.fromEntries(changed) };
}

/**
 * Turns columns back into points. What a newer server knows of them is kept; what was left out because it follows from
 * others is as precise as they are.
 */
export function fromColumns(written: PointColumns): PointValue[] {
  const columns = withSum(written);
  const names = new Set<string>([...NAMES, ...Object.keys(columns)]);
  return (columns.start ?? []).map((_, index) => {
    const values = [...names].flatMap((name) => {
      const value = columns[name]?.[index] ?? null;
      return SELDOM.has(name) && value === null ? [] : [[name, value] as const];
    });
    return Object.fromEntries(values) as unknown as PointValue;
  });
}

function withSum(columns: PointColumns): PointColumns {
  const { sum, avg, count } = columns;
  if (sum !== undefined || avg === undefined || count === undefined) {
    return columns;
  }
  const product = (value: unknown, times: unknown): number | null =>
    typeof value === 'number' && typeof times === 'number'
      ? rounded(value * times, PAGE_COLUMNS.digits)
      : null;
  return { ...columns, sum: avg.map((value, index) => product(value, count[index])) };
}

/** Whole numbers are as precise as they are. */
function rounded(value: number, digits: number | undefined): number {
  return digits === undefined || Number.isInteger(value) ? value : Number(value.toPrecision(digits));
}

import { WINDOW_FIELDS, WINDOW_MEANINGS } from './generated/window.ts';
import type { PointValue } from './merge.ts';

/** Points by field: each field has a list of its values, all as long. A field that no point knows is left out. */
export type PointColumns = Readonly<Record<string, readonly (number | boolean | null)[]>>;

const NAMES = [...Object.keys(WINDOW_MEANINGS), 'merged'] as readonly (keyof PointValue)[];
const FLAGS = new Set<string>(WINDOW_FIELDS.filter(({ kind }) => kind === 'flag').map(({ name }) => name));
/** What is left out of a point rather than null when it is not so. */
const SELDOM = new Set<string>([...FLAGS, 'merged']);

/** Turns points into columns; numbers that are no whole ones are rounded to so many significant digits. */
export function toColumns(points: readonly PointValue[], digits?: number): PointColumns {
  const round = (value: number): number =>
    digits === undefined || Number.isInteger(value) ? value : Number(value.toPrecision(digits));
  const columns: Record<string, (number | boolean | null)[]> = {};
  for (const name of NAMES) {
    if (name === 'start' || points.some((point) => (point[name] ?? null) !== null)) {
      columns[name] = points.map((point) => {
        const value = point[name] ?? null;
        return typeof value === 'number' ? round(value) : value;
      });
    }
  }
  return columns;
}

/** Turns columns back into points. What a newer server knows of them is kept. */
export function fromColumns(columns: PointColumns): PointValue[] {
  const names = new Set<string>([...NAMES, ...Object.keys(columns)]);
  return (columns.start ?? []).map((_, index) => {
    const values = [...names].flatMap((name) => {
      const value = columns[name]?.[index] ?? null;
      return SELDOM.has(name) && value === null ? [] : [[name, value] as const];
    });
    return Object.fromEntries(values) as unknown as PointValue;
  });
}

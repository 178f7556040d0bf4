import type cassandra from 'cassandra-driver';
import type { SeriesInfo } from '../shared/api.ts';
import { WINDOW_COLUMNS, WINDOW_FIELDS, type WindowField } from '../shared/generated/window.ts';
import { readFields, type WindowValue } from '../shared/window.ts';

/** A row of the table `series`. */
export interface SeriesRow {
  readonly series: string;
  readonly metric: string;
  /** Milliseconds since the epoch; null when it is not known. */
  readonly lastSeen: number | null;
}

/** Reads a row of the table `series`. */
export function toSeriesRow(row: cassandra.types.Row): SeriesRow {
  return {
    series: String(row.series),
    metric: String(row.metric),
    lastSeen: milliseconds(row.last_seen),
  };
}

/** The series with one metric more. */
export function withMetric(
  known: SeriesInfo | undefined,
  { series, metric, lastSeen }: SeriesRow,
): SeriesInfo {
  const times = [known?.last_seen, lastSeen].filter((time) => typeof time === 'number');
  return {
    series,
    metrics: [...(known?.metrics ?? []), metric],
    last_seen: times.length === 0 ? null : Math.max(...times),
  };
}

/** The fields of a window that the table has; one that the writer has yet to alter lacks those that came later. */
const STORED_FIELDS = WINDOW_FIELDS.filter(({ name }) => WINDOW_COLUMNS.includes(name));

/** The statement that reads windows from a table with these columns. One that must be there is asked for anyway. */
export function selectWindows(keyspace: string, columns: ReadonlySet<string>): string {
  const readable = STORED_FIELDS.filter(({ name, optional }) => !optional || columns.has(name));
  const names = readable.map(({ name }) => `"${name}"`).join(', ');
  const times = readable
    .filter(({ optional }) => optional)
    .map(({ name }) => `, WRITETIME("${name}") AS "${timeOf(name)}"`)
    .join('');
  return (
    `SELECT ${names}, WRITETIME(revision) AS written${times} FROM ${keyspace}.windows ` +
    `WHERE stream = ? AND series = ? ` +
    `AND metric = ? AND "window" = ? AND bucket = ? AND start >= ? AND start < ?`
  );
}

/** The column of a result that has the write time of a field. */
function timeOf(name: string): string {
  return `${name}_written`;
}

/** Those of the fields that came later; made once, since every value of every row asks for it. */
const TIMES: ReadonlyMap<string, string> = new Map(
  STORED_FIELDS.filter(({ optional }) => optional).map(({ name }) => [name, timeOf(name)]),
);

/**
 * The value of a field in a row. A writer that does not know a field leaves it as it was when it writes a newer version
 * of the window: what was written at another time than the version is of an older one, and not known of this one.
 */
function storedValue(row: cassandra.types.Row, { name }: WindowField): unknown {
  const time = TIMES.get(name);
  const written: unknown = time === undefined ? undefined : row[time];
  const isOfAnotherVersion = typeof written === 'bigint' && written !== row.written;
  return isOfAnotherVersion ? null : inJson(row[name]);
}

/** Reads a row of the table `windows`; null for one that lacks something which every window has. */
export function toWindow(row: cassandra.types.Row): WindowValue | null {
  const values = readFields(STORED_FIELDS, (field) => storedValue(row, field)) as WindowValue | null;
  const written: unknown = row.written;
  if (values === null || typeof written !== 'bigint') {
    return null;
  }
  return { ...values, generation: generationOf(written, values.end, values.revision) };
}

/** A value as messages have it. */
function inJson(value: unknown): unknown {
  return typeof value === 'bigint' ? Number(value) : (milliseconds(value) ?? value);
}

function milliseconds(value: unknown): number | null {
  return value instanceof Date ? value.getTime() : null;
}

/** The writer's timestamp is `end in µs + generation·2^30 + revision`: it tells the generation, which has no column. */
export function generationOf(written: bigint, end: number, revision: number): number {
  return Number((written - BigInt(end) * 1000n - BigInt(revision)) >> 30n);
}

import type cassandra from 'cassandra-driver';
import type { SeriesInfo } from '../shared/api.ts';
import type { WindowValue } from '../shared/window.ts';

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

/** Reads a row of the table `windows`; null for one that lacks something: what is not known must not become a zero. */
export function toWindow(row: cassandra.types.Row): WindowValue | null {
  const written: unknown = row.written;
  const values = {
    start: milliseconds(row.start),
    end: milliseconds(row.end),
    ...{ count: numeric(row.count), sum: numeric(row.sum), avg: numeric(row.avg) },
    ...{ min: numeric(row.min), max: numeric(row.max), stddev: numeric(row.stddev) },
    ...{ p50: numeric(row.p50), p95: numeric(row.p95), p99: numeric(row.p99) },
    last_event: milliseconds(row.last_event),
    revision: numeric(row.revision),
  };
  if (!isComplete(values) || typeof written !== 'bigint') {
    return null;
  }
  return {
    ...values,
    generation: generationOf(written, values.end, values.revision),
    ...(row.partial === true && { partial: true }),
  };
}

function isComplete<Values extends Record<string, number | null>>(
  values: Values,
): values is Values & Record<keyof Values, number> {
  return !Object.values(values).includes(null);
}

function milliseconds(value: unknown): number | null {
  return value instanceof Date ? value.getTime() : null;
}

function numeric(value: unknown): number | null {
  return typeof value === 'number' || typeof value === 'bigint' ? Number(value) : null;
}

/** The writer's timestamp is `end in µs + generation·2^30 + revision`: it tells the generation, which has no column. */
export function generationOf(written: bigint, end: number, revision: number): number {
  return Number((written - BigInt(end) * 1000n - BigInt(revision)) >> 30n);
}

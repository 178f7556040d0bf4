import type { ComponentHealth } from '../../shared/api.ts';
import type { Component } from '../../shared/generated/health.ts';

/** What became of the records of a stream since its query's job has started; null is not known. */
export interface Books {
  readonly read: number;
  /** Read, and neither rejected nor late: in every kind of window. */
  readonly counted: number | null;
  readonly late: number | null;
  readonly rejected: number | null;
  /** Offsets without a record when they were read. */
  readonly skipped: number | null;
  /** Offsets of a topic that was deleted, which were never read. */
  readonly lost: number | null;
}

const SPARK = 'spark-job' satisfies Component;

/** What the Spark job says of a stream: the newest of its reports. */
export function jobOf(components: readonly ComponentHealth[], stream: string): ComponentHealth | undefined {
  return components
    .filter((health) => health.component === SPARK && health.stream === stream)
    .sort((a, b) => b.time - a.time)[0];
}

/** The books of a stream. */
export function booksOf({
  records_in: read,
  late = null,
  rejected = null,
  skipped_offsets: skipped = null,
  lost_offsets: lost = null,
}: ComponentHealth): Books {
  const counted = late === null || rejected === null ? null : Math.max(0, read - late - rejected);
  return { read, counted, late, rejected, skipped, lost };
}

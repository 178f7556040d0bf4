import type { ComponentHealth } from '../../shared/api.ts';
import type { Component, State } from '../../shared/generated/health.ts';
import { formatAge, formatCount } from '../format.ts';

/** What can become of a record that was read: fields in which the job counts it, as it is shown. */
export const OUTCOMES = [
  'counted',
  'late',
  'rejected',
  'skipped',
] as const satisfies readonly (keyof ComponentHealth)[];
export type Outcome = (typeof OUTCOMES)[number];

/** What became of the records of a stream since its query's job has started; null is not known. */
export interface Books {
  readonly read: number;
  readonly outcomes: Readonly<Record<Outcome, number | null>>;
  /** Records that were read and of which nothing became: books that balance have none; below 0 some count twice. */
  readonly unaccounted: number | null;
  /** Offsets that Kafka had deleted before they were read. */
  readonly deleted: number | null;
  /** Offsets that held no record when they were read; those that Kafka had deleted are not among them, if known. */
  readonly gaps: number | null;
  /** Offsets of a topic that was deleted, which were never read. */
  readonly lost: number | null;
}

const SPARK = 'spark-job' satisfies Component;

/** What the Spark job says of a stream: the newest of its reports, whatever the clocks of its machines say. */
export function jobOf(components: readonly ComponentHealth[], stream: string): ComponentHealth | undefined {
  return components
    .filter((health) => health.component === SPARK && health.stream === stream)
    .sort((a, b) => a.age - b.age)[0];
}

/** The books of a stream: each number is the job's own. */
export function booksOf(job: ComponentHealth): Books {
  const { records_in: read, skipped_offsets: skipped = null, lost_offsets: lost = null } = job;
  const { deleted_offsets: deleted = null } = job;
  const outcomes = Object.fromEntries(OUTCOMES.map((outcome) => [outcome, job[outcome] ?? null]));
  return {
    ...{ read, deleted, lost, outcomes: outcomes as Books['outcomes'] },
    unaccounted: OUTCOMES.reduce<number | null>((rest, outcome) => minus(rest, job[outcome] ?? null), read),
    gaps: skipped === null ? null : skipped - (deleted ?? 0),
  };
}

function minus(from: number | null, number: number | null): number | null {
  return from === null || number === null ? null : from - number;
}

const RESTARTING = 'restarting' satisfies State;

/** How often the query has failed and was tried again since the job has started, and what it has failed of last. */
export function restartsText(
  { restarts, state, last_error: error, last_error_time: time }: ComponentHealth,
  now: number,
): string {
  const again = state === RESTARTING ? ['the query has failed and is about to be tried again'] : [];
  const last =
    typeof error === 'string'
      ? [`last error${typeof time === 'number' ? `, ${formatAge(now - time)} ago` : ''}: ${error}`]
      : [];
  return [countOfRestarts(restarts ?? null), ...again, ...last].join('; ');
}

function countOfRestarts(restarts: number | null): string {
  if (restarts === null) {
    return 'unknown';
  }
  return restarts === 0 ? 'none' : `${formatCount(restarts)}, tried again from the checkpoint each time`;
}

import type { ComponentHealth } from '../shared/api.ts';
import type { State } from '../shared/generated/health.ts';
import { formatAge, formatCount } from './format.ts';
import { sourceRemarks } from './source-words.ts';

/** Something to say of a component beneath its row. */
export interface Remark {
  /** Whether it is so now, is over, or is there to be known. */
  readonly kind: 'now' | 'over' | 'note';
  readonly text: string;
}

/** States in which a component does what it is there for; in others that are known, something is missing. */
const WELL: readonly string[] = ['running', 'ended'] satisfies State[];
const WAITING = 'waiting' satisfies State;
const UNWELL: readonly string[] = ['restarting', WAITING] satisfies State[];

/** Whether somebody should look at the component. */
export function isUnwell({ stale, state }: ComponentHealth): boolean {
  return stale || UNWELL.includes(state ?? '');
}

/** An error that is over is told for this long, in milliseconds; then it is only counted. */
const TOLD = 3_600_000;

/** A component without states that has had no error for this long, in milliseconds, has got over the last one. */
const QUIET = 60_000;

/** What the component does, as it says itself; `silent` when it says nothing any more. */
export function stateOf({ stale, age, state }: ComponentHealth): string {
  return stale ? `silent for ${formatAge(age)}` : (state ?? 'reporting');
}

/** What there is to say of a component, in words; `now` is the server's clock. */
export function remarksOf(health: ComponentHealth, now: number): Remark[] {
  return [
    ...waiting(health),
    ...lost(health),
    ...lastError(health, now),
    ...sourceRemarks(health, now),
    ...(health.notices ?? []).map((text): Remark => ({ kind: 'note', text })),
    ...clock(health, now),
  ];
}

/** Clocks that differ by less make nothing wrong, in milliseconds. */
const APART = 5000;

/** Its times are by its own clock, its age is by the server's. */
function clock({ time, age }: ComponentHealth, now: number): Remark[] {
  const behind = now - time - age;
  const text = `its clock is ${formatAge(Math.abs(behind))} ${behind > 0 ? 'behind' : 'ahead of'} the dashboard's`;
  return Math.abs(behind) > APART ? [{ kind: 'note', text }] : [];
}

function waiting({ state, waiting_for }: ComponentHealth): Remark[] {
  return state === WAITING
    ? [{ kind: 'now', text: `waits for ${waiting_for ?? 'something, and does not say for what'}` }]
    : [];
}

function lost({ deleted_offsets, lost_offsets }: ComponentHealth): Remark[] {
  const losses: readonly (readonly [number | null | undefined, string])[] = [
    [deleted_offsets, 'offsets were deleted by Kafka before they were read'],
    [lost_offsets, 'offsets of a topic that was deleted were never read'],
  ];
  return losses.flatMap(([count, what]): Remark[] =>
    (count ?? 0) > 0 ? [{ kind: 'now', text: `lost: ${formatCount(count ?? 0)} ${what}` }] : [],
  );
}

/** The last error, or, where a component only counts them, their number: no count is left without a word. */
function lastError(health: ComponentHealth, now: number): Remark[] {
  const { last_error, last_error_time, since } = health;
  if (typeof last_error === 'string') {
    const isPast = isOver(health, now);
    const age = typeof last_error_time === 'number' ? now - last_error_time : null;
    const when = age === null ? 'earlier' : `${formatAge(age)} ago`;
    const text = `${isPast ? 'over: ' : ''}error ${when}: ${last_error}`;
    return isPast && (age ?? 0) > TOLD ? [] : [{ kind: isPast ? 'over' : 'now', text }];
  }
  const count = total(errorsOf(health));
  if (count === null || count === 0) {
    return [];
  }
  const text = `${formatCount(count)} errors in ${formatAge(health.time - since)}: ${listed(errorsOf(health))}`;
  const isPast = isOver(health, now);
  return [{ kind: isPast ? 'over' : 'now', text: isPast ? `over: ${text}; none in the last 10 s` : text }];
}

/** The number of errors since the start, and whether they are over: such a number never falls. */
export function errorCountOf(health: ComponentHealth, now: number): string | null {
  const count = total(errorsOf(health));
  if (count === null || count === 0) {
    return count === null ? null : '0';
  }
  return `${formatCount(count)}${isOver(health, now) ? ' (over)' : ''}`;
}

/** What the errors were, and the newest one. */
export function errorDetailOf(health: ComponentHealth, now: number): string {
  const { last_error, last_error_time } = health;
  const newest =
    typeof last_error === 'string' && typeof last_error_time === 'number'
      ? [`the last one ${formatAge(now - last_error_time)} ago: ${last_error}`]
      : [];
  return [listed(errorsOf(health)), ...newest].filter((text) => text !== '').join('; ');
}

/** Whether the last error is behind the component: it runs again, or, if it has no states, has had none of late. */
function isOver({ state, stale, rates, last_error, last_error_time }: ComponentHealth, now: number): boolean {
  if (stale) {
    return false;
  }
  // Where errors are only counted, a component can be running and have them all the same.
  if (typeof state === 'string' && (typeof last_error === 'string' || !WELL.includes(state))) {
    return WELL.includes(state);
  }
  const isLongAgo = typeof last_error_time === 'number' && now - last_error_time > QUIET;
  return rates?.errors === 0 || isLongAgo;
}

/** Refused records have a column of their own, where a component counts them apart; null when it counts no errors. */
export function errorsOf({ errors, rejected }: ComponentHealth): Readonly<Record<string, number>> | null {
  const isApart = typeof rejected === 'number';
  return errors === null
    ? null
    : Object.fromEntries(Object.entries(errors).filter(([kind]) => kind !== 'rejected' || !isApart));
}

/** The sum of some counts; null when there are none to be known. */
export function total(counts: Readonly<Record<string, number>> | null): number | null {
  return counts === null ? null : Object.values(counts).reduce((sum, count) => sum + count, 0);
}

/** Counts with their names. */
export function listed(counts: Readonly<Record<string, number>> | null): string {
  return Object.entries(counts ?? {})
    .map(([name, count]) => `${name}: ${formatCount(count)}`)
    .join(', ');
}

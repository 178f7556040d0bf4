import type { HealthReport } from '../shared/api.ts';

/** More notices than this, or longer ones, nobody reads; reports come from whoever may write to the topic. */
const MAX_NOTICES = 20;
const MAX_TEXT = 1000;

/** Tells whether a field of a report is what it should be. */
type Check = (value: unknown) => boolean;

const isText: Check = (value) => typeof value === 'string';
/** JSON can write numbers that are none here, such as 1e999. */
const isNumber: Check = Number.isFinite;

/** Without these, it is no report. */
const REQUIRED = new Map<string, Check>([
  ...['component', 'instance'].map((name) => [name, isText] as const),
  ...['since', 'time', 'records_in', 'records_out', 'bytes_in', 'bytes_out'].map(
    (name) => [name, isNumber] as const,
  ),
]);

/** What a report may have beside them; null is as good as nothing. */
const OPTIONAL = new Map<string, Check>([
  ...['stream', 'state', 'waiting_for', 'last_error'].map((name) => [name, isText] as const),
  ...['lag', 'rejected', 'late', 'batch_duration_ms', 'restarts'].map((name) => [name, isNumber] as const),
  ...['last_error_time', 'skipped_offsets', 'lost_offsets'].map((name) => [name, isNumber] as const),
  ...['errors', 'late_by_window'].map((name) => [name, isCounts] as const),
  ['notices', (value) => Array.isArray(value) && value.every(isText)],
]);

/**
 * Reads a message of the health topic; null for what is not one.
 *
 * What a newer component tells beyond the known is kept as it is. A known field that is not what it should be is left
 * out, as if the component did not tell it: it still reports, so it must not look silent.
 */
export function parseHealthReport(json: string): HealthReport | null {
  let parsed: unknown;
  try {
    parsed = JSON.parse(json);
  } catch {
    return null;
  }
  if (!isObject(parsed) || ![...REQUIRED].every(([name, check]) => check(parsed[name]))) {
    return null;
  }
  const known = Object.entries(parsed).filter(
    ([name, value]) => value === null || (OPTIONAL.get(name)?.(value) ?? true),
  );
  const report = { stream: null, errors: null, lag: null, ...Object.fromEntries(known) } as HealthReport;
  const { notices } = report;
  return notices === undefined || notices === null
    ? report
    : { ...report, notices: notices.slice(0, MAX_NOTICES).map(cut) };
}

function cut(text: string): string {
  return text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}…` : text;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isCounts(value: unknown): boolean {
  return isObject(value) && Object.values(value).every(isNumber);
}

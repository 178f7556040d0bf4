import type { HealthReport } from '../shared/api.ts';
import {
  HEALTH_FIELDS,
  MAX_NOTICES,
  SOURCE_FIELDS,
  type FieldKind,
  type HealthField,
} from '../shared/generated/health.ts';

/** Longer notices nobody reads; reports come from whoever may write to the topic. */
const MAX_TEXT = 1000;
/** What a newer component tells beyond the known is kept too; of all a report has at most so many characters. */
const MAX_REPORT = 256 * 1024;
/** Who reports is kept by these, and noted in Cassandra, whose keys have an end: no name of ours is longer. */
const NAMES = ['component', 'instance', 'stream'] as const;
const MAX_NAME = 300;

/** Tells whether a field of a report is what it should be. */
type Check = (value: unknown) => boolean;

const CHECKS: Readonly<Record<FieldKind, Check>> = {
  text: (value) => typeof value === 'string',
  // JSON can write numbers that are none here, such as 1e999.
  integer: Number.isInteger,
  counts: (value) => isObject(value) && Object.values(value).every(Number.isInteger),
  lines: (value) => Array.isArray(value) && value.every(CHECKS.text),
  sources: (value) => isObject(value) && Object.values(value).every(isSource),
};

const FIELDS = new Map<string, HealthField>(Object.entries(HEALTH_FIELDS));
const REQUIRED = [...FIELDS].filter(([, { presence }]) => presence === 'required');
/** What is null when a component does not tell it. */
const NULLABLE = Object.fromEntries(
  [...FIELDS].filter(([, { presence }]) => presence === 'nullable').map(([name]) => [name, null]),
);

/**
 * Reads a message of the health topic; null for what is not one.
 *
 * What a newer component tells beyond the known is kept as it is. A known field that is not what it should be is left
 * out, as if the component did not tell it: it still reports, so it must not look silent.
 */
export function parseHealthReport(json: string): HealthReport | null {
  if (json.length > MAX_REPORT) {
    return null;
  }
  let parsed: unknown;
  try {
    parsed = JSON.parse(json);
  } catch {
    return null;
  }
  if (!isObject(parsed) || !REQUIRED.every(([name, { kind }]) => CHECKS[kind](parsed[name]))) {
    return null;
  }
  const told = Object.entries(parsed).filter(([name, value]) => value === null || isAsDeclared(name, value));
  const report = { ...NULLABLE, ...Object.fromEntries(told) } as unknown as HealthReport;
  if (NAMES.some((name) => (report[name]?.length ?? 0) > MAX_NAME)) {
    return null;
  }
  const { notices } = report;
  return notices === undefined || notices === null
    ? report
    : { ...report, notices: notices.slice(0, MAX_NOTICES).map(cut) };
}

function cut(text: string): string {
  return text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}…` : text;
}

/** Nothing is declared of a field that only a newer component knows. */
function isAsDeclared(name: string, value: unknown): boolean {
  const field = FIELDS.get(name);
  return field === undefined || CHECKS[field.kind](value);
}

/** Each field of a source is as it is declared, and those that are always told are there. */
function isSource(source: unknown): boolean {
  return (
    isObject(source) &&
    Object.entries<HealthField>(SOURCE_FIELDS).every(([name, { kind, presence }]) => {
      const value = source[name];
      const isUnknown = presence !== 'required' && (value === undefined || value === null);
      return isUnknown || CHECKS[kind](value);
    })
  );
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

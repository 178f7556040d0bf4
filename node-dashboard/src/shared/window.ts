import {
  WINDOW_FIELDS,
  type WindowField,
  type WindowFieldKind,
  type WindowMessage,
  type WindowValue,
} from './generated/window.ts';

export {
  EXACT_PERCENTILES,
  PERCENTILE_MEANING,
  type WindowMessage,
  type WindowValue,
} from './generated/window.ts';

/** What `partial` says of a window. */
export const PARTIAL_MEANING =
  'holds only a part of its readings, for example because its kind of window was added while it was open';

const IS_OF_KIND: Readonly<Record<WindowFieldKind, (value: unknown) => boolean>> = {
  text: (value) => typeof value === 'string',
  // `Date` knows no others.
  time: (value) => Number.isInteger(value) && Math.abs(value as number) <= 8.64e15,
  count: (value) => Number.isInteger(value) && (value as number) >= 0,
  number: Number.isFinite,
  flag: (value) => typeof value === 'boolean',
};

/**
 * Reads some fields of a window. A value that may be missing is null then, and a flag is there only when it is set.
 * Null when a value is of a wrong kind, or one is missing that must not: what is not known must not become a zero.
 */
export function readFields(
  fields: readonly WindowField[],
  valueOf: (field: WindowField) => unknown,
): Readonly<Record<string, unknown>> | null {
  const values: Record<string, unknown> = {};
  for (const field of fields) {
    const value = valueOf(field) ?? null;
    if (value === null ? !field.optional : !IS_OF_KIND[field.kind](value)) {
      return null;
    }
    if (field.kind !== 'flag' || value === true) {
      values[field.name] = value;
    }
  }
  return values;
}

/**
 * Reads a message of a windows topic, and passes over fields that are not known here; null for what is no such message,
 * so that one bad record stops nobody.
 */
export function parseWindowMessage(json: string): WindowMessage | null {
  let parsed: unknown;
  try {
    parsed = JSON.parse(json);
  } catch {
    return null;
  }
  if (typeof parsed !== 'object' || parsed === null) {
    return null;
  }
  const values = parsed as Readonly<Record<string, unknown>>;
  return readFields(WINDOW_FIELDS, ({ name }) => values[name]) as WindowMessage | null;
}

/** What makes two messages versions of the same window. The separator cannot occur in a metric or a window. */
export function windowKey(message: WindowMessage): string {
  return `${message.start}|${message.window}|${message.metric}|${message.series}`;
}

/** Whether `candidate` is at least as new a version of the window as `current`. */
export function supersedes(candidate: WindowValue, current: WindowValue): boolean {
  return (
    candidate.generation > current.generation ||
    (candidate.generation === current.generation && candidate.revision >= current.revision)
  );
}

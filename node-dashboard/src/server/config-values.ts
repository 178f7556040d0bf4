import { formatDuration, parseDuration } from '../shared/window-spec.ts';
import { messageOf } from './errors.ts';
import type { ConfigurationKey } from './generated/configuration.ts';

/** A table of the file. */
export type Table = Readonly<Record<string, unknown>>;

/** The greatest whole number of TOML. */
const GREATEST = 2n ** 63n - 1n;

/** Whether a value is of a kind, as far as its type goes. */
export function isOfKind(kind: ConfigurationKey['kind'], value: unknown): boolean {
  switch (kind) {
    case 'text':
    case 'path':
    case 'choice':
    case 'duration':
      return typeof value === 'string';
    case 'texts':
      return isTextList(value);
    case 'integer':
      // The file's whole numbers are read as such, so that 3000.0 is none.
      return typeof value === 'bigint' && value <= GREATEST && value >= -GREATEST - 1n;
    case 'number':
      return typeof value === 'bigint' || typeof value === 'number';
    case 'flag':
      return typeof value === 'boolean';
    case 'table':
      return isTextTable(value);
    case 'text_or_table':
      return typeof value === 'string' || isTextTable(value);
    case 'number_table':
      return isTableOf(value, (item) => typeof item === 'bigint' || typeof item === 'number');
    case 'conditions':
      // What a condition may be, the core checks alone: it reads the records.
      return isTable(value);
  }
}

const EXPECTED: Readonly<Record<ConfigurationKey['kind'], string>> = {
  text: 'a string',
  path: 'a string',
  choice: 'a string',
  duration: 'a string',
  texts: 'a list of strings',
  integer: 'a whole number',
  number: 'a number',
  flag: 'true or false',
  table: 'a table of strings',
  text_or_table: 'a string or a table of strings',
  number_table: 'a table of numbers',
  conditions: 'a table of conditions',
};

/** What should stand at a key, in the words of `freshet-core`. */
export function expectedOf({ kind, choices }: ConfigurationKey): string {
  return choices === undefined ? EXPECTED[kind] : `one of "${choices.join('", "')}"`;
}

/** What stands there instead. It is not shown: it may be a secret. */
export function foundIn({ kind }: ConfigurationKey, value: unknown): string {
  const other =
    kind === 'texts' && Array.isArray(value)
      ? (value as readonly unknown[]).find((item) => typeof item !== 'string')
      : undefined;
  return other === undefined ? `found ${typeOf(value)}` : `found one with ${typeOf(other)}`;
}

/** The type of a value, as TOML calls it. */
export function typeOf(value: unknown): string {
  if (Array.isArray(value)) {
    return 'array';
  }
  if (value instanceof Date) {
    return 'datetime';
  }
  const types: Readonly<Record<string, string>> = { bigint: 'integer', number: 'float', object: 'table' };
  return types[typeof value] ?? typeof value;
}

/** What is wrong with a value that is of the right type; null when nothing is. */
export function complaintAbout(key: ConfigurationKey, value: unknown): string | null {
  switch (key.kind) {
    case 'text':
    case 'path':
      return key.pattern === undefined || new RegExp(key.pattern).test(String(value))
        ? null
        : (key.form ?? '');
    case 'choice':
      return key.choices?.includes(String(value)) === true
        ? null
        : `'${String(value)}' is not one of: ${key.choices?.join(', ') ?? ''}`;
    case 'integer':
    case 'number':
      return isWithin(key, value as bigint | number) ? null : outside(key, value as bigint | number);
    case 'duration':
      return complaintAboutDuration(key, String(value));
    default:
      return null;
  }
}

function isTextList(value: unknown): boolean {
  return (
    typeof value === 'string' || (Array.isArray(value) && value.every((item) => typeof item === 'string'))
  );
}

function isTextTable(value: unknown): boolean {
  return isTableOf(value, (item) => typeof item === 'string');
}

function isTableOf(value: unknown, isItem: (item: unknown) => boolean): boolean {
  return isTable(value) && Object.values(value).every(isItem);
}

function mostOf({ most }: ConfigurationKey): bigint | number {
  return most ?? GREATEST;
}

function isWithin(key: ConfigurationKey, value: bigint | number): boolean {
  return value >= (key.least ?? 0) && value <= mostOf(key);
}

function outside(key: ConfigurationKey, value: bigint | number): string {
  return `${value} is not between ${key.least ?? 0} and ${mostOf(key)}`;
}

function complaintAboutDuration({ least = 0, most }: ConfigurationKey, text: string): string | null {
  let milliseconds: number;
  try {
    milliseconds = parseDuration(text);
  } catch (error) {
    return messageOf(error);
  }
  if (milliseconds < least) {
    return 'must be longer than zero';
  }
  return most !== undefined && milliseconds > most ? `at most ${formatDuration(most)} are possible` : null;
}

/** Whether it is a table. */
export function isTable(value: unknown): value is Table {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);
}

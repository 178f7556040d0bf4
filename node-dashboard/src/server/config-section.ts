import { readFileSync } from 'node:fs';
import path from 'node:path';
import { distance } from 'fastest-levenshtein';
import { parseDuration } from '../shared/window-spec.ts';
import type { Place } from './config-lines.ts';
import { messageOf } from './errors.ts';
import {
  complaintAbout,
  expectedOf,
  foundIn,
  isOfKind,
  isTable,
  typeOf,
  type Table,
} from './config-values.ts';
import {
  CONFIGURATION_KEYS,
  CONFIGURATION_LISTS,
  MOST_EDITS,
  type ConfigurationKey,
} from './generated/configuration.ts';

/** What is wrong with the configuration, in words for the person who wrote it. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/** What is wrong at a place of the file, of which the line is not known yet. */
export class PlaceError extends ConfigError {
  readonly place: Place;

  constructor(place: Place, message: string) {
    super(`${keyOf(place)}: ${message}`);
    this.place = place;
  }
}

/** What is wrong with a value that the environment gives: it stands in no line of the file. */
export class VariableError extends ConfigError {
  constructor(variable: string, message: string) {
    super(`environment variable ${variable}: ${message}`);
  }
}

/** A place as people call it: the line says which of several tables is meant. */
function keyOf(place: Place): string {
  return place.filter((part) => typeof part === 'string').join('.');
}

/** The variables of a process. */
export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * One table of the file, read by what `freshet-core` declares of its keys: kinds, defaults, bounds and variables. Every
 * key of it is checked, whether or not the dashboard needs it.
 */
export class Section {
  readonly #path: string;
  readonly #place: Place;
  readonly #fields: Table;
  readonly #environment: Environment;
  readonly #keys: readonly ConfigurationKey[];
  readonly #inner: ReadonlyMap<string, Section>;
  readonly #lists: ReadonlyMap<string, readonly Section[]>;
  /** By key, read once: a variable may name a file. */
  readonly #values: ReadonlyMap<string, unknown>;

  /**
   * @param place of the table in the file
   * @param others keys that are not declared: refused, since nobody reads them, or read by another program
   */
  constructor(
    place: Place,
    value: unknown,
    environment: Environment,
    others: 'others are refused' | 'others are read elsewhere' = 'others are refused',
  ) {
    const path = keyOf(place);
    this.#path = path;
    this.#place = place;
    this.#fields = toTable(value, place);
    this.#environment = environment;
    this.#keys = CONFIGURATION_KEYS.filter((key) => key.section === path);
    const inner = tablesBelow(path);
    if (others === 'others are refused') {
      refuseUnknownKeys(this.#fields, place, [...this.#keys.map((key) => key.name), ...inner]);
    }
    this.#values = new Map(this.#keys.map((key) => [key.name, this.#read(key)]));
    const isList = (key: string): boolean => CONFIGURATION_LISTS.includes(`${path}.${key}`);
    this.#inner = new Map(
      inner
        .filter((key) => !isList(key))
        .map((key) => [key, new Section([...place, key], this.#fields[key], environment)]),
    );
    this.#lists = new Map(
      inner
        .filter(isList)
        .map((key) => [
          key,
          toList(this.#fields[key], [...place, key]).map(
            (value, index) => new Section([...place, key, index], value, environment),
          ),
        ]),
    );
  }

  /** The tables below it of which there may be several. */
  list(name: string): readonly Section[] {
    return declared(this.#lists.get(name), `${this.#path}.${name}`);
  }

  /** The table below it. */
  inner(name: string): Section {
    return declared(this.#inner.get(name), `${this.#path}.${name}`);
  }

  /** A text, or the name that was chosen; undefined when it is left out and has no default. */
  text(name: string): string | undefined {
    return this.#value(name) as string | undefined;
  }

  /** A text that has a default, or has to be there. */
  present(name: string): string {
    const value = this.text(name);
    if (value === undefined) {
      const { variable } = this.#key(name);
      throw this.wrong(name, variable === null ? 'is missing' : `is missing: set it or ${variable}`);
    }
    return value;
  }

  /**
   * A path, from a folder on where it is relative; undefined when it is left out.
   *
   * @param folder of the configuration file
   */
  file(name: string, folder: string): string | undefined {
    const text = this.text(name);
    if (text === '') {
      throw this.wrong(name, 'is empty; write the path of a file');
    }
    return text === undefined ? undefined : path.resolve(folder, text);
  }

  /** Whether somebody has given a value to the key. */
  isGiven(name: string): boolean {
    const { variable } = this.#key(name);
    const overridden = variable !== null && isOverridden(variable, this.#environment);
    return overridden || this.#fields[name] !== undefined;
  }

  /** A list of texts; undefined when it is left out and has no default. */
  texts(name: string): readonly string[] | undefined {
    return this.#value(name) as readonly string[] | undefined;
  }

  /** A whole number that has a default. */
  integer(name: string): number {
    return Number(this.#value(name));
  }

  /** True or false, with a default. */
  flag(name: string): boolean {
    return this.#value(name) === true;
  }

  /** A number; undefined when it is left out and has no default. */
  number(name: string): number | undefined {
    const value = this.#value(name);
    return value === undefined ? undefined : Number(value);
  }

  /** A duration in milliseconds that has a default. */
  duration(name: string): number {
    return parseDuration(this.present(name));
  }

  /** A table of texts, or a text. */
  textsByName(name: string): string | Readonly<Record<string, string>> | undefined {
    return this.#value(name) as string | Readonly<Record<string, string>> | undefined;
  }

  /** An error at a key, or at the variable that overrides it. */
  wrong(name: string, message: string): ConfigError {
    const { variable } = this.#key(name);
    const error = new PlaceError([...this.#place, name], message);
    return variable !== null && isOverridden(variable, this.#environment)
      ? new VariableError(variable, error.message)
      : error;
  }

  #value(name: string): unknown {
    return this.#values.get(this.#key(name).name);
  }

  #key(name: string): ConfigurationKey {
    return declared(
      this.#keys.find((key) => key.name === name),
      `${this.#path}.${name}`,
    );
  }

  /** What comes with a secret that was cut out, or pasted with something else, nobody would see. */
  #checkSecret(name: string, text: string): void {
    if (text === '') {
      throw this.wrong(name, 'is empty; write the secret, or leave it out');
    }
    if (/[\r\n]/.test(text)) {
      throw this.wrong(name, 'has more than one line; a secret is one line');
    }
  }

  #read(key: ConfigurationKey): unknown {
    const override = overrideOf(key, this.#environment);
    const written = override ?? this.#fields[key.name];
    if (written === undefined && key.required) {
      throw this.wrong(key.name, 'is missing');
    }
    if (written === undefined) {
      return key.default ?? undefined;
    }
    if (key.secret && override !== undefined) {
      this.#checkSecret(key.name, override);
    }
    const value = override === undefined ? written : fromText(key, override);
    if (!isOfKind(key.kind, value)) {
      const expected = expectedOf(key);
      throw this.wrong(
        key.name,
        override === undefined ? `expected ${expected}, ${foundIn(key, value)}` : `is not ${expected}`,
      );
    }
    const complaint = complaintAbout(key, value);
    if (complaint !== null) {
      throw this.wrong(key.name, complaint);
    }
    return key.kind === 'texts' && typeof value === 'string' ? [value] : value;
  }
}

/** What `freshet-core` declares under that name. */
export function declared<Value>(found: Value | undefined, name: string): Value {
  if (found === undefined) {
    throw new Error(`${name} is not declared`);
  }
  return found;
}

/** Tables that stand beside each other, each headed `[[name]]`. */
export function toList(value: unknown, place: Place): readonly unknown[] {
  if (value !== undefined && !Array.isArray(value)) {
    const name = String(place.at(-1));
    throw new PlaceError(place, `expected a list of tables, each headed [[${name}]], found ${typeOf(value)}`);
  }
  return value ?? [];
}

/** Names of the tables right below another one; below the empty path, which is the file, those that head it. */
export function tablesBelow(path: string): readonly string[] {
  const prefix = path === '' ? '' : `${path}.`;
  const paths = CONFIGURATION_KEYS.map(({ section }) => section);
  const below = paths.filter((section) => section.startsWith(prefix));
  return [...new Set(below.map((section) => section.slice(prefix.length).replace(/\..*/, '')))];
}

/** Whether the environment reaches the table: there is one of it, and not a list. */
export function isPlain(path: string): boolean {
  return CONFIGURATION_KEYS.some(({ section, variable }) => section === path && variable !== null);
}

/** Refuses keys of the table at a place that nobody reads. */
export function refuseUnknownKeys(fields: Table, place: Place, known: readonly string[]): void {
  const unknown = Object.keys(fields).find((key) => !known.includes(key));
  if (unknown === undefined) {
    return;
  }
  const close = closest(unknown, known);
  const advice = close === undefined ? `known here: ${known.join(', ')}` : `did you mean '${close}'?`;
  throw new PlaceError([...place, unknown], `unknown key; ${advice}`);
}

/** The key that a typing mistake most likely meant: the first in the alphabet of those that are equally close. */
function closest(typed: string, known: readonly string[]): string | undefined {
  const edits = (key: string): number => distance(typed, key);
  const close = known.filter((key) => edits(key) <= MOST_EDITS).sort();
  return close.sort((one, other) => edits(one) - edits(other))[0];
}

/** How variables begin that override the keys of a source: the producer reads them. */
const OF_SOURCES = 'FRESHET_SOURCE__';

/** Refuses variables that look like overrides and override nothing: a misspelt one must not pass in silence. */
export function refuseUnknownVariables(environment: Environment): void {
  const known = CONFIGURATION_KEYS.flatMap(({ variable }) =>
    variable === null ? [] : [variable, `${variable}_FILE`],
  );
  const unknown = Object.keys(environment).find(
    (name) =>
      name.startsWith('FRESHET_') &&
      name.includes('__') &&
      !name.startsWith(OF_SOURCES) &&
      !known.includes(name),
  );
  if (unknown !== undefined) {
    throw new VariableError(
      unknown,
      'overrides no known key: its form is FRESHET_<SECTION>__<KEY>, such as FRESHET_KAFKA__BOOTSTRAP_SERVERS',
    );
  }
}

/** The items of a list in one text; an empty one is the empty list. */
export function items(text: string): string[] {
  return text.trim() === '' ? [] : text.split(',').map((item) => item.trim());
}

/**
 * The text of a file.
 *
 * @throws TypeError when it is not UTF-8: a password with a replaced character would be a wrong one
 */
export function readText(file: string): string {
  return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(readFileSync(file));
}

function toTable(value: unknown, place: Place): Table {
  if (value === undefined) {
    return {};
  }
  if (!isTable(value)) {
    throw new PlaceError(place, `expected a table, found ${typeOf(value)}`);
  }
  return value;
}

function isOverridden(variable: string, environment: Environment): boolean {
  return environment[variable] !== undefined || environment[`${variable}_FILE`] !== undefined;
}

function overrideOf({ variable }: ConfigurationKey, environment: Environment): string | undefined {
  if (variable === null) {
    return undefined;
  }
  const file = environment[`${variable}_FILE`];
  if (file === undefined) {
    return environment[variable];
  }
  if (environment[variable] !== undefined) {
    throw new VariableError(variable, `${variable}_FILE is set as well; unset one of them`);
  }
  try {
    return readText(file).replace(/[\r\n]+$/, '');
  } catch (error) {
    throw new VariableError(`${variable}_FILE`, `cannot read ${file}: ${messageOf(error)}`);
  }
}

/** What a variable's text stands for. */
function fromText({ kind }: ConfigurationKey, text: string): unknown {
  switch (kind) {
    case 'integer':
      return /^[+-]?\d+$/.test(text) ? BigInt(text) : text;
    case 'number':
      return text.trim() !== '' && Number.isFinite(Number(text)) ? Number(text) : text;
    case 'flag':
      return text === 'true' || text === 'false' ? text === 'true' : text;
    case 'texts':
      return items(text);
    default:
      return text;
  }
}

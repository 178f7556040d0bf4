import { readFileSync } from 'node:fs';
import { parse } from 'smol-toml';
import { configuredHost, isLoopback } from './hosts.ts';
import { parseDuration, parseWindowSpec, type WindowSpec } from '../shared/window-spec.ts';

/** What is wrong with the configuration, in words for the person who wrote it. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/** How to reach Kafka. */
export interface KafkaConfig {
  readonly bootstrapServers: readonly string[];
  readonly topicPrefix: string;
  readonly tls: boolean;
  readonly caFile: string | undefined;
  readonly sasl:
    { readonly mechanism: SaslMechanism; readonly username: string; readonly password: string } | undefined;
}

/** The SASL mechanisms that need no more than a user name and a password. */
export type SaslMechanism = (typeof SASL_MECHANISMS)[number];

/** How to reach Cassandra. */
export interface CassandraConfig {
  readonly contactPoints: readonly string[];
  readonly localDatacenter: string;
  readonly keyspace: string;
  readonly consistency: Consistency;
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly caFile: string | undefined;
}

/** A read consistency, by its name in CQL (lower case). */
export type Consistency = (typeof CONSISTENCIES)[number];

/** Where the dashboard listens and who may see it. */
export interface DashboardConfig {
  readonly host: string;
  readonly port: number;
  /** Hosts that it answers to, beside those of this machine, `host`, and the address at which a request arrives. */
  readonly allowedHosts: readonly string[];
  readonly token: string | undefined;
}

/** A stream that the dashboard shows. */
export interface StreamConfig {
  readonly name: string;
  readonly title: string;
  readonly unit: string | null;
  readonly units: Readonly<Record<string, string>>;
  readonly metrics: readonly string[];
  readonly windows: readonly WindowSpec[];
  readonly lateness: number;
}

/** The part of freshet.toml that the dashboard reads. */
export interface Config {
  readonly kafka: KafkaConfig;
  readonly cassandra: CassandraConfig;
  readonly dashboard: DashboardConfig;
  readonly streams: readonly StreamConfig[];
}

const SASL_MECHANISMS = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'] as const;
const SASL_KEYS = ['sasl_mechanism', 'username', 'password'] as const;
const PROTOCOLS = ['plaintext', 'ssl', 'sasl_plaintext', 'sasl_ssl'] as const;
const CONSISTENCIES = [
  'local_one',
  'one',
  'two',
  'three',
  'local_quorum',
  'quorum',
  'each_quorum',
  'all',
] as const;

const LONGEST_WINDOW = parseDuration('366d');
const LONGEST_LATENESS = parseDuration('36500d');
const MOST_OVERLAPPING = 1000;
const MOST_PANES = 10_000;

type Table = Readonly<Record<string, unknown>>;
type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads the configuration from a file and the environment.
 *
 * The one strict validator of freshet.toml is the Rust core; here, keys that the dashboard does not read are left
 * alone, and those that it reads are checked.
 */
export function loadConfig(file: string, environment: Environment): Config {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new ConfigError(`cannot read ${file}: ${messageOf(error)}; name the file with -c`);
  }
  let document: Table;
  try {
    document = parse(text);
  } catch (error) {
    throw new ConfigError(`${file} is not valid TOML: ${messageOf(error)}`);
  }
  try {
    return readConfig(document, environment);
  } catch (error) {
    throw error instanceof ConfigError ? new ConfigError(`${file}: ${error.message}`) : error;
  }
}

function readConfig(document: Table, environment: Environment): Config {
  const section = (name: string): Section =>
    new Section(name, table(document[name], `[${name}]`), environment);
  return {
    kafka: readKafka(section('kafka')),
    cassandra: readCassandra(section('cassandra')),
    dashboard: readDashboard(section('dashboard')),
    streams: readStreams(document.stream),
  };
}

function readKafka(kafka: Section): KafkaConfig {
  const security = kafka.subsection('security');
  const protocol = security.choice('protocol', PROTOCOLS, 'plaintext');
  const topicPrefix = kafka.text('topic_prefix') ?? '';
  if (!/^[A-Za-z0-9._-]{0,100}$/.test(topicPrefix)) {
    throw kafka.wrong('topic_prefix', "up to 100 letters, digits, '.', '_' and '-'", topicPrefix);
  }
  const unused = protocol.startsWith('sasl_')
    ? undefined
    : SASL_KEYS.find((key) => security.text(key) !== undefined);
  if (unused !== undefined) {
    throw new ConfigError(
      `[kafka.security].${unused} has no effect without protocol = "sasl_ssl" or "sasl_plaintext": leave it out`,
    );
  }
  return {
    bootstrapServers: items(kafka.text('bootstrap_servers') ?? '127.0.0.1:9092'),
    topicPrefix,
    tls: protocol === 'ssl' || protocol === 'sasl_ssl',
    caFile: security.text('ca_file'),
    sasl: protocol.startsWith('sasl_')
      ? {
          mechanism: security.choice('sasl_mechanism', SASL_MECHANISMS),
          username: security.required('username'),
          password: security.required('password'),
        }
      : undefined,
  };
}

function hasPort(contactPoint: string): boolean {
  const port = /^.+:(\d+)$/.exec(contactPoint)?.[1];
  return port !== undefined && Number(port) <= 65_535;
}

function readCassandra(cassandra: Section): CassandraConfig {
  const keyspace = cassandra.text('keyspace') ?? 'freshet';
  // A keyspace cannot be a bound value of a statement: it must be nothing but a name.
  if (!/^[a-z][a-z0-9_]{0,47}$/.test(keyspace)) {
    const expected = "a lower-case letter followed by up to 47 lower-case letters, digits or '_'";
    throw cassandra.wrong('keyspace', expected, keyspace);
  }
  const contactPoints = cassandra.list('contact_points', ['127.0.0.1:9042']);
  if (contactPoints.length === 0 || !contactPoints.every(hasPort)) {
    throw cassandra.wrong('contact_points', 'a list of host:port, such as 127.0.0.1:9042', contactPoints);
  }
  if ((cassandra.text('username') === undefined) !== (cassandra.text('password') === undefined)) {
    throw new ConfigError('[cassandra].username and [cassandra].password go together: set both, or neither');
  }
  return {
    contactPoints,
    localDatacenter: cassandra.text('local_datacenter') ?? 'datacenter1',
    keyspace,
    consistency: cassandra.choice('consistency', CONSISTENCIES, 'local_one'),
    username: cassandra.text('username'),
    password: cassandra.text('password'),
    caFile: cassandra.text('ca_file'),
  };
}

function readDashboard(dashboard: Section): DashboardConfig {
  const host = dashboard.text('host') ?? '127.0.0.1';
  const token = dashboard.text('token');
  // An empty token would let everybody in while looking like protection.
  if (token === '') {
    throw new ConfigError('[dashboard].token is empty: write a token, or leave the key out');
  }
  if (token === undefined && !isLoopback(configuredHost(host) ?? '')) {
    throw new ConfigError(
      `[dashboard].host is ${JSON.stringify(host)}, where others than this machine reach the dashboard, and no token ` +
        'keeps them out: set [dashboard].token (or FRESHET_DASHBOARD__TOKEN_FILE), or host = "127.0.0.1"',
    );
  }
  const allowedHosts = dashboard.list('allowed_hosts', []);
  if (allowedHosts.some((name) => configuredHost(name) === null)) {
    const expected = 'a list of host names or addresses, without scheme, port or wildcard';
    throw dashboard.wrong('allowed_hosts', expected, allowedHosts);
  }
  return { host, port: dashboard.port('port', 3000), allowedHosts, token };
}

function readStreams(value: unknown): StreamConfig[] {
  if (!Array.isArray(value) || value.length === 0) {
    throw new ConfigError('there is no [[stream]]: name at least one stream to show');
  }
  const streams = value.map((entry, index) => readStream(entry, index + 1));
  const names = new Set<string>();
  for (const { name } of streams) {
    if (names.has(name)) {
      throw new ConfigError(`two [[stream]] are named "${name}": give each its own name`);
    }
    names.add(name);
  }
  refuseCollidingNames(streams);
  return streams;
}

/** Kafka keeps its metrics under names in which '.' and '_' are one, and takes no such pair of topics. */
function refuseCollidingNames(streams: readonly StreamConfig[]): void {
  const seen = new Map<string, string>();
  for (const { name } of streams) {
    const other = seen.get(name.replaceAll('.', '_'));
    if (other !== undefined) {
      throw new ConfigError(
        `[[stream]] "${name}" and "${other}" differ in '.' and '_' only, and Kafka takes no such pair of topics: ` +
          'choose another name',
      );
    }
    seen.set(name.replaceAll('.', '_'), name);
  }
}

function readStream(value: unknown, position: number): StreamConfig {
  const fields = table(value, `[[stream]] number ${position}`);
  const { name } = fields;
  if (typeof name !== 'string' || name === '') {
    throw new ConfigError(`[[stream]] number ${position} has no name: add name = "…"`);
  }
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/.test(name)) {
    const expected = "a letter or digit followed by up to 99 letters, digits, '.', '_' or '-'";
    throw new ConfigError(
      `the name of [[stream]] number ${position} must be ${expected}, not ${JSON.stringify(name)}`,
    );
  }
  // The environment overrides no key of a stream: there may be many.
  const stream = new Section(`stream.${name}`, fields, {});
  const metrics = Object.keys(table(fields.values, `values of stream "${name}"`));
  if (metrics.length === 0) {
    throw new ConfigError(`stream "${name}" has no values: add values = { metric = "path" }`);
  }
  const windows = stream.list('windows', []);
  if (windows.length === 0) {
    throw new ConfigError(`stream "${name}" has no windows: add windows = ["10s"]`);
  }
  return {
    name,
    title: stream.text('title') ?? name,
    ...readUnits(stream, fields.unit, metrics),
    metrics,
    windows: checked(`windows of stream "${name}"`, () => readWindows(windows)),
    lateness: checked(`lateness of stream "${name}"`, () => readLateness(stream.text('lateness') ?? '10s')),
  };
}

function readWindows(labels: readonly string[]): WindowSpec[] {
  const windows = labels.map((label) => possibleWindow(label));
  const twice = windows.find(({ label }, index) => windows.findIndex((of) => of.label === label) !== index);
  if (twice !== undefined) {
    throw new Error(`"${twice.label}" is there twice: leave one out`);
  }
  return windows;
}

/** The bounds of `window.rs`: the Spark job refuses what lies beyond them. */
function possibleWindow(text: string): WindowSpec {
  const window = parseWindowSpec(text);
  const { size, slide } = window;
  const pane = greatestCommonDivisor(size, slide);
  if (size > LONGEST_WINDOW || Math.floor(size / slide) > MOST_OVERLAPPING || size / pane > MOST_PANES) {
    throw new Error(
      `"${text}" is not a window: at most 366d are possible, with at most ${MOST_OVERLAPPING} slides in a size, and ` +
        `with size and slide multiples of at least a ${MOST_PANES}th of the size`,
    );
  }
  return window;
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}

function readLateness(text: string): number {
  const lateness = parseDuration(text);
  if (lateness > LONGEST_LATENESS) {
    throw new Error(`"${text}" is too long: at most 36500d are possible`);
  }
  return lateness;
}

/** One unit for all metrics, or a table with the unit of each. */
function readUnits(
  stream: Section,
  unit: unknown,
  metrics: readonly string[],
): Pick<StreamConfig, 'unit' | 'units'> {
  if (unit === undefined) {
    return { unit: null, units: {} };
  }
  if (typeof unit === 'string') {
    return { unit, units: Object.fromEntries(metrics.map((metric) => [metric, unit])) };
  }
  if (!isTable(unit) || !Object.values(unit).every((of) => typeof of === 'string')) {
    throw stream.wrong('unit', 'a text in quotes, or a table with a text for each metric', unit);
  }
  const unknown = Object.keys(unit).find((metric) => !metrics.includes(metric));
  if (unknown !== undefined) {
    throw stream.wrong('unit', `a table of the metrics ${metrics.join(', ')}`, unit);
  }
  return { unit: null, units: unit as Record<string, string> };
}

/** One table of the file, whose every key the environment can override. */
class Section {
  readonly #name: string;
  readonly #fields: Table;
  readonly #environment: Environment;

  constructor(name: string, fields: Table, environment: Environment) {
    this.#name = name;
    this.#fields = fields;
    this.#environment = environment;
  }

  subsection(key: string): Section {
    const name = `${this.#name}.${key}`;
    return new Section(name, table(this.#fields[key], `[${name}]`), this.#environment);
  }

  text(key: string): string | undefined {
    const value = this.#value(key);
    if (value !== undefined && typeof value !== 'string') {
      // The value is not shown: it may be a password.
      throw new ConfigError(`[${this.#name}].${key} must be a text in quotes, not a value of another type`);
    }
    return value;
  }

  required(key: string): string {
    const value = this.text(key);
    if (value === undefined) {
      throw new ConfigError(`[${this.#name}].${key} is missing: set it or ${this.#variable(key)}`);
    }
    return value;
  }

  port(key: string, fallback: number): number {
    const override = this.#override(key);
    const value = override ?? this.#fields[key] ?? fallback;
    const port = override !== undefined && /^\d+$/.test(override) ? Number(override) : value;
    if (typeof port !== 'number' || !Number.isInteger(port) || port < 1 || port > 65_535) {
      throw this.wrong(key, 'a port number from 1 to 65535', value);
    }
    return port;
  }

  list(key: string, fallback: readonly string[]): readonly string[] {
    const override = this.#override(key);
    const value = override ?? this.#fields[key] ?? fallback;
    const list: unknown =
      override === undefined ? (typeof value === 'string' ? [value] : value) : items(override);
    if (!Array.isArray(list) || !list.every((item) => typeof item === 'string' && item !== '')) {
      throw this.wrong(key, 'a list of texts', value);
    }
    return list as string[];
  }

  choice<Choice extends string>(key: string, choices: readonly Choice[], fallback?: Choice): Choice {
    const value = this.text(key) ?? fallback;
    const choice = choices.find((name) => name === value);
    if (choice === undefined) {
      throw this.wrong(key, `one of ${choices.join(', ')}`, value ?? 'nothing');
    }
    return choice;
  }

  wrong(key: string, expected: string, value: unknown): ConfigError {
    return new ConfigError(`[${this.#name}].${key} must be ${expected}, not ${JSON.stringify(value)}`);
  }

  #value(key: string): unknown {
    return this.#override(key) ?? this.#fields[key];
  }

  #override(key: string): string | undefined {
    const variable = this.#variable(key);
    const file = this.#environment[`${variable}_FILE`];
    if (file === undefined) {
      return this.#environment[variable];
    }
    if (this.#environment[variable] !== undefined) {
      throw new ConfigError(`${variable} and ${variable}_FILE are both set: unset one of them`);
    }
    try {
      return readFileSync(file, 'utf8').replace(/[\r\n]+$/, '');
    } catch (error) {
      throw new ConfigError(`cannot read the file that ${variable}_FILE names: ${messageOf(error)}`);
    }
  }

  #variable(key: string): string {
    return `FRESHET_${[...this.#name.split('.'), key].join('__').toUpperCase()}`;
  }
}

/** The items of a list in a variable; an empty variable is the empty list. */
function items(text: string): string[] {
  return text.trim() === '' ? [] : text.split(',').map((item) => item.trim());
}

function table(value: unknown, name: string): Table {
  if (value === undefined) {
    return {};
  }
  if (!isTable(value)) {
    throw new ConfigError(`${name} must be a table`);
  }
  return value;
}

function isTable(value: unknown): value is Table {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function checked<Value>(what: string, read: () => Value): Value {
  try {
    return read();
  } catch (error) {
    throw new ConfigError(`${what}: ${messageOf(error)}`);
  }
}

/** The message of whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

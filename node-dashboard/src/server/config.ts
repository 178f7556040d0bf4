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
  return {
    bootstrapServers: kafka.list('bootstrap_servers', ['127.0.0.1:9092']),
    topicPrefix: kafka.text('topic_prefix') ?? '',
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

function readCassandra(cassandra: Section): CassandraConfig {
  const keyspace = cassandra.text('keyspace') ?? 'freshet';
  // A keyspace cannot be a bound value of a statement: it must be nothing but a name.
  if (!/^[a-zA-Z]\w{0,47}$/.test(keyspace)) {
    throw cassandra.wrong('keyspace', 'a name of letters, digits and underscores', keyspace);
  }
  return {
    contactPoints: cassandra.list('contact_points', ['127.0.0.1:9042']),
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
  const token = nonEmpty(dashboard.text('token'));
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

/** An empty token would let everybody in while looking like protection: take it for none. */
function nonEmpty(text: string | undefined): string | undefined {
  return text === '' ? undefined : text;
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
  return streams;
}

function readStream(value: unknown, position: number): StreamConfig {
  const fields = table(value, `[[stream]] number ${position}`);
  const { name } = fields;
  if (typeof name !== 'string' || name === '') {
    throw new ConfigError(`[[stream]] number ${position} has no name: add name = "…"`);
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
    windows: windows.map((label) => checked(`windows of stream "${name}"`, () => parseWindowSpec(label))),
    lateness: checked(`lateness of stream "${name}"`, () => parseDuration(stream.text('lateness') ?? '10s')),
  };
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
      throw this.wrong(key, 'a text in quotes', value);
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
    const value = this.#value(key) ?? fallback;
    const port = typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value;
    if (typeof port !== 'number' || !Number.isInteger(port) || port < 0 || port > 65_535) {
      throw this.wrong(key, 'a port number from 0 to 65535', value);
    }
    return port;
  }

  list(key: string, fallback: readonly string[]): readonly string[] {
    const value = this.#value(key) ?? fallback;
    const list: unknown = typeof value === 'string' ? value.split(',').map((item) => item.trim()) : value;
    if (!Array.isArray(list) || !list.every((item) => typeof item === 'string' && item !== '')) {
      throw this.wrong(key, 'a list of texts', value);
    }
    return list as string[];
  }

  choice<Choice extends string>(key: string, choices: readonly Choice[], fallback?: Choice): Choice {
    const value = this.text(key) ?? fallback;
    const choice = choices.find((name) => name.toLowerCase() === value?.toLowerCase());
    if (choice === undefined) {
      throw this.wrong(key, `one of ${choices.join(', ')}`, value ?? 'nothing');
    }
    return choice;
  }

  wrong(key: string, expected: string, value: unknown): ConfigError {
    return new ConfigError(`[${this.#name}].${key} must be ${expected}, not ${JSON.stringify(value)}`);
  }

  #value(key: string): unknown {
    const variable = this.#variable(key);
    const file = this.#environment[`${variable}_FILE`];
    if (file === undefined) {
      return this.#environment[variable] ?? this.#fields[key];
    }
    try {
      return readFileSync(file, 'utf8').replace(/\r?\n$/, '');
    } catch (error) {
      throw new ConfigError(`cannot read the file that ${variable}_FILE names: ${messageOf(error)}`);
    }
  }

  #variable(key: string): string {
    return `FRESHET_${[...this.#name.split('.'), key].join('__').toUpperCase()}`;
  }
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

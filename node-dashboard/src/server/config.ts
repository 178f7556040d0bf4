import path from 'node:path';
import { parse, TomlError } from 'smol-toml';
import {
  ConfigError,
  declared,
  isPlain,
  items,
  messageOf,
  readText,
  refuseUnknownKeys,
  refuseUnknownVariables,
  Section,
  tablesBelow,
  toList,
  VariableError,
  type Environment,
  type Table,
} from './config-section.ts';
import {
  LONGEST_WINDOW,
  MAX_METRIC_BYTES,
  MOST_OVERLAPPING,
  MOST_PANES,
  type Consistency,
  type SaslMechanism,
} from './generated/configuration.ts';
import { readAlerts, type AlertConfig } from './config-alerts.ts';
import { readCharts, type ChartConfig } from './config-charts.ts';
import { configuredHost, isLoopback } from './hosts.ts';
import { formatDuration, parseWindowSpec, type WindowSpec } from '../shared/window-spec.ts';

export { ConfigError, messageOf } from './config-section.ts';

/** How to reach Kafka. */
export interface KafkaConfig {
  readonly bootstrapServers: readonly string[];
  readonly topicPrefix: string;
  readonly tls: boolean;
  readonly caFile: string | undefined;
  readonly sasl:
    { readonly mechanism: SaslMechanism; readonly username: string; readonly password: string } | undefined;
}

/** How to reach Cassandra. */
export interface CassandraConfig {
  readonly contactPoints: readonly string[];
  readonly localDatacenter: string;
  readonly keyspace: string;
  readonly consistency: Consistency;
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly caFile: string | undefined;
  /** A name in the nodes' certificates that counts in place of each node's address; only with `caFile`. */
  readonly serverName: string | undefined;
}

/** Where the dashboard listens and who may see it. */
export interface DashboardConfig {
  readonly host: string;
  readonly port: number;
  /** Hosts that it answers to, beside those of this machine, `host`, and the address at which a request arrives. */
  readonly allowedHosts: readonly string[];
  readonly token: string | undefined;
  /** How many clients may listen to events at once, half of them from one address. */
  readonly maxClients: number;
  /** Origins whose pages may show a chart in a frame. */
  readonly embedOrigins: readonly string[];
  /** Where alerts are sent as JSON. */
  readonly webhookUrl: string | undefined;
  /** The topic of ntfy that alerts are sent to. */
  readonly ntfyUrl: string | undefined;
  /** Whether windows far outside of their series' last day are marked. */
  readonly anomalies: boolean;
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
  readonly charts: readonly ChartConfig[];
}

/** The part of freshet.toml that the dashboard reads. */
export interface Config {
  readonly kafka: KafkaConfig;
  readonly cassandra: CassandraConfig;
  readonly dashboard: DashboardConfig;
  readonly streams: readonly StreamConfig[];
  readonly alerts: readonly AlertConfig[];
}

const SASL_KEYS = ['sasl_mechanism', 'username', 'password'] as const;

const METRIC_RULE = `write 1 to ${MAX_METRIC_BYTES} bytes without '|' and control characters`;

/**
 * Reads the configuration from a file and the environment. Keys, kinds, defaults and bounds are those that
 * `freshet-core` declares; rules between keys are the same as there, and the tests of both run the same table of
 * configurations.
 */
export function loadConfig(file: string, environment: Environment): Config {
  let text: string;
  try {
    text = readText(file);
  } catch (error) {
    throw new ConfigError(`cannot read ${file}: ${messageOf(error)}; name the file with -c`);
  }
  let document: Table;
  try {
    document = parse(text, { integersAsBigInt: true });
  } catch (error) {
    throw notToml(file, error);
  }
  try {
    return readConfig(document, environment, path.dirname(path.resolve(file)));
  } catch (error) {
    const isInFile = error instanceof ConfigError && !(error instanceof VariableError);
    throw isInFile ? new ConfigError(`${file}: ${error.message}`) : error;
  }
}

/** The library's message quotes the lines around the fault, and a password may stand there: its first line does not. */
function notToml(file: string, error: unknown): ConfigError {
  const line = error instanceof TomlError ? `:${error.line}` : '';
  return new ConfigError(`${file}${line}: not valid TOML: ${messageOf(error).split('\n')[0]}`);
}

function readConfig(document: Table, environment: Environment, folder: string): Config {
  const tables = tablesBelow('');
  refuseUnknownKeys(document, '', tables);
  refuseUnknownVariables(environment);
  // All are checked, though nothing is needed of some.
  const sections = new Map(
    tables.filter(isPlain).map((name) => [name, new Section(name, name, document[name], environment)]),
  );
  const section = (name: string): Section => declared(sections.get(name), name);
  const streams = readStreams(document.stream);
  checkSources(toList(document.source, 'source'), streams);
  return {
    kafka: readKafka(section('kafka'), folder),
    cassandra: readCassandra(section('cassandra'), folder),
    dashboard: readDashboard(section('dashboard')),
    streams,
    alerts: readAlerts(document.alert, streams),
  };
}

/** What all sources have; the rest is the producer's business. */
function checkSources(sources: readonly unknown[], streams: readonly StreamConfig[]): void {
  const names = streams.map(({ name }) => name);
  const known = new Map<string, string>();
  for (const value of sources) {
    const source = new Section('source', 'source', value, {}, 'others are read elsewhere');
    const stream = source.present('stream');
    if (!names.includes(stream)) {
      throw source.wrong('stream', `there is no stream "${stream}"; there are: ${names.join(', ')}`);
    }
    const name = source.text('name') ?? source.present('kind');
    // Variables know a source by its name, in which they have no other signs.
    const variables = name.replace(/[.-]/g, '_');
    const other = known.get(variables);
    if (other !== undefined) {
      throw source.wrong(
        'name',
        `two sources are called '${other}' and '${name}'; give each a name that differs in more than '.', '_' and '-'`,
      );
    }
    known.set(variables, name);
  }
}

function readKafka(kafka: Section, folder: string): KafkaConfig {
  const security = kafka.inner('security');
  const protocol = security.present('protocol');
  const usesSasl = protocol.startsWith('sasl_');
  const unused = usesSasl ? undefined : SASL_KEYS.find((key) => security.text(key) !== undefined);
  if (unused !== undefined) {
    throw security.wrong(
      unused,
      'has no effect without protocol = "sasl_ssl" or "sasl_plaintext": leave it out',
    );
  }
  const tls = protocol === 'ssl' || protocol === 'sasl_ssl';
  if (!tls && security.text('ca_file') !== undefined) {
    throw security.wrong('ca_file', 'has no effect without protocol = "ssl" or "sasl_ssl": leave it out');
  }
  return {
    bootstrapServers: items(kafka.present('bootstrap_servers')),
    topicPrefix: kafka.present('topic_prefix'),
    tls,
    caFile: security.file('ca_file', folder),
    sasl: usesSasl
      ? {
          mechanism: security.present('sasl_mechanism') as SaslMechanism,
          username: security.present('username'),
          password: security.present('password'),
        }
      : undefined,
  };
}

function hasPort(contactPoint: string): boolean {
  const port = /^.+:(\d+)$/.exec(contactPoint)?.[1];
  return port !== undefined && Number(port) >= 1 && Number(port) <= 65_535;
}

function readCassandra(cassandra: Section, folder: string): CassandraConfig {
  const contactPoints = cassandra.texts('contact_points') ?? [];
  if (contactPoints.length === 0 || !contactPoints.every(hasPort)) {
    throw cassandra.wrong('contact_points', 'must be a list of host:port, such as 127.0.0.1:9042');
  }
  if ((cassandra.text('username') === undefined) !== (cassandra.text('password') === undefined)) {
    throw cassandra.wrong('username', 'username and password go together: set both, or neither');
  }
  if (cassandra.text('server_name') !== undefined && cassandra.text('ca_file') === undefined) {
    throw cassandra.wrong('server_name', 'has no effect without ca_file: set both, or neither');
  }
  return {
    contactPoints,
    localDatacenter: cassandra.present('local_datacenter'),
    // It cannot be a bound value of a statement: its form lets it be nothing but a name.
    keyspace: cassandra.present('keyspace'),
    consistency: cassandra.present('consistency') as Consistency,
    username: cassandra.text('username'),
    password: cassandra.text('password'),
    caFile: cassandra.file('ca_file', folder),
    serverName: cassandra.text('server_name'),
  };
}

function readDashboard(dashboard: Section): DashboardConfig {
  const host = dashboard.present('host');
  const token = dashboard.text('token');
  // An empty token would let everybody in while looking like protection.
  if (token === '') {
    throw dashboard.wrong('token', 'is empty: write a token, or leave the key out');
  }
  if (token === undefined && !isLoopback(configuredHost(host) ?? '')) {
    throw dashboard.wrong(
      'host',
      `is ${JSON.stringify(host)}, where others than this machine reach the dashboard, and no token keeps them out: ` +
        'set dashboard.token (or FRESHET_DASHBOARD__TOKEN_FILE), or host = "127.0.0.1"',
    );
  }
  const allowedHosts = dashboard.texts('allowed_hosts') ?? [];
  if (allowedHosts.some((name) => configuredHost(name) === null)) {
    throw dashboard.wrong(
      'allowed_hosts',
      'must be a list of host names or addresses, without scheme, port or wildcard',
    );
  }
  const embedOrigins = dashboard.texts('embed_origins') ?? [];
  if (!embedOrigins.every(isOrigin)) {
    throw dashboard.wrong(
      'embed_origins',
      'must be a list of origins: scheme and host, and the port where there is one, such as https://wiki.example.com',
    );
  }
  return {
    ...{ host, port: dashboard.integer('port'), allowedHosts, token, embedOrigins },
    maxClients: dashboard.integer('max_clients'),
    webhookUrl: dashboard.text('webhook_url'),
    ntfyUrl: dashboard.text('ntfy_url'),
    anomalies: dashboard.flag('anomalies'),
  };
}

/** Whether the text is an origin of web pages (RFC 6454), and nothing more, such as a path or a wildcard. */
function isOrigin(text: string): boolean {
  const [, host = '', port] = /^https?:\/\/(\[[^\]]*\]|[^:/]+)(?::(\d+))?$/.exec(text) ?? [];
  return configuredHost(host) !== null && (port === undefined || (Number(port) > 0 && Number(port) < 65_536));
}

function readStreams(value: unknown): StreamConfig[] {
  const tables = toList(value, 'stream');
  if (tables.length === 0) {
    throw new ConfigError('there is no [[stream]]: name at least one stream to show');
  }
  const streams = tables.map((entry, index) => readStream(entry, index + 1));
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
  // The environment overrides no key of a stream: there may be many.
  const stream = new Section('stream', `stream number ${position}`, value, {});
  const name = stream.present('name');
  const metrics = Object.keys(stream.textsByName('values') ?? {});
  if (metrics.length === 0) {
    throw new ConfigError(`stream "${name}" has no values: add values = { metric = "path" }`);
  }
  const illegal = metrics.find((metric) => !isMetric(metric));
  if (illegal !== undefined) {
    throw stream.wrong('values', `${JSON.stringify(illegal)} is no name for a metric: ${METRIC_RULE}`);
  }
  const windows = stream.texts('windows') ?? [];
  if (windows.length === 0) {
    throw new ConfigError(`stream "${name}" has no windows: add windows = ["10s"]`);
  }
  return {
    name,
    title: stream.text('title') ?? name,
    ...readUnits(stream, metrics),
    metrics,
    windows: checked(`windows of stream "${name}"`, () => readWindows(windows)),
    lateness: stream.duration('lateness'),
    charts: readCharts(stream, metrics),
  };
}

/** Keys of messages join a metric with other names by '|'. */
function isMetric(name: string): boolean {
  return name !== '' && Buffer.byteLength(name) <= MAX_METRIC_BYTES && !/[|\p{Cc}]/u.test(name);
}

function readWindows(labels: readonly string[]): WindowSpec[] {
  const windows = labels.map((label) => possibleWindow(label));
  const twice = windows.find(({ label }, index) => windows.findIndex((of) => of.label === label) !== index);
  if (twice !== undefined) {
    throw new Error(`"${twice.label}" is there twice: leave one out`);
  }
  return windows;
}

/** The bounds that `freshet-core` declares: the Spark job refuses what lies beyond them. */
function possibleWindow(text: string): WindowSpec {
  const window = parseWindowSpec(text);
  const { size, slide } = window;
  const pane = greatestCommonDivisor(size, slide);
  if (size > LONGEST_WINDOW || Math.floor(size / slide) > MOST_OVERLAPPING || size / pane > MOST_PANES) {
    throw new Error(
      `"${text}" is not a window: at most ${formatDuration(LONGEST_WINDOW)} are possible, with at most ` +
        `${MOST_OVERLAPPING} slides in a size, and with size and slide multiples of at least a ` +
        `${MOST_PANES}th of the size`,
    );
  }
  return window;
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}

/** One unit for all metrics, or a table with the unit of each. */
function readUnits(stream: Section, metrics: readonly string[]): Pick<StreamConfig, 'unit' | 'units'> {
  const unit = stream.textsByName('unit');
  if (unit === undefined) {
    return { unit: null, units: {} };
  }
  if (typeof unit === 'string') {
    return { unit, units: Object.fromEntries(metrics.map((metric) => [metric, unit])) };
  }
  const unknown = Object.keys(unit).find((metric) => !metrics.includes(metric));
  if (unknown !== undefined) {
    throw stream.wrong('unit', `there is no metric "${unknown}"; there are: ${metrics.join(', ')}`);
  }
  return { unit: null, units: unit };
}

function checked<Value>(what: string, read: () => Value): Value {
  try {
    return read();
  } catch (error) {
    throw new ConfigError(`${what}: ${messageOf(error)}`);
  }
}

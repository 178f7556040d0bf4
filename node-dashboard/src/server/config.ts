import path from 'node:path';
import { parse, TomlError } from 'smol-toml';
import {
  ConfigError,
  declared,
  isPlain,
  items,
  PlaceError,
  readText,
  refuseUnknownKeys,
  refuseUnknownVariables,
  Section,
  tablesBelow,
  toList,
  type Environment,
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
import { lineOf } from './config-lines.ts';
import type { Table } from './config-values.ts';
import { messageOf } from './errors.ts';
import { configuredHost, isLoopback } from './hosts.ts';
import { formatDuration, parseWindowSpec, type WindowSpec } from '../shared/window-spec.ts';

export { ConfigError } from './config-section.ts';

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

const METRIC_RULE = `it is empty, has more than ${MAX_METRIC_BYTES} bytes, a '|' or a control character`;

/**
 * Reads the configuration from a file and the environment. Keys, kinds, defaults and bounds are those that
 * `freshet-core` declares; rules between keys are the same as there, and the tests of both run the same table of
 * configurations. What is wrong is told with the file, its line, and the key.
 */
export function loadConfig(file: string, environment: Environment): Config {
  let text: string;
  try {
    text = readText(file);
  } catch (error) {
    throw new ConfigError(`${file}: cannot read the file: ${messageOf(error)}; name the file with -c`);
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
    throw error instanceof PlaceError
      ? new ConfigError(`${file}:${lineOf(text, error.place)}: ${error.message}`)
      : error;
  }
}

/** The library's message quotes the lines around the fault, and a password may stand there: its first line does not. */
function notToml(file: string, error: unknown): ConfigError {
  const line = error instanceof TomlError ? `:${error.line}` : '';
  const [reason = ''] = messageOf(error)
    .replace(/^Invalid TOML document: /, '')
    .split('\n');
  return new ConfigError(`${file}${line}: not valid TOML: ${reason}`);
}

function readConfig(document: Table, environment: Environment, folder: string): Config {
  const tables = tablesBelow('');
  refuseUnknownKeys(document, [], tables);
  refuseUnknownVariables(environment);
  // All are checked, though nothing is needed of some.
  const sections = new Map(
    tables.filter(isPlain).map((name) => [name, new Section([name], document[name], environment)]),
  );
  const section = (name: string): Section => declared(sections.get(name), name);
  const streams = readStreams(document.stream);
  checkSources(toList(document.source, ['source']), streams);
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
  for (const [index, value] of sources.entries()) {
    const source = new Section(['source', index], value, {}, 'others are read elsewhere');
    const stream = source.present('stream');
    if (!names.includes(stream)) {
      throw source.wrong('stream', `there is no stream '${stream}'; there are: ${names.join(', ')}`);
    }
    const name = source.text('name') ?? source.present('kind');
    // Variables know a source by its name, in which they have no other signs.
    const variables = name.replace(/[.-]/g, '_');
    const other = known.get(variables);
    if (other !== undefined) {
      throw source.wrong(
        'name',
        `two sources are called '${other}' and '${name}'; give each a \`name\` that differs in more than '.', '_' and '-'`,
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
    throw security.wrong(unused, "has no effect without protocol = 'sasl_ssl' or 'sasl_plaintext'");
  }
  const tls = protocol === 'ssl' || protocol === 'sasl_ssl';
  if (!tls && security.text('ca_file') !== undefined) {
    throw security.wrong('ca_file', "has no effect without protocol = 'ssl' or 'sasl_ssl'");
  }
  const needed = (key: string): string => {
    const value = security.text(key);
    if (value === undefined) {
      throw security.wrong(key, `is missing: protocol '${protocol}' needs it`);
    }
    return value;
  };
  return {
    bootstrapServers: items(kafka.present('bootstrap_servers')),
    topicPrefix: kafka.present('topic_prefix'),
    tls,
    caFile: security.file('ca_file', folder),
    sasl: usesSasl
      ? {
          mechanism: needed('sasl_mechanism') as SaslMechanism,
          username: needed('username'),
          password: needed('password'),
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
    throw cassandra.wrong(
      'contact_points',
      "name at least one node as 'host:port', such as '127.0.0.1:9042'",
    );
  }
  if ((cassandra.text('username') === undefined) !== (cassandra.text('password') === undefined)) {
    throw cassandra.wrong('username', 'username and password go together');
  }
  if (cassandra.text('server_name') !== undefined && cassandra.text('ca_file') === undefined) {
    throw cassandra.wrong(
      'server_name',
      'has no effect without ca_file, which encrypts the connection: set both, or neither',
    );
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
  const noHost = allowedHosts.find((name) => configuredHost(name) === null);
  if (noHost !== undefined) {
    throw dashboard.wrong(
      'allowed_hosts',
      `'${noHost}' is not a host: write a name or an address, without scheme, port or wildcard`,
    );
  }
  const embedOrigins = dashboard.texts('embed_origins') ?? [];
  const noOrigin = embedOrigins.find((origin) => !isOrigin(origin));
  if (noOrigin !== undefined) {
    throw dashboard.wrong(
      'embed_origins',
      `'${noOrigin}' is not an origin: write scheme and host, and the port where there is one, such as ` +
        'https://wiki.example.com',
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
  const tables = toList(value, ['stream']);
  if (tables.length === 0) {
    throw new PlaceError(['stream'], 'there is none: write at least one [[stream]]');
  }
  const names = new Map<string, string>();
  return tables.map((entry, index) => {
    // The environment overrides no key of a stream: there may be many.
    const section = new Section(['stream', index], entry, {});
    const stream = readStream(section);
    refuseCollidingName(section, stream.name, names);
    return stream;
  });
}

/** Kafka keeps its metrics under names in which '.' and '_' are one, and takes no such pair of topics. */
function refuseCollidingName(stream: Section, name: string, names: Map<string, string>): void {
  const ofMetrics = name.replaceAll('.', '_');
  const other = names.get(ofMetrics);
  if (other !== undefined) {
    throw stream.wrong(
      'name',
      other === name
        ? `two streams are called '${name}'; give each its own name`
        : `Kafka takes no topics whose names differ in '.' and '_' only, such as those of '${other}'; ` +
            'choose another name',
    );
  }
  names.set(ofMetrics, name);
}

function readStream(stream: Section): StreamConfig {
  const name = stream.present('name');
  const metrics = Object.keys(stream.textsByName('values') ?? {});
  if (metrics.length === 0) {
    throw stream.wrong('values', 'name at least one metric, such as { temperature = "temp" }');
  }
  const illegal = metrics.find((metric) => !isMetric(metric));
  if (illegal !== undefined) {
    throw stream.wrong('values', `${JSON.stringify(illegal)} is no name for a metric: ${METRIC_RULE}`);
  }
  return {
    name,
    title: stream.text('title') ?? name,
    ...readUnits(stream, metrics),
    metrics,
    windows: readWindows(stream),
    lateness: stream.duration('lateness'),
    charts: readCharts(stream, metrics),
  };
}

/** Keys of messages join a metric with other names by '|'. */
function isMetric(name: string): boolean {
  return name !== '' && Buffer.byteLength(name) <= MAX_METRIC_BYTES && !/[|\p{Cc}]/u.test(name);
}

function readWindows(stream: Section): WindowSpec[] {
  const windows: WindowSpec[] = [];
  for (const text of stream.texts('windows') ?? []) {
    const window = possibleWindow(stream, text);
    if (windows.some(({ label }) => label === window.label)) {
      throw stream.wrong('windows', `'${text}' is there twice`);
    }
    windows.push(window);
  }
  if (windows.length === 0) {
    throw stream.wrong('windows', 'name at least one, such as "10s"');
  }
  return windows;
}

/** The bounds that `freshet-core` declares: the Spark job refuses what lies beyond them. */
function possibleWindow(stream: Section, text: string): WindowSpec {
  const { size, slide, label } = readWindow(stream, text);
  if (size > LONGEST_WINDOW || Math.floor(size / slide) > MOST_OVERLAPPING) {
    throw stream.wrong(
      'windows',
      `'${text}' is not a window: write a size such as '10s', or a size and a shorter slide such as '5m/1m', of at ` +
        `most ${formatDuration(LONGEST_WINDOW)} and with at most ${MOST_OVERLAPPING} slides in a size`,
    );
  }
  const pane = greatestCommonDivisor(size, slide);
  if (size / pane > MOST_PANES) {
    throw stream.wrong(
      'windows',
      `'${text}' is not a window to work with: size and slide are multiples of ${pane} ms only, which is less than a ` +
        `${MOST_PANES}th of the size; choose a slide of which the size is a multiple`,
    );
  }
  return { label, size, slide };
}

function readWindow(stream: Section, text: string): WindowSpec {
  try {
    return parseWindowSpec(text);
  } catch (error) {
    throw stream.wrong('windows', messageOf(error));
  }
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
    throw stream.wrong('unit', `there is no metric '${unknown}'; there are: ${metrics.join(', ')}`);
  }
  return { unit: null, units: unit };
}

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
import type { Consistency, SaslMechanism } from './generated/configuration.ts';
import { readAlerts, type AlertConfig } from './config-alerts.ts';
import { lineOf } from './config-lines.ts';
import { readStreams, type StreamConfig } from './config-streams.ts';
import type { Table } from './config-values.ts';
import { messageOf } from './errors.ts';
import { configuredHost, isLoopback } from './hosts.ts';

export { ConfigError } from './config-section.ts';
export type { StreamConfig } from './config-streams.ts';

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

/** The part of freshet.toml that the dashboard reads. */
export interface Config {
  readonly kafka: KafkaConfig;
  readonly cassandra: CassandraConfig;
  readonly dashboard: DashboardConfig;
  readonly streams: readonly StreamConfig[];
  readonly alerts: readonly AlertConfig[];
}

const SASL_KEYS = ['sasl_mechanism', 'username', 'password'] as const;

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
    if (error instanceof PlaceError) {
      const line = lineOf(text, error.place);
      throw new ConfigError(`${file}${line === null ? '' : `:${line}`}: ${error.message}`);
    }
    throw error;
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
  checkSchemaRegistry(section('schema_registry'));
  const kafka = readKafka(section('kafka'), folder);
  const streams = readStreams(document.stream, kafka.topicPrefix);
  checkSources(toList(document.source, ['source']), streams);
  return {
    kafka,
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
    const fed = streams.find((one) => one.name === stream);
    if (fed === undefined) {
      throw source.wrong('stream', `there is no stream '${stream}'; there are: ${names.join(', ')}`);
    }
    const [topic = ''] = fed.topics;
    if (topic.includes('*')) {
      throw source.wrong(
        'stream',
        `the stream '${stream}' reads '${topic}', which is no topic to send to: name one first in its 'topics'`,
      );
    }
    const name = source.text('name') ?? source.present('kind');
    // Variables know a source by its name, in which they have no other signs.
    const variables = name.replace(/[.-]/g, '_');
    const other = known.get(variables);
    if (other !== undefined) {
      throw source.wrong(
        'name',
        `two sources are called '${other}' and '${name}'; give each a \`name\` that differs in more than '.', '_' ` +
          "and '-'",
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

/** An address that requests can be sent to, without user and password. */
const REGISTRY_ADDRESS = /^https?:\/\/[^\s/?#@,]+(\/[^\s?#,]*)?$/;

/** Where schemas are asked for, which is the business of those who read records. */
function checkSchemaRegistry(registry: Section): void {
  const urls = registry.texts('url');
  if (urls === undefined) {
    const unused = ['username', 'password', 'ca_file', 'timeout'].find((key) => registry.isGiven(key));
    if (unused !== undefined) {
      throw registry.wrong(unused, 'has no effect without url');
    }
    return;
  }
  if (urls.length === 0 || !urls.every((url) => REGISTRY_ADDRESS.test(url))) {
    throw registry.wrong(
      'url',
      "name at least one address such as 'https://schemas.example.org:8081', without user and password",
    );
  }
  if ((registry.text('username') === undefined) !== (registry.text('password') === undefined)) {
    throw registry.wrong('username', 'username and password go together');
  }
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

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { ConfigError, loadConfig, type Config } from '../src/server/config.ts';

/** A configuration, and what comes of it: values, or an error that names something. */
interface Row {
  readonly name: string;
  readonly text: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly files: Readonly<Record<string, string>>;
  readonly ok?: Readonly<Record<string, unknown>>;
  readonly error?: string;
  /** The whole error, in the words of both. */
  readonly message?: string;
  /** A secret that the error must not show. */
  readonly hides?: string;
}

/** The table that the tests of the Rust core read as well: both accept and refuse the same configurations. */
const table = path.join(import.meta.dirname, '../../rust/freshet-core/tests/configurations.json');
const rows = JSON.parse(readFileSync(table, 'utf8')) as Row[];

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'freshet-configurations-'));
});

afterEach(() => {
  rmSync(folder, { recursive: true });
});

function load(row: Row): Config {
  const file = path.join(folder, 'freshet.toml');
  writeFileSync(file, row.text);
  for (const [name, content] of Object.entries(row.files)) {
    writeFileSync(path.join(folder, name), content);
  }
  const variables = Object.entries(row.environment);
  const environment = variables.map(([name, value]) => [name, value.replace('{folder}', folder)] as const);
  return loadConfig(file, Object.fromEntries(environment));
}

function failure(row: Row): Error {
  try {
    load(row);
  } catch (error) {
    return error as Error;
  }
  throw new Error('it was taken');
}

/** The values that a row of the table may name. */
function values(config: Config): Record<string, unknown> {
  const stream = config.streams[0];
  return {
    keyspace: config.cassandra.keyspace,
    consistency: config.cassandra.consistency,
    contact_points: config.cassandra.contactPoints,
    kafka_ca_file: config.kafka.caFile,
    port: config.dashboard.port,
    allowed_hosts: config.dashboard.allowedHosts,
    token: config.dashboard.token ?? null,
    title: stream?.title,
    windows: stream?.windows.map(({ label }) => label),
    charts: stream?.charts.map((chart) => ({ ...chart, series: chart.series ?? [] })),
    alerts: config.alerts.map(({ window, lasting, ...alert }) => ({
      ...alert,
      window: window.label,
      for: lasting,
    })),
    webhook_url: config.dashboard.webhookUrl,
    ntfy_url: config.dashboard.ntfyUrl,
    embed_origins: config.dashboard.embedOrigins,
    max_clients: config.dashboard.maxClients,
    anomalies: config.dashboard.anomalies,
  };
}

it.each(rows.map((row) => [row.name, row] as const))('takes the configuration as the core: %s', (_, row) => {
  if (row.error === undefined) {
    const expected = JSON.stringify(row.ok ?? {}).replace('{folder}', folder);
    expect(values(load(row))).toMatchObject(JSON.parse(expected) as object);
  } else {
    const error = failure(row);
    expect(error).toBeInstanceOf(ConfigError);
    expect(error.message).toContain(row.error);
    if (row.message !== undefined) {
      expect(error.message).toBe(row.message.replace('{folder}', folder));
    }
    if (row.hides !== undefined) {
      expect(error.message).not.toContain(row.hides);
    }
  }
});

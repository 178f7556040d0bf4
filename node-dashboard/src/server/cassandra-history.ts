import { X509Certificate } from 'node:crypto';
import { checkServerIdentity } from 'node:tls';
import cassandra from 'cassandra-driver';
import type { FastifyBaseLogger } from 'fastify';
import type { ConnectionHealth, SeriesAnswer, SeriesInfo } from '../shared/api.ts';
import { bucketsOf, type WindowSpec } from '../shared/window-spec.ts';
import type { WindowValue } from '../shared/window.ts';
import { Backoff, pause } from './backoff.ts';
import { describe, isOutdated, isRefused, unavailable } from './cassandra-errors.ts';
import { selectWindows, toSeriesRow, toWindow, withMetric } from './cassandra-rows.ts';
import { readAuthorities } from './certificates.ts';
import type { CassandraConfig } from './config.ts';
import type { ErrorCounts } from './error-counts.ts';
import { UnavailableError } from './errors.ts';
import type { Consistency } from './generated/configuration.ts';
import { limited } from './limited.ts';

/** What the driver calls the levels that may be configured: one that the core gets needs a line here. */
const CONSISTENCIES: Readonly<Record<Consistency, cassandra.types.consistencies>> = {
  one: cassandra.types.consistencies.one,
  local_one: cassandra.types.consistencies.localOne,
  two: cassandra.types.consistencies.two,
  three: cassandra.types.consistencies.three,
  quorum: cassandra.types.consistencies.quorum,
  local_quorum: cassandra.types.consistencies.localQuorum,
  each_quorum: cassandra.types.consistencies.eachQuorum,
  all: cassandra.types.consistencies.all,
};

/** Which windows are asked for: those that start in `[from, to)`. */
export interface WindowsQuery {
  readonly stream: string;
  readonly series: string;
  readonly metric: string;
  readonly window: WindowSpec;
  readonly from: number;
  readonly to: number;
}

const CONNECT_TIMEOUT = 5000;
const READ_TIMEOUT = 10_000;
/** A node that is lost is tried again this often; the driver's own waits grow to ten minutes. */
const RECONNECT_INTERVAL = 2000;
/** How often Cassandra is asked whether it is there, and how long it may take to say so: its connections outlive it. */
const PROBE_INTERVAL = 2000;
const PROBE_TIMEOUT = 2000;
/** Which columns the table of windows has: the writer adds some when it is updated. */
const PROBE =
  "SELECT column_name FROM system_schema.columns WHERE keyspace_name = ? AND table_name = 'windows'";
const PAGE_ROWS = 5000;
/** A search looks at no more rows than this, so that one request cannot read a huge table of series. */
const MAX_SEARCHED = 100_000;

/**
 * Reads what the writer has stored. Connects by itself, as soon as Cassandra is there, and asks it again and again
 * whether it still is.
 */
export class CassandraHistory {
  readonly #config: CassandraConfig;
  readonly #log: FastifyBaseLogger;
  readonly #errors: ErrorCounts;
  readonly #stop = new AbortController();
  readonly #selectSeries: string;
  #client: cassandra.Client | undefined;
  #running: Promise<void> | undefined;
  /** The columns of the table `windows`, as far as they are known. */
  #columns: ReadonlySet<string> = new Set();
  /** Why Cassandra cannot be asked; empty when it answers. */
  #problem: string;

  constructor(config: CassandraConfig, log: FastifyBaseLogger, errors: ErrorCounts) {
    this.#config = config;
    this.#log = log;
    this.#errors = errors;
    this.#problem = `${this.#address} has not answered yet`;
    this.#selectSeries = `SELECT series, metric, last_seen FROM ${config.keyspace}.series WHERE stream = ?`;
  }

  /** Begins to connect; returns at once, whether or not Cassandra is there. */
  start(): void {
    this.#running ??= this.#run();
  }

  /** Closes the connections. */
  async close(): Promise<void> {
    this.#stop.abort();
    await this.#running;
    await this.#client?.shutdown();
  }

  /** Whether Cassandra answers, and if not, why. */
  get health(): ConnectionHealth {
    return { connected: this.#problem === '', message: this.#problem };
  }

  /** The stored windows that start in `[from, to)`, ascending by start. */
  async windows(query: WindowsQuery): Promise<WindowValue[]> {
    const { stream, series, metric, window, from, to } = query;
    const partitions = bucketsOf(window, from, to).map((bucket) =>
      this.#rows(
        () => selectWindows(this.#config.keyspace, this.#columns),
        [stream, series, metric, window.label, new Date(bucket), new Date(from), new Date(to)],
        toWindow,
      ),
    );
    // A partition is stored newest first, and read fastest that way.
    const windows = (await Promise.all(partitions)).flatMap((rows) => rows.reverse());
    const complete = windows.filter((value) => value !== null);
    if (complete.length < windows.length) {
      const incomplete = windows.length - complete.length;
      this.#errors.add('invalid_window', `${incomplete} stored windows of ${stream} lack values`, incomplete);
    }
    return complete;
  }

  /** The stream's series whose name contains `search`, in any case; at most `limit` of them. */
  async series(stream: string, search: string, limit: number): Promise<SeriesAnswer> {
    const wanted = search.toLowerCase();
    const found = new Map<string, SeriesInfo>();
    let searched = 0;
    const rows = await this.#rows(
      () => this.#selectSeries,
      [stream],
      toSeriesRow,
      (row) => {
        searched += 1;
        if (row.series.toLowerCase().includes(wanted)) {
          found.set(row.series, withMetric(found.get(row.series), row));
        }
        return found.size <= limit && searched < MAX_SEARCHED;
      },
    );
    const series = [...found.values()].slice(0, limit);
    return { series, truncated: found.size > limit || rows.length >= MAX_SEARCHED };
  }

  /** Reads the rows of a statement about another table of the keyspace. */
  async read<Row>(
    statement: (keyspace: string) => string,
    values: readonly unknown[],
    read: (row: cassandra.types.Row) => Row,
  ): Promise<Row[]> {
    return this.#rows(() => statement(this.#config.keyspace), values, read);
  }

  /**
   * Changes a row of another table of the keyspace. Returns what Cassandra answers to a change with a condition. It is
   * not repeated where it may have been made: whoever repeats such a change does not get to know whether it was.
   */
  async change(
    statement: (keyspace: string) => string,
    values: readonly unknown[],
  ): Promise<cassandra.types.Row | undefined> {
    if (this.#client === undefined) {
      throw new UnavailableError(this.#problem);
    }
    try {
      const options = { isIdempotent: false, serialConsistency: cassandra.types.consistencies.localSerial };
      const text = () => statement(this.#config.keyspace);
      const answer = await this.#execute(this.#client, text, values, options, isRefused);
      return answer.rowLength > 0 ? answer.first() : undefined;
    } catch (error) {
      const told = unavailable(this.#address, error) ?? error;
      this.#errors.add('cassandra_read', describe(told));
      throw told;
    }
  }

  get #address(): string {
    return `cassandra at ${this.#config.contactPoints.join(',')}`;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    await this.#connect(signal);
    while (!signal.aborted) {
      await pause(PROBE_INTERVAL, signal);
      await this.#probe(signal);
    }
  }

  async #connect(signal: AbortSignal): Promise<void> {
    const backoff = new Backoff();
    while (!signal.aborted && this.#client === undefined) {
      let client: cassandra.Client | undefined;
      try {
        client = new cassandra.Client(clientOptions(this.#config));
        await client.connect();
        await this.#readColumns(client);
        this.#client = client;
        this.#answered();
      } catch (error) {
        await client?.shutdown().catch(() => undefined);
        this.#failed(`${this.#address} is not reachable: ${describe(error)}`);
        await backoff.wait(signal);
      }
    }
  }

  /** Asks for something that every node has: a node that is stopped, or cut off, keeps its connections open. */
  async #probe(signal: AbortSignal): Promise<void> {
    if (this.#client === undefined || signal.aborted) {
      return;
    }
    try {
      await limited(this.#readColumns(this.#client), PROBE_TIMEOUT, signal);
      this.#answered();
    } catch (error) {
      if (!this.#stop.signal.aborted) {
        this.#failed(`${this.#address} does not answer: ${describe(error)}`);
      }
    }
  }

  async #readColumns(client: cassandra.Client): Promise<void> {
    const options = { consistency: cassandra.types.consistencies.localOne, readTimeout: PROBE_TIMEOUT };
    const { rows } = await client.execute(PROBE, [this.#config.keyspace.toLowerCase()], options);
    this.#columns = new Set(rows.map(({ column_name: name }) => String(name)));
  }

  #answered(): void {
    if (this.#problem !== '') {
      this.#log.info(`connected to ${this.#address}`);
      this.#problem = '';
    }
  }

  #failed(problem: string): void {
    if (this.#problem !== problem) {
      this.#log.warn(problem);
      this.#problem = problem;
    }
    this.#errors.add('cassandra_read', problem);
  }

  /** Reads the rows of a statement, page by page, until `wanted` says that it is enough. */
  async #rows<Row>(
    statement: () => string,
    values: readonly unknown[],
    read: (row: cassandra.types.Row) => Row,
    wanted: (row: Row) => boolean = () => true,
  ): Promise<Row[]> {
    if (this.#client === undefined) {
      throw new UnavailableError(this.#problem);
    }
    const rows: Row[] = [];
    try {
      let pageState: string | null | undefined;
      do {
        // Row by row the driver's own iterator would wait a turn for each of many thousands.
        const page = await this.#execute(this.#client, statement, values, pageState ? { pageState } : {});
        for (const row of page.rows.map(read)) {
          rows.push(row);
          if (!wanted(row)) {
            return rows;
          }
        }
        ({ pageState } = page);
      } while (pageState);
    } catch (error) {
      const told = unavailable(this.#address, error) ?? error;
      this.#errors.add('cassandra_read', describe(told));
      throw told;
    }
    return rows;
  }

  /**
   * Carries out a statement; makes and prepares it anew when the tables may no longer be those that it was made for.
   */
  async #execute(
    client: cassandra.Client,
    statement: () => string,
    values: readonly unknown[],
    options: cassandra.QueryOptions = {},
    mayBeRepeated: (error: unknown) => boolean = isOutdated,
  ): Promise<cassandra.types.ResultSet> {
    const execute = () =>
      client.execute(statement(), [...values], { prepare: true, fetchSize: PAGE_ROWS, ...options });
    try {
      return await execute();
    } catch (error) {
      if (!mayBeRepeated(error)) {
        throw error;
      }
      client.metadata.clearPrepared();
      await this.#readColumns(client);
      return await execute();
    }
  }
}

/**
 * What a node's certificate has to be for: its address, to which the driver connects, or the configured name. That has
 * to be one of its DNS names, to the letter but for the case, as the writer compares them: a wildcard or a common name
 * would let in the dashboard alone.
 */
export function identityCheck(serverName: string | undefined): typeof checkServerIdentity {
  return (address, certificate) => {
    const wrong = checkServerIdentity(address, certificate);
    if (wrong === undefined || serverName === undefined) {
      return wrong;
    }
    const exactly = { subject: 'never', wildcards: false } as const;
    return new X509Certificate(certificate.raw).checkHost(serverName, exactly) !== undefined
      ? undefined
      : new Error(
          `the certificate is neither for ${address} nor, to the letter, for "${serverName}", which ` +
            `cassandra.server_name says; it is for: ${certificate.subjectaltname ?? 'no name'}`,
        );
  };
}

function clientOptions(config: CassandraConfig): cassandra.ClientOptions {
  const { username, password } = config;
  const { ConstantReconnectionPolicy } = cassandra.policies.reconnection;
  return {
    contactPoints: [...config.contactPoints],
    localDataCenter: config.localDatacenter,
    ...(username !== undefined && password !== undefined && { credentials: { username, password } }),
    ...(config.caFile !== undefined && {
      sslOptions: {
        ca: [readAuthorities(config.caFile, 'cassandra.ca_file')],
        rejectUnauthorized: true,
        checkServerIdentity: identityCheck(config.serverName),
      },
    }),
    socketOptions: { connectTimeout: CONNECT_TIMEOUT, readTimeout: READ_TIMEOUT },
    policies: { reconnection: new ConstantReconnectionPolicy(RECONNECT_INTERVAL) },
    encoding: { useBigIntAsLong: true },
    queryOptions: {
      isIdempotent: true,
      consistency: CONSISTENCIES[config.consistency],
    },
  };
}

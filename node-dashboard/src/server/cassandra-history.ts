import { readFileSync } from 'node:fs';
import cassandra from 'cassandra-driver';
import type { FastifyBaseLogger } from 'fastify';
import type { ConnectionHealth, SeriesAnswer, SeriesInfo } from '../shared/api.ts';
import { bucketsOf, type WindowSpec } from '../shared/window-spec.ts';
import type { WindowValue } from '../shared/window.ts';
import { Backoff } from './backoff.ts';
import { messageOf, type CassandraConfig } from './config.ts';
import type { ErrorCounts } from './error-counts.ts';
import { UnavailableError } from './errors.ts';

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
const PAGE_ROWS = 5000;
/** A search looks at no more rows than this, so that one request cannot read a huge table of series. */
const MAX_SEARCHED = 100_000;

/** Reads what the writer has stored. Connects by itself, as soon as Cassandra is there. */
export class CassandraHistory {
  readonly #config: CassandraConfig;
  readonly #log: FastifyBaseLogger;
  readonly #errors: ErrorCounts;
  readonly #stop = new AbortController();
  readonly #selectWindows: string;
  readonly #selectSeries: string;
  #client: cassandra.Client | undefined;
  #running: Promise<void> | undefined;
  #problem: string;

  constructor(config: CassandraConfig, log: FastifyBaseLogger, errors: ErrorCounts) {
    this.#config = config;
    this.#log = log;
    this.#errors = errors;
    this.#problem = `${this.#address} has not answered yet`;
    this.#selectWindows =
      `SELECT start, "end", count, sum, avg, min, max, stddev, p50, p95, p99, last_event, revision, ` +
      `WRITETIME(revision) AS written FROM ${config.keyspace}.windows WHERE stream = ? AND series = ? ` +
      `AND metric = ? AND "window" = ? AND bucket = ? AND start >= ? AND start < ?`;
    this.#selectSeries = `SELECT series, metric, last_seen FROM ${config.keyspace}.series WHERE stream = ?`;
  }

  /** Begins to connect; returns at once, whether or not Cassandra is there. */
  start(): void {
    this.#running ??= this.#connect();
  }

  /** Closes the connections. */
  async close(): Promise<void> {
    this.#stop.abort();
    await this.#running;
    await this.#client?.shutdown();
  }

  /** Whether Cassandra answers, and if not, why. */
  get health(): ConnectionHealth {
    const up = this.#client?.getState().getConnectedHosts().length ?? 0;
    if (this.#client === undefined) {
      return { connected: false, message: this.#problem };
    }
    return { connected: up > 0, message: up > 0 ? '' : `the connection to ${this.#address} is lost` };
  }

  /** The stored windows that start in `[from, to)`, ascending by start. */
  async windows(query: WindowsQuery): Promise<WindowValue[]> {
    const { stream, series, metric, window, from, to } = query;
    const partitions = bucketsOf(window, from, to).map((bucket) =>
      this.#rows(
        this.#selectWindows,
        [stream, series, metric, window.label, new Date(bucket), new Date(from), new Date(to)],
        toWindow,
      ),
    );
    // A partition is stored newest first, and read fastest that way.
    return (await Promise.all(partitions)).flatMap((windows) => windows.reverse());
  }

  /** The stream's series whose name contains `search`, in any case; at most `limit` of them. */
  async series(stream: string, search: string, limit: number): Promise<SeriesAnswer> {
    const wanted = search.toLowerCase();
    const found = new Map<string, SeriesInfo>();
    let searched = 0;
    const rows = await this.#rows(this.#selectSeries, [stream], toSeriesRow, (row) => {
      searched += 1;
      if (row.series.toLowerCase().includes(wanted)) {
        found.set(row.series, withMetric(found.get(row.series), row));
      }
      return found.size <= limit && searched < MAX_SEARCHED;
    });
    const series = [...found.values()].slice(0, limit);
    return { series, truncated: found.size > limit || rows.length >= MAX_SEARCHED };
  }

  get #address(): string {
    return `cassandra at ${this.#config.contactPoints.join(',')}`;
  }

  async #connect(): Promise<void> {
    const backoff = new Backoff();
    while (!this.#stop.signal.aborted && this.#client === undefined) {
      const client = new cassandra.Client(clientOptions(this.#config));
      try {
        await client.connect();
        this.#client = client;
        this.#log.info(`connected to ${this.#address}`);
      } catch (error) {
        await client.shutdown().catch(() => undefined);
        this.#errors.add('cassandra_read');
        this.#note(`${this.#address} is not reachable: ${describe(error)}`);
        await backoff.wait(this.#stop.signal);
      }
    }
  }

  #note(problem: string): void {
    if (this.#problem !== problem) {
      this.#log.warn(problem);
      this.#problem = problem;
    }
  }

  /** Reads the rows of a statement, page by page, until `wanted` says that it is enough. */
  async #rows<Row>(
    statement: string,
    values: readonly unknown[],
    read: (row: cassandra.types.Row) => Row,
    wanted: (row: Row) => boolean = () => true,
  ): Promise<Row[]> {
    if (this.#client === undefined) {
      throw new UnavailableError(this.#problem);
    }
    const rows: Row[] = [];
    try {
      const result = await this.#client.execute(statement, [...values], {
        prepare: true,
        fetchSize: PAGE_ROWS,
      });
      for await (const row of result) {
        rows.push(read(row));
        if (!wanted(rows.at(-1) as Row)) {
          break;
        }
      }
    } catch (error) {
      this.#errors.add('cassandra_read');
      throw this.#unavailable(error) ?? error;
    }
    return rows;
  }

  #unavailable(error: unknown): UnavailableError | null {
    if (error instanceof cassandra.errors.ResponseError) {
      if (error.code === INVALID && /does not exist|unconfigured/.test(error.message)) {
        const advice = 'start freshet-cassandra-writer, it creates the tables';
        return new UnavailableError(`${this.#address} has no windows yet (${error.message}): ${advice}`);
      }
      return TRANSIENT.has(error.code) ? new UnavailableError(`${this.#address}: ${error.message}`) : null;
    }
    const lost =
      error instanceof cassandra.errors.NoHostAvailableError ||
      error instanceof cassandra.errors.OperationTimedOutError ||
      error instanceof cassandra.errors.BusyConnectionError;
    return lost ? new UnavailableError(`${this.#address} does not answer: ${describe(error)}`) : null;
  }
}

const { responseErrorCodes } = cassandra.types;

/** What a node says of a statement that it cannot carry out, for example because the table does not exist. */
const INVALID: number = responseErrorCodes.invalid;

/** What a node says when it, or too many of the others, cannot answer at the moment. */
const TRANSIENT: ReadonlySet<number> = new Set([
  responseErrorCodes.unavailableException,
  responseErrorCodes.overloaded,
  responseErrorCodes.isBootstrapping,
  responseErrorCodes.readTimeout,
  responseErrorCodes.readFailure,
]);

function clientOptions(config: CassandraConfig): cassandra.ClientOptions {
  const { username, password } = config;
  return {
    contactPoints: [...config.contactPoints],
    localDataCenter: config.localDatacenter,
    ...(username !== undefined && password !== undefined && { credentials: { username, password } }),
    ...(config.caFile !== undefined && {
      sslOptions: { ca: [readFileSync(config.caFile)], rejectUnauthorized: true },
    }),
    socketOptions: { connectTimeout: CONNECT_TIMEOUT, readTimeout: READ_TIMEOUT },
    encoding: { useBigIntAsLong: true },
    queryOptions: {
      isIdempotent: true,
      consistency: cassandra.types.consistencies[camelCase(config.consistency)],
    },
  };
}

function camelCase(name: CassandraConfig['consistency']): keyof typeof cassandra.types.consistencies {
  return name.replace(/_(.)/, (_, letter: string) =>
    letter.toUpperCase(),
  ) as keyof typeof cassandra.types.consistencies;
}

interface SeriesRow {
  readonly series: string;
  readonly metric: string;
  readonly lastSeen: number;
}

function toSeriesRow(row: cassandra.types.Row): SeriesRow {
  return {
    series: String(row.series),
    metric: String(row.metric),
    lastSeen: milliseconds(row.last_seen),
  };
}

function withMetric(known: SeriesInfo | undefined, { series, metric, lastSeen }: SeriesRow): SeriesInfo {
  return {
    series,
    metrics: [...(known?.metrics ?? []), metric],
    last_seen: Math.max(known?.last_seen ?? 0, lastSeen),
  };
}

function toWindow(row: cassandra.types.Row): WindowValue {
  const end = milliseconds(row.end);
  const revision = Number(row.revision);
  return {
    start: milliseconds(row.start),
    end,
    count: Number(row.count),
    sum: Number(row.sum),
    avg: Number(row.avg),
    min: Number(row.min),
    max: Number(row.max),
    stddev: Number(row.stddev),
    p50: Number(row.p50),
    p95: Number(row.p95),
    p99: Number(row.p99),
    last_event: milliseconds(row.last_event),
    generation: generationOf(row.written as bigint, end, revision),
    revision,
  };
}

/** The writer's timestamp is `end in µs + generation·2^30 + revision`: it tells the generation, which has no column. */
export function generationOf(written: bigint, end: number, revision: number): number {
  return Number((written - BigInt(end) * 1000n - BigInt(revision)) >> 30n);
}

function milliseconds(timestamp: unknown): number {
  return timestamp instanceof Date ? timestamp.getTime() : 0;
}

/** The driver's message says only that all hosts failed; what each of them said is more helpful. */
function describe(error: unknown): string {
  const inner =
    error instanceof cassandra.errors.NoHostAvailableError
      ? Object.values<unknown>(error.innerErrors as Record<string, unknown>)
      : [];
  const messages = new Set(inner.map(messageOf));
  return messages.size > 0 ? [...messages].join('; ') : messageOf(error);
}

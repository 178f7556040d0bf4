import type { CassandraHistory } from '../cassandra-history.ts';
import type { Subject } from './rules.ts';
import type { Silence } from './silences.ts';
import type { Watch } from './state.ts';

/** What is stored of a subject. */
export type StoredState = Pick<Watch, 'state' | 'since' | 'value'>;

/** What is stored of a subject, and whether people were told of it. */
export interface StoredAlert {
  readonly subject: Subject;
  readonly stored: StoredState;
  /** The dashboard that tells people; null when they need not be told, or an earlier version stored it. */
  readonly toldBy: string | null;
  /** The `since` of the state that they were told of last. */
  readonly told: number | null;
}

/** Where the states of alerts are kept, for this dashboard and for others of the same pipeline. */
export interface AlertStore {
  /** All that is stored. */
  load(streams: readonly string[]): Promise<StoredAlert[]>;
  /**
   * Stores a state, and which dashboard tells people of it, if what is stored is still `from`, which is null for
   * nothing. Returns null when it did, and what is stored instead when it did not.
   */
  replace(
    subject: Subject,
    from: StoredState | null,
    to: StoredState,
    toldBy: string | null,
  ): Promise<StoredState | null>;
  /** Another dashboard tells people of what is stored, if they were not told since; returns whether it was so. */
  takeOver(alert: StoredAlert, toldBy: string): Promise<boolean>;
  /** People were told of the state since then, if it is still that one. */
  told(subject: Subject, since: number): Promise<void>;
  /** The dashboards that watch these streams, as far as they have said so lately. */
  dashboards(streams: readonly string[]): Promise<ReadonlySet<string>>;
  /** A dashboard says that it watches these streams; that holds for {@link PRESENCE}. */
  watch(dashboard: string, streams: readonly string[]): Promise<void>;
  /** A dashboard says that it watches them no longer. */
  leave(dashboard: string, streams: readonly string[]): Promise<void>;
  silences(): Promise<Silence[]>;
  silence(silence: Silence): Promise<void>;
  unsilence(silence: Omit<Silence, 'until'>): Promise<void>;
}

/** How many changes are made at once. */
export const AT_ONCE = 32;

/** For how long a dashboard is taken to be there after it has said so, in seconds. */
export const PRESENCE = 30;

const PLACE = 'stream = ? AND alert = ? AND series = ? AND metric = ?';

const STATES: readonly string[] = ['pending', 'firing', 'resolved', 'fine'] satisfies Watch['state'][];

/**
 * Keeps the states in Cassandra. They are replaced by lightweight transactions: of several dashboards that find the
 * same, one has stored it, and tells people.
 */
export class CassandraAlertStore implements AlertStore {
  readonly #history: CassandraHistory;

  constructor(history: CassandraHistory) {
    this.#history = history;
  }

  async load(streams: readonly string[]): Promise<StoredAlert[]> {
    // A table of an earlier version has fewer columns.
    const rows = await this.#ofStreams(
      streams,
      (keyspace) => `SELECT * FROM ${keyspace}.alerts WHERE stream = ?`,
      toStoredAlert,
    );
    return rows.filter((row) => row !== null);
  }

  async replace(
    subject: Subject,
    from: StoredState | null,
    to: StoredState,
    toldBy: string | null,
  ): Promise<StoredState | null> {
    const answer = await this.#history.change(
      (keyspace) =>
        `UPDATE ${keyspace}.alerts SET state = ?, since = ?, value = ?, told_by = ? ` +
        `WHERE ${PLACE} IF state = ? AND since = ?`,
      [
        ...[to.state, new Date(to.since), to.value, toldBy],
        ...placeOf(subject),
        ...(from === null ? [null, null] : [from.state, new Date(from.since)]),
      ],
    );
    if (answer === undefined || isApplied(answer)) {
      return null;
    }
    const instead = toStored(answer);
    if (instead !== null) {
      return { ...instead, value: (await this.#valueOf(subject, instead.since)) ?? to.value };
    }
    // Of a row that is not there Cassandra tells nothing at all.
    if (typeof answer.state === 'string') {
      throw new Error(`an alert is stored in a state that is not known here: ${answer.state}`);
    }
    // It has expired meanwhile: nothing is stored any more.
    return this.replace(subject, null, to, toldBy);
  }

  async takeOver({ subject, stored, toldBy: from, told }: StoredAlert, toldBy: string): Promise<boolean> {
    const answer = await this.#history.change(
      (keyspace) =>
        `UPDATE ${keyspace}.alerts SET told_by = ? WHERE ${PLACE} IF told_by = ? AND since = ? AND told = ?`,
      [...[toldBy, ...placeOf(subject), from, new Date(stored.since)], told === null ? null : new Date(told)],
    );
    return isApplied(answer);
  }

  /** The value of the state since then. A change that is refused tells only what it was refused for. */
  async #valueOf(subject: Subject, since: number): Promise<number | null> {
    const [row] = await this.#history.read(
      (keyspace) => `SELECT state, since, value FROM ${keyspace}.alerts WHERE ${PLACE}`,
      placeOf(subject),
      toStored,
    );
    return row?.since === since ? row.value : null;
  }

  async told(subject: Subject, since: number): Promise<void> {
    await this.#history.change(
      (keyspace) => `UPDATE ${keyspace}.alerts SET told = ? WHERE ${PLACE} IF since = ?`,
      [new Date(since), ...placeOf(subject), new Date(since)],
    );
  }

  async dashboards(streams: readonly string[]): Promise<ReadonlySet<string>> {
    const names = await this.#ofStreams(
      streams,
      (keyspace) => `SELECT dashboard FROM ${keyspace}.dashboards WHERE stream = ?`,
      (row) => String(row.dashboard),
    );
    return new Set(names);
  }

  async watch(dashboard: string, streams: readonly string[]): Promise<void> {
    await Promise.all(
      streams.map((stream) =>
        this.#history.change(
          (keyspace) =>
            `INSERT INTO ${keyspace}.dashboards (stream, dashboard, seen) VALUES (?, ?, ?) USING TTL ${PRESENCE}`,
          [stream, dashboard, new Date()],
        ),
      ),
    );
  }

  async leave(dashboard: string, streams: readonly string[]): Promise<void> {
    await Promise.all(
      streams.map((stream) =>
        this.#history.change(
          (keyspace) => `DELETE FROM ${keyspace}.dashboards WHERE stream = ? AND dashboard = ?`,
          [stream, dashboard],
        ),
      ),
    );
  }

  async silences(): Promise<Silence[]> {
    return this.#history.read(
      (keyspace) => `SELECT alert, stream, series, until FROM ${keyspace}.silences`,
      [],
      (row) => ({
        ...{ alert: String(row.alert), stream: String(row.stream), series: String(row.series) },
        until: row.until instanceof Date ? row.until.getTime() : 0,
      }),
    );
  }

  async silence({ alert, stream, series, until }: Silence): Promise<void> {
    const seconds = Math.max(1, Math.ceil((until - Date.now()) / 1000));
    await this.#history.change(
      (keyspace) =>
        `INSERT INTO ${keyspace}.silences (alert, stream, series, until) VALUES (?, ?, ?, ?) USING TTL ${seconds}`,
      [alert, stream, series, new Date(until)],
    );
  }

  async unsilence({ alert, stream, series }: Omit<Silence, 'until'>): Promise<void> {
    await this.#history.change(
      (keyspace) => `DELETE FROM ${keyspace}.silences WHERE alert = ? AND stream = ? AND series = ?`,
      [alert, stream, series],
    );
  }

  async #ofStreams<Result>(
    streams: readonly string[],
    statement: (keyspace: string) => string,
    read: (row: Row) => Result,
  ): Promise<Result[]> {
    const rows = await Promise.all(streams.map((stream) => this.#history.read(statement, [stream], read)));
    return rows.flat();
  }
}

type Row = Readonly<Record<string, unknown>>;

function placeOf({ stream, alert, series, metric }: Subject): string[] {
  return [stream, alert, series, metric];
}

/** Whether a change with a condition was made. */
function isApplied(answer: Row | undefined): boolean {
  return answer === undefined || answer['[applied]'] === true;
}

function toStoredAlert(row: Row): StoredAlert | null {
  const stored = toStored(row);
  const subject = {
    ...{ alert: String(row.alert), stream: String(row.stream) },
    ...{ series: String(row.series), metric: String(row.metric) },
  };
  return (
    stored && {
      ...{ subject, stored },
      toldBy: typeof row.told_by === 'string' ? row.told_by : null,
      told: row.told instanceof Date ? row.told.getTime() : null,
    }
  );
}

function toStored(row: Row): StoredState | null {
  const { state, since, value } = row;
  return typeof state === 'string' && STATES.includes(state) && since instanceof Date
    ? { state: state as Watch['state'], since: since.getTime(), value: typeof value === 'number' ? value : 0 }
    : null;
}

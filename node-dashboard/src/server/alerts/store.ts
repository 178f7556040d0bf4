import type { CassandraHistory } from '../cassandra-history.ts';
import type { Subject } from './rules.ts';
import type { Silence } from './silences.ts';
import type { Watch } from './state.ts';

/** What is stored of a subject. */
export type StoredState = Pick<Watch, 'state' | 'since' | 'value'>;

/** Where the states of alerts are kept, for this dashboard and for others of the same pipeline. */
export interface AlertStore {
  /** All that is stored. */
  load(streams: readonly string[]): Promise<{ subject: Subject; stored: StoredState }[]>;
  /**
   * Stores a state if what is stored is still `from`, which is null for nothing. Returns null when it did, and what is
   * stored instead when it did not.
   */
  replace(subject: Subject, from: StoredState | null, to: StoredState): Promise<StoredState | null>;
  silences(): Promise<Silence[]>;
  silence(silence: Silence): Promise<void>;
  unsilence(silence: Omit<Silence, 'until'>): Promise<void>;
}

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

  async load(streams: readonly string[]): Promise<{ subject: Subject; stored: StoredState }[]> {
    const rows = await Promise.all(
      streams.map((stream) =>
        this.#history.read(
          (keyspace) =>
            `SELECT alert, series, metric, state, since, value FROM ${keyspace}.alerts WHERE stream = ?`,
          [stream],
          (row) => {
            const subject = {
              ...{ alert: String(row.alert), stream },
              ...{ series: String(row.series), metric: String(row.metric) },
            };
            const stored = toStored(row);
            return stored === null ? [] : [{ subject, stored }];
          },
        ),
      ),
    );
    return rows.flat(2);
  }

  async replace(subject: Subject, from: StoredState | null, to: StoredState): Promise<StoredState | null> {
    const { stream, alert, series, metric } = subject;
    const place = [stream, alert, series, metric];
    const values = [to.state, new Date(to.since), to.value];
    const answer =
      from === null
        ? await this.#history.change(
            (keyspace) =>
              `INSERT INTO ${keyspace}.alerts (state, since, value, stream, alert, series, metric) ` +
              'VALUES (?, ?, ?, ?, ?, ?, ?) IF NOT EXISTS',
            [...values, ...place],
          )
        : await this.#history.change(
            (keyspace) =>
              `UPDATE ${keyspace}.alerts SET state = ?, since = ?, value = ? ` +
              'WHERE stream = ? AND alert = ? AND series = ? AND metric = ? IF state = ? AND since = ?',
            [...values, ...place, from.state, new Date(from.since)],
          );
    if (answer === undefined || answer['[applied]'] === true) {
      return null;
    }
    // It has expired meanwhile: nothing is stored any more.
    return toStored(answer) ?? (await this.replace(subject, null, to));
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
}

function toStored(row: Readonly<Record<string, unknown>>): StoredState | null {
  const { state, since, value } = row;
  return typeof state === 'string' && STATES.includes(state) && since instanceof Date
    ? { state: state as Watch['state'], since: since.getTime(), value: typeof value === 'number' ? value : 0 }
    : null;
}

import type { FastifyBaseLogger } from 'fastify';
import type { ConnectionHealth } from '../shared/api.ts';
import { Backoff, pause } from './backoff.ts';
import type { KafkaConfig } from './config.ts';
import type { ErrorCounts } from './error-counts.ts';
import { describeError } from './kafka-connection.ts';
import { TailClient, type FetchedPartition, type Layout } from './tail-client.ts';

/** A record as the tail hands it over. */
export interface TopicRecord {
  readonly offset: bigint;
  /** Null or empty for a record that deletes its key: the client does not tell the two apart. */
  readonly value: Buffer | null;
  readonly key: Buffer | null;
  /** When it was sent, in milliseconds since the epoch. */
  readonly timestamp: number;
  readonly headers: readonly (readonly [name: Buffer, value: Buffer | null])[];
}

/** Whether a record deletes its key, rather than says something. */
export function deletesKey({ value }: Pick<TopicRecord, 'value'>): boolean {
  return value === null || value.length === 0;
}

/** Who takes what the tail reads of one topic. */
export interface TopicSink {
  /** How many of the newest records of each partition to begin with. */
  readonly backlog: number;
  /**
   * These partitions of the topic are read from these offsets on: they are new, or the records that came next are gone.
   * The id tells the topic from an earlier one of its name; `ends` says where its partitions end now.
   */
  begin(topicId: string, offsets: ReadonlyMap<number, bigint>, ends: ReadonlyMap<number, bigint>): void;
  /** The next records of a partition; the ones after them begin at `next`. */
  append(partition: number, records: readonly TopicRecord[], next: bigint): void;
  /** Whether the tail reads the topic now. */
  status(connected: boolean, message: string): void;
}

interface Topic {
  readonly sink: TopicSink;
  /** Whether Kafka has the topic now. */
  exists: boolean;
  id: string;
  /** The next offset to read of each partition. */
  positions: bigint[];
  /** By partition, how many records were still to be read at the last answer; undefined before the first one. */
  lag: (bigint | undefined)[];
}

/** How often topics that are missing, new partitions and new leaders are looked for. */
const DISCOVERY_INTERVAL = 2000;
/** Bit of a record batch's attributes: it holds transaction markers, no records. */
const CONTROL_BATCH = 0b10_0000;
/** Bit of a record batch's attributes: its records have the time at which the broker took them. */
const APPEND_TIME = 0b1000;

/**
 * Reads the newest records of some topics, for as long as the server runs.
 *
 * Every dashboard reads every partition and keeps no offsets, so it is no member of a consumer group: it fetches
 * straight from the leaders. Whatever goes wrong, the answer is the same: close the client, wait a moment, make a
 * new one, and go on from the remembered positions.
 */
export class KafkaTail {
  readonly #config: KafkaConfig;
  readonly #log: FastifyBaseLogger;
  readonly #errors: ErrorCounts;
  readonly #topics: ReadonlyMap<string, Topic>;
  readonly #stop = new AbortController();
  #running: Promise<void> | undefined;
  #health: ConnectionHealth;

  constructor(
    config: KafkaConfig,
    sinks: ReadonlyMap<string, TopicSink>,
    log: FastifyBaseLogger,
    errors: ErrorCounts,
  ) {
    this.#config = config;
    this.#log = log;
    this.#errors = errors;
    this.#topics = new Map(
      [...sinks].map(([name, sink]) => [name, { sink, exists: false, id: '', positions: [], lag: [] }]),
    );
    this.#health = { connected: false, message: `${this.#address} has not answered yet` };
  }

  /** Begins to read; returns at once, whether or not Kafka is there. */
  start(): void {
    this.#running ??= this.#run();
  }

  /** Stops reading and closes the connections. */
  async close(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  /** Whether Kafka answers, and if not, why. */
  get health(): ConnectionHealth {
    return this.#health;
  }

  /** Whether the topic is there and read, and if not, why. */
  topicHealth(name: string): ConnectionHealth {
    if (!this.#health.connected) {
      return this.#health;
    }
    return this.#topics.get(name)?.exists === true
      ? { connected: true, message: '' }
      : { connected: false, message: missingMessage(name) };
  }

  /** Records that are there but not read yet; null while that is not known of every partition. */
  get lag(): number | null {
    const lags = [...this.#topics.values()].flatMap(({ exists, lag }) => (exists ? lag : []));
    if (!this.#health.connected || lags.length === 0 || lags.includes(undefined)) {
      return null;
    }
    return Number(lags.reduce<bigint>((sum, lag) => sum + (lag ?? 0n), 0n));
  }

  get #address(): string {
    return `kafka at ${this.#config.bootstrapServers.join(',')}`;
  }

  async #run(): Promise<void> {
    const backoff = new Backoff();
    while (!this.#stop.signal.aborted) {
      try {
        await this.#session(() => {
          backoff.reset();
        });
      } catch (error) {
        this.#disconnected(`${this.#address} cannot be read: ${describeError(error)}`);
        await backoff.wait(this.#stop.signal);
      }
    }
  }

  /** Reads until something goes wrong (throws), or the topics' layout changes or the tail is stopped (returns). */
  async #session(connected: () => void): Promise<void> {
    const client = new TailClient(this.#config, this.#stop.signal);
    try {
      const layouts = await client.layouts([...this.#topics.keys()]);
      await this.#begin(client, layouts);
      this.#connected(layouts);
      connected();
      const leaders = new Set([...layouts.values()].flatMap(({ leaders }) => leaders));
      await Promise.race([
        this.#watch(client, layouts),
        ...[...leaders].map((leader) => this.#follow(client, leader, layouts)),
      ]);
    } finally {
      await client.close();
    }
  }

  #connected(layouts: ReadonlyMap<string, Layout>): void {
    if (!this.#health.connected) {
      this.#log.info({ topics: [...layouts.keys()] }, 'reading from kafka');
    }
    this.#health = { connected: true, message: '' };
    for (const [name, topic] of this.#topics) {
      topic.exists = layouts.has(name);
      topic.sink.status(topic.exists, topic.exists ? '' : missingMessage(name));
    }
  }

  #disconnected(message: string): void {
    if (this.#stop.signal.aborted) {
      return;
    }
    this.#errors.add('kafka_read', message);
    if (this.#health.message !== message) {
      this.#log.warn(message);
    }
    this.#health = { connected: false, message };
    for (const { sink } of this.#topics.values()) {
      sink.status(false, message);
    }
  }

  /** Finds where to begin in every partition that has no position yet, or one that is gone. */
  async #begin(client: TailClient, layouts: ReadonlyMap<string, Layout>): Promise<void> {
    for (const [name, topic] of this.#topics) {
      const layout = layouts.get(name);
      if (layout !== undefined) {
        begin(topic, layout, await client.range(name));
      }
    }
  }

  /** Returns when a topic, a partition or a leader has changed. */
  async #watch(client: TailClient, layouts: ReadonlyMap<string, Layout>): Promise<void> {
    const known = describeLayouts(layouts);
    do {
      await pause(DISCOVERY_INTERVAL, client.signal);
    } while (
      !client.signal.aborted &&
      describeLayouts(await client.layouts([...this.#topics.keys()])) === known
    );
  }

  /** Reads what one broker leads. */
  async #follow(client: TailClient, leader: number, layouts: ReadonlyMap<string, Layout>): Promise<void> {
    const led = new Map([...layouts].map(([name, { id }]) => [id, this.#topics.get(name)]));
    while (!client.signal.aborted) {
      const request = [...layouts].map(([name, layout]) => ({
        topicId: layout.id,
        partitions: this.#wanted(name, layout, leader),
      }));
      for (const { topicId, partitions } of await client.fetch(leader, request)) {
        const topic = led.get(topicId);
        if (topic !== undefined) {
          partitions.forEach((fetched) => {
            take(topic, fetched);
          });
        }
      }
    }
  }

  #wanted(name: string, layout: Layout, leader: number): { partition: number; fetchOffset: bigint }[] {
    const positions = this.#topics.get(name)?.positions ?? [];
    return [...layout.leaders.entries()]
      .filter(([, led]) => led === leader)
      .map(([partition]) => ({ partition, fetchOffset: positions[partition] ?? 0n }));
  }
}

/** Sets the positions of a topic's partitions where there are none yet, or where the records at them are gone. */
function begin(
  topic: Topic,
  { id, leaders }: Layout,
  [earliest, latest]: readonly [earliest: readonly bigint[], latest: readonly bigint[]],
): void {
  const isAnother = topic.id !== id;
  if (isAnother) {
    topic.id = id;
    topic.positions = [];
  }
  const offsets = new Map<number, bigint>();
  for (const partition of leaders.keys()) {
    const first = earliest[partition] ?? 0n;
    const end = latest[partition] ?? 0n;
    const position = topic.positions[partition];
    if (position === undefined || position < first || position > end) {
      const wanted = end - BigInt(Math.ceil(topic.sink.backlog / leaders.length));
      // A partition that has been added to a topic is new as a whole.
      const isAdded = position === undefined && !isAnother;
      offsets.set(partition, wanted > first && !isAdded ? wanted : first);
    }
  }
  topic.lag = Array.from(leaders, (_, partition) =>
    offsets.has(partition) ? undefined : topic.lag[partition],
  );
  for (const [partition, offset] of offsets) {
    topic.positions[partition] = offset;
  }
  if (offsets.size > 0) {
    topic.sink.begin(id, offsets, new Map(latest.entries()));
  }
}

/** Hands the records of a partition to its sink and moves the position past them. */
function take(
  topic: Topic,
  { partitionIndex, records: batches = [], highWatermark }: FetchedPartition,
): void {
  const position = topic.positions[partitionIndex] ?? 0n;
  let next = position;
  const records: TopicRecord[] = [];
  for (const batch of batches) {
    next = batch.firstOffset + BigInt(batch.lastOffsetDelta) + 1n;
    for (const record of (batch.attributes & CONTROL_BATCH) === 0 ? batch.records : []) {
      const offset = batch.firstOffset + BigInt(record.offsetDelta);
      // The first batch may begin before the offset that was asked for.
      if (offset >= position) {
        const isAppendTime = (batch.attributes & APPEND_TIME) !== 0;
        const timestamp = isAppendTime ? batch.maxTimestamp : batch.firstTimestamp + record.timestampDelta;
        // The client's types hide it, but what is not there is null.
        const { key, value, headers } = record as Pick<TopicRecord, 'key' | 'value' | 'headers'>;
        records.push({ offset, key, value, headers, timestamp: Number(timestamp) });
      }
    }
  }
  topic.lag[partitionIndex] = highWatermark > next ? highWatermark - next : 0n;
  if (next > position) {
    topic.positions[partitionIndex] = next;
    topic.sink.append(partitionIndex, records, next);
  }
}

function missingMessage(topic: string): string {
  return `the topic ${topic} does not exist: start the producer and the spark job, they create it`;
}

function describeLayouts(layouts: ReadonlyMap<string, Layout>): string {
  return JSON.stringify([...layouts]);
}

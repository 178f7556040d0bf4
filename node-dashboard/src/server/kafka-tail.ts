import { Consumer } from '@platformatic/kafka';
import type { FastifyBaseLogger } from 'fastify';
import type { ConnectionHealth } from '../shared/api.ts';
import { Backoff, pause } from './backoff.ts';
import type { KafkaConfig } from './config.ts';
import type { ErrorCounts } from './error-counts.ts';
import {
  connectionOptions,
  Connections,
  describeError,
  isUnknownTopic,
  limited,
} from './kafka-connection.ts';
import type { TailRecord } from './live-stream.ts';

/** Who takes what the tail reads of one topic. */
export interface TopicSink {
  /** How many of the newest records of each partition to begin with. */
  readonly backlog: number;
  /** A partition is read from this offset on: it is new, or the records that came next are gone. */
  begin(partition: number, offset: bigint): void;
  /** The next records of a partition; the ones after them begin at `next`. */
  append(partition: number, records: readonly TailRecord[], next: bigint): void;
  /** Whether the tail reads the topic now. */
  status(connected: boolean, message: string): void;
}

/** Where a topic's partitions are led, in order; and what tells the topic from an earlier one of its name. */
interface Layout {
  readonly id: string;
  readonly leaders: readonly number[];
}

interface Topic {
  readonly sink: TopicSink;
  id: string;
  /** The next offset to read of each partition. */
  positions: bigint[];
  lag: bigint[];
}

type FetchedPartition = Awaited<ReturnType<Consumer['fetch']>>['responses'][number]['partitions'][number];

/** How often topics that are missing, new partitions and new leaders are looked for. */
const DISCOVERY_INTERVAL = 2000;
/** How long a broker may hold an answer back while there is nothing new. */
const FETCH_WAIT = 500;
const PARTITION_BYTES = 1024 * 1024;
const FETCH_BYTES = 8 * PARTITION_BYTES;
const EARLIEST = -2n;
const LATEST = -1n;
/** Bit of a record batch's attributes: it holds transaction markers, no records. */
const CONTROL_BATCH = 0b10_0000;

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
      [...sinks].map(([name, sink]) => [name, { sink, id: '', positions: [], lag: [] }]),
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
    const found = (this.#topics.get(name)?.positions.length ?? 0) > 0;
    const missing = `the topic ${name} does not exist yet: start the producer and the spark job, they create it`;
    return { connected: found, message: found ? '' : missing };
  }

  /** Records that are there but not read yet. */
  get lag(): number {
    const lags = [...this.#topics.values()].flatMap(({ lag }) => lag);
    return Number(lags.reduce((sum, lag) => sum + lag, 0n));
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
    const client = new Client(this.#config, this.#stop.signal);
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
    for (const name of layouts.keys()) {
      this.#topics.get(name)?.sink.status(true, '');
    }
  }

  #disconnected(message: string): void {
    if (this.#stop.signal.aborted) {
      return;
    }
    this.#errors.add('kafka_read');
    if (this.#health.message !== message) {
      this.#log.warn(message);
    }
    this.#health = { connected: false, message };
    for (const { sink } of this.#topics.values()) {
      sink.status(false, message);
    }
  }

  /** Finds where to begin in every partition that has no position yet, or one that is gone. */
  async #begin(client: Client, layouts: ReadonlyMap<string, Layout>): Promise<void> {
    for (const [name, topic] of this.#topics) {
      const layout = layouts.get(name);
      if (layout === undefined) {
        continue;
      }
      const [earliest, latest] = await client.range(name);
      for (const partition of layout.leaders.keys()) {
        const first = earliest[partition] ?? 0n;
        const end = latest[partition] ?? 0n;
        const position = topic.positions[partition];
        if (position === undefined || topic.id !== layout.id || position < first || position > end) {
          const wanted = end - BigInt(Math.ceil(topic.sink.backlog / layout.leaders.length));
          const offset = wanted > first ? wanted : first;
          topic.positions[partition] = offset;
          topic.sink.begin(partition, offset);
        }
      }
      topic.id = layout.id;
    }
  }

  /** Returns when a topic, a partition or a leader has changed. */
  async #watch(client: Client, layouts: ReadonlyMap<string, Layout>): Promise<void> {
    const known = describeLayouts(layouts);
    do {
      await pause(DISCOVERY_INTERVAL, client.signal);
    } while (
      !client.signal.aborted &&
      describeLayouts(await client.layouts([...this.#topics.keys()])) === known
    );
  }

  /** Reads what one broker leads. */
  async #follow(client: Client, leader: number, layouts: ReadonlyMap<string, Layout>): Promise<void> {
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

/** Hands the records of a partition to its sink and moves the position past them. */
function take(
  topic: Topic,
  { partitionIndex, records: batches = [], highWatermark }: FetchedPartition,
): void {
  const position = topic.positions[partitionIndex] ?? 0n;
  let next = position;
  const records: TailRecord[] = [];
  for (const batch of batches) {
    next = batch.firstOffset + BigInt(batch.lastOffsetDelta) + 1n;
    for (const { offsetDelta, value } of (batch.attributes & CONTROL_BATCH) === 0 ? batch.records : []) {
      const offset = batch.firstOffset + BigInt(offsetDelta);
      // The first batch may begin before the offset that was asked for.
      if (offset >= position) {
        // The client's types hide it, but a record that deletes its key has no value.
        records.push({ offset, value: (value as Buffer | null)?.toString() ?? null });
      }
    }
  }
  topic.lag[partitionIndex] = highWatermark > next ? highWatermark - next : 0n;
  if (next > position) {
    topic.positions[partitionIndex] = next;
    topic.sink.append(partitionIndex, records, next);
  }
}

/** One life of the Kafka client, with time limits on what the library would wait for without end. */
class Client {
  readonly #consumer: Consumer;
  readonly #connections: Connections;
  readonly #closed = new AbortController();
  /** Fires when the client or the tail is closed. */
  readonly signal: AbortSignal;

  constructor(config: KafkaConfig, stop: AbortSignal) {
    this.signal = AbortSignal.any([stop, this.#closed.signal]);
    // The library asks for a group, but it is never joined.
    this.#consumer = new Consumer({ ...connectionOptions(config), groupId: 'freshet-dashboard' });
    this.#connections = new Connections(this.#consumer);
  }

  /** The topics that exist and whose partitions all have a leader. */
  async layouts(topics: readonly string[]): Promise<Map<string, Layout>> {
    const layouts = new Map<string, Layout>();
    for (const name of topics) {
      const layout = await this.#layout(name);
      if (layout !== null) {
        layouts.set(name, layout);
      }
    }
    return layouts;
  }

  /** The first offset and the one after the last, of each partition. */
  async range(topic: string): Promise<[earliest: readonly bigint[], latest: readonly bigint[]]> {
    const list = async (timestamp: bigint): Promise<readonly bigint[]> => {
      const offsets = await this.#limit(this.#consumer.listOffsets({ topics: [topic], timestamp }));
      return offsets.get(topic) ?? [];
    };
    return [await list(EARLIEST), await list(LATEST)];
  }

  /** The next records of some partitions of one leader; waits a moment when there are none. */
  async fetch(
    node: number,
    topics: readonly { topicId: string; partitions: { partition: number; fetchOffset: bigint }[] }[],
  ): Promise<readonly { topicId: string; partitions: FetchedPartition[] }[]> {
    const { responses } = await this.#limit(
      this.#consumer.fetch({
        node,
        minBytes: 1,
        maxBytes: FETCH_BYTES,
        maxWaitTime: FETCH_WAIT,
        topics: topics.map(({ topicId, partitions }) => ({
          topicId,
          partitions: partitions.map((partition) => ({
            ...partition,
            currentLeaderEpoch: -1,
            lastFetchedEpoch: -1,
            partitionMaxBytes: PARTITION_BYTES,
          })),
        })),
      }),
    );
    return responses;
  }

  async close(): Promise<void> {
    this.#closed.abort();
    this.#connections.cut();
    await new Promise<void>((resolve) => {
      this.#consumer.close(true, () => {
        resolve();
      });
    });
  }

  async #layout(name: string): Promise<Layout | null> {
    try {
      const { topics, brokers } = await this.#limit(
        this.#consumer.metadata({ topics: [name], forceUpdate: true }),
      );
      const topic = topics.get(name);
      const leaders = topic?.partitions.map(({ leader }) => leader) ?? [];
      return topic !== undefined && leaders.every((leader) => brokers.has(leader))
        ? { id: topic.id, leaders }
        : null;
    } catch (error) {
      if (isUnknownTopic(error)) {
        return null;
      }
      throw error;
    }
  }

  #limit<Answer>(answer: Promise<Answer>): Promise<Answer> {
    return limited(answer, this.signal);
  }
}

function describeLayouts(layouts: ReadonlyMap<string, Layout>): string {
  return JSON.stringify([...layouts]);
}

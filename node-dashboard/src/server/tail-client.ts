import { Consumer } from '@platformatic/kafka';
import type { KafkaConfig } from './config.ts';
import { connectionOptions, Connections, isUnknownTopic, leadersIn, answered } from './kafka-connection.ts';

/** Where a topic's partitions are led, in order; and what tells the topic from an earlier one of its name. */
export interface Layout {
  readonly id: string;
  readonly leaders: readonly number[];
}

/** What a leader answers for one partition. */
export type FetchedPartition = Awaited<
  ReturnType<Consumer['fetch']>
>['responses'][number]['partitions'][number];

/** How long a broker may hold an answer back while there is nothing new. */
const FETCH_WAIT = 500;
const PARTITION_BYTES = 1024 * 1024;
const FETCH_BYTES = 8 * PARTITION_BYTES;
const EARLIEST = -2n;
const LATEST = -1n;

/** One life of the Kafka client, with time limits on what the library would wait for without end. */
export class TailClient {
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

  /**
   * The first offset and the one after the last, of each partition.
   *
   * Each leader is asked for itself, and only while it is known: where one of several fails, or is gone, the library
   * throws past whoever has asked, which ends the process.
   */
  async range(topic: string): Promise<[earliest: readonly bigint[], latest: readonly bigint[]]> {
    const layout = await this.#layout(topic);
    if (layout === null) {
      throw new Error(`topic ${topic} has partitions without a leader`);
    }
    return [await this.#offsets(topic, layout, EARLIEST), await this.#offsets(topic, layout, LATEST)];
  }

  async #offsets(topic: string, { leaders }: Layout, timestamp: bigint): Promise<readonly bigint[]> {
    const offsets: bigint[] = [];
    for (const leader of new Set(leaders)) {
      const partitions = leaders.flatMap((one, partition) => (one === leader ? [partition] : []));
      const question = { topics: [topic], partitions: { [topic]: partitions }, timestamp };
      const answer = (await this.#limit(this.#consumer.listOffsets(question))).get(topic);
      for (const partition of partitions) {
        const offset = answer?.[partition];
        if (offset === undefined) {
          throw new Error(`the leader of partition ${partition} of topic ${topic} tells no offset`);
        }
        offsets[partition] = offset;
      }
    }
    return offsets;
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
      const metadata = await this.#limit(this.#consumer.metadata({ topics: [name], forceUpdate: true }));
      const [topic, leaders] = [metadata.topics.get(name), leadersIn(metadata, name)];
      return topic !== undefined && leaders !== null ? { id: topic.id, leaders } : null;
    } catch (error) {
      if (isUnknownTopic(error)) {
        return null;
      }
      throw error;
    }
  }

  #limit<Answer>(answer: Promise<Answer>): Promise<Answer> {
    return answered(answer, this.signal);
  }
}

import type { BaseOptions, ClusterMetadata, Connection } from '@platformatic/kafka';
import { readAuthorities } from './certificates.ts';
import type { KafkaConfig } from './config.ts';
import { messageOf } from './errors.ts';
import { limited } from './limited.ts';

/** After this long without an answer a broker is taken for lost: it may be frozen, and its connections stay open. */
const ANSWER_TIMEOUT = 5000;

/** How long what was heard of the cluster counts, in milliseconds: as long as what it leads to does not fail. */
const METADATA_AGE = 86_400_000;

/** How every Kafka client of the dashboard connects. */
export function connectionOptions(config: KafkaConfig): BaseOptions {
  return {
    clientId: 'freshet-dashboard',
    bootstrapBrokers: [...config.bootstrapServers],
    connectTimeout: 5000,
    // Whoever uses the client makes a new one instead, with waits of its own in between.
    retries: 0,
    // Nor does it ask for the cluster's state by itself: see `leadersIn`.
    metadataMaxAge: METADATA_AGE,
    ...(config.tls && {
      tls:
        config.caFile === undefined ? {} : { ca: readAuthorities(config.caFile, 'kafka.security.ca_file') },
    }),
    ...(config.tls && { tlsServerName: true }),
    ...(config.sasl && { sasl: config.sasl }),
  };
}

/** The part of a Kafka client that closing it needs. */
interface Closable {
  on(event: 'client:broker:connect', listener: (event: { connection: Connection }) => void): unknown;
}

/** The open connections of one Kafka client. */
export class Connections {
  readonly #open = new Set<Connection>();

  constructor(client: Closable) {
    client.on('client:broker:connect', ({ connection }) => {
      this.#open.add(connection);
    });
  }

  /** Cuts them. A graceful close waits for brokers that may be gone; the dashboard has nothing to hand over. */
  cut(): void {
    for (const connection of this.#open) {
      connection.on('error', () => undefined);
      connection.socket.destroy();
    }
  }
}

/**
 * The leader of each partition of a topic, in order; null where the topic is not there, or one has no leader that is
 * known: the library takes that for granted, and throws past whoever has asked, which ends the process.
 */
export function leadersIn({ topics, brokers }: ClusterMetadata, name: string): readonly number[] | null {
  const leaders = topics.get(name)?.partitions.map(({ leader }) => leader) ?? [];
  return leaders.length > 0 && leaders.every((leader) => brokers.has(leader)) ? leaders : null;
}

/** Waits for an answer for which the library would wait without end; throws when the signal fires. */
export function answered<Answer>(answer: Promise<Answer>, signal: AbortSignal): Promise<Answer> {
  return limited(answer, ANSWER_TIMEOUT, signal);
}

/** The message of an error and of what it was caused by, since the library's own often only says where it was. */
export function describeError(error: unknown): string {
  const inner: unknown[] = error instanceof AggregateError ? error.errors : [];
  const cause = error instanceof Error ? error.cause : undefined;
  const message = messageOf(error);
  const reasons = [...inner.map(describeError), ...(cause === undefined ? [] : [describeError(cause)])];
  // A message may hold that of its cause already.
  return [message, ...reasons.filter((reason) => !message.includes(reason))]
    .filter((part) => part !== '')
    .join(': ');
}

/** Whether a broker answered that it does not know the topic. */
export function isUnknownTopic(error: unknown): boolean {
  const inner: unknown[] = error instanceof AggregateError ? error.errors : [];
  const cause = error instanceof Error ? error.cause : undefined;
  return (
    (error instanceof Error && 'apiId' in error && error.apiId === 'UNKNOWN_TOPIC_OR_PARTITION') ||
    inner.some(isUnknownTopic) ||
    (cause !== undefined && isUnknownTopic(cause))
  );
}

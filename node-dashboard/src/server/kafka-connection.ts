import { readFileSync } from 'node:fs';
import type { BaseOptions, Connection } from '@platformatic/kafka';
import { pause } from './backoff.ts';
import { messageOf, type KafkaConfig } from './config.ts';

/** After this long without an answer a broker is taken for lost. */
const ANSWER_TIMEOUT = 10_000;

/** How every Kafka client of the dashboard connects. */
export function connectionOptions(config: KafkaConfig): BaseOptions {
  return {
    clientId: 'freshet-dashboard',
    bootstrapBrokers: [...config.bootstrapServers],
    connectTimeout: 5000,
    // Whoever uses the client makes a new one instead, with waits of its own in between.
    retries: 0,
    ...(config.tls && { tls: config.caFile === undefined ? {} : { ca: readFileSync(config.caFile) } }),
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

/** Waits for an answer for which the library would wait without end; throws when the signal fires. */
export async function limited<Answer>(answer: Promise<Answer>, signal: AbortSignal): Promise<Answer> {
  const limit = new AbortController();
  const late = pause(ANSWER_TIMEOUT, AbortSignal.any([limit.signal, signal])).then((): never => {
    throw new Error(signal.aborted ? 'closed' : `no answer within ${ANSWER_TIMEOUT / 1000} s`);
  });
  try {
    return await Promise.race([answer, late]);
  } finally {
    limit.abort();
    // Whichever comes second is of no interest any more.
    late.catch(() => undefined);
    answer.catch(() => undefined);
  }
}

/** The message of an error and of what it was caused by, since the library's own often only says where it was. */
export function describeError(error: unknown): string {
  const inner: unknown[] = error instanceof AggregateError ? error.errors : [];
  const cause = error instanceof Error ? error.cause : undefined;
  const parts = [
    messageOf(error),
    ...inner.map(describeError),
    ...(cause === undefined ? [] : [describeError(cause)]),
  ];
  return parts.filter((part) => part !== '').join(': ');
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

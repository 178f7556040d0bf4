import { Producer } from '@platformatic/kafka';
import type { FastifyBaseLogger } from 'fastify';
import { Backoff, pause } from './backoff.ts';
import type { KafkaConfig } from './config.ts';
import type { HealthReport } from '../shared/api.ts';
import { REPORT_INTERVAL } from '../shared/generated/health.ts';
import {
  connectionOptions,
  Connections,
  describeError,
  isUnknownTopic,
  leadersIn,
  answered,
} from './kafka-connection.ts';

/** What the reporter needs to know. */
export interface ReporterOptions {
  readonly kafka: KafkaConfig;
  readonly topic: string;
  /** Makes the report of this moment. */
  readonly report: () => HealthReport;
  /** Is told of every report that could not be delivered, and why. */
  readonly failed: (message: string) => void;
  readonly log: FastifyBaseLogger;
}

/**
 * Tells the `health` topic once a second what the dashboard has done, as every other component does.
 *
 * Nobody waits for it: whatever goes wrong, it closes its client, waits a moment and begins again. A topic that does
 * not exist yet is nothing wrong, since the producer and the Spark job create it.
 */
export class HealthReporter {
  readonly #options: ReporterOptions;
  readonly #stop = new AbortController();
  #running: Promise<void> | undefined;
  #problem = '';

  constructor(options: ReporterOptions) {
    this.#options = options;
  }

  /** Begins to report; returns at once, whether or not Kafka is there. */
  start(): void {
    this.#running ??= this.#run();
  }

  /** Stops reporting and closes the connections. */
  async close(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const backoff = new Backoff(REPORT_INTERVAL);
    while (!this.#stop.signal.aborted) {
      try {
        await this.#session(() => {
          backoff.reset();
        });
      } catch (error) {
        this.#note(error);
        await backoff.wait(this.#stop.signal);
      }
    }
  }

  /** Reports until something goes wrong (throws) or the reporter is stopped (returns). */
  async #session(delivered: () => void): Promise<void> {
    const producer = new Producer(connectionOptions(this.#options.kafka));
    const connections = new Connections(producer);
    try {
      while (!this.#stop.signal.aborted) {
        await this.#send(producer);
        this.#problem = '';
        delivered();
        await pause(REPORT_INTERVAL, this.#stop.signal);
      }
    } finally {
      connections.cut();
      await producer.close().catch(() => undefined);
    }
  }

  async #send(producer: Producer): Promise<void> {
    const { topic, report } = this.#options;
    const told = report();
    const metadata = await answered(producer.metadata({ topics: [topic] }), this.#stop.signal);
    if (leadersIn(metadata, topic) === null) {
      throw new Error(`topic ${topic} has no leader`);
    }
    const key = Buffer.from(told.component);
    const value = Buffer.from(JSON.stringify(told));
    await answered(producer.send({ messages: [{ topic, key, value }] }), this.#stop.signal);
  }

  #note(error: unknown): void {
    if (this.#stop.signal.aborted || isUnknownTopic(error)) {
      return;
    }
    const problem = `the dashboard's health cannot be reported: ${describeError(error)}`;
    this.#options.failed(problem);
    if (problem !== this.#problem) {
      this.#problem = problem;
      this.#options.log.warn(problem);
    }
  }
}

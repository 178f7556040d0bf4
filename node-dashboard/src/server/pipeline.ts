import type { FastifyBaseLogger } from 'fastify';
import { CassandraHistory } from './cassandra-history.ts';
import type { Config } from './config.ts';
import { HealthBoard, parseHealthReport } from './health-board.ts';
import { KafkaTail, type TopicSink } from './kafka-tail.ts';
import { LiveStream } from './live-stream.ts';

/** How many of the newest windows of a topic are read at the start, so that clients of an earlier run can resume. */
const WINDOWS_BACKLOG = 8192;
/** Enough for the last reports of every component. */
const HEALTH_BACKLOG = 512;

/** Everything that the routes read from: the history in Cassandra and what comes in from Kafka. */
export interface Pipeline {
  readonly config: Config;
  readonly history: CassandraHistory;
  readonly tail: KafkaTail;
  readonly board: HealthBoard;
  readonly live: ReadonlyMap<string, LiveStream>;
}

/** Name of the topic that carries a stream's windows. */
export function windowsTopic(config: Config, stream: string): string {
  return `${config.kafka.topicPrefix}windows.${stream}`;
}

/** Puts the parts together, without connecting to anything. */
export function createPipeline(config: Config, log: FastifyBaseLogger): Pipeline {
  const board = new HealthBoard();
  const live = new Map(config.streams.map(({ name }) => [name, new LiveStream(name)]));
  const sinks = new Map<string, TopicSink>([[`${config.kafka.topicPrefix}health`, healthSink(board)]]);
  for (const [name, stream] of live) {
    sinks.set(windowsTopic(config, name), windowsSink(stream, log));
  }
  return {
    config,
    history: new CassandraHistory(config.cassandra, log),
    tail: new KafkaTail(config.kafka, sinks, log),
    board,
    live,
  };
}

function healthSink(board: HealthBoard): TopicSink {
  return {
    backlog: HEALTH_BACKLOG,
    begin: () => undefined,
    append: (_, records) => {
      for (const { value } of records) {
        const report = value === null ? null : parseHealthReport(value);
        if (report !== null) {
          board.add(report);
        }
      }
    },
    status: () => undefined,
  };
}

function windowsSink(stream: LiveStream, log: FastifyBaseLogger): TopicSink {
  return {
    backlog: WINDOWS_BACKLOG,
    begin: (partition, offset) => {
      stream.begin(partition, offset);
    },
    append: (partition, records, next) => {
      const invalid = stream.append(partition, records, next);
      if (invalid > 0) {
        log.warn({ stream: stream.name, partition, invalid }, 'skipped records that are no windows');
      }
    },
    status: (connected, message) => {
      stream.announce(connected, message);
    },
  };
}

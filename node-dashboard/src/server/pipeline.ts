import { hostname } from 'node:os';
import type { FastifyBaseLogger } from 'fastify';
import type { HealthCounters } from '../shared/api.ts';
import { CassandraHistory } from './cassandra-history.ts';
import type { Config } from './config.ts';
import { ErrorCounts } from './error-counts.ts';
import type { HealthReport } from '../shared/api.ts';
import type { Component, State } from '../shared/generated/health.ts';
import {
  deadLettersTopic,
  healthTopic,
  rawTopic,
  windowsTopic as topicOfWindows,
} from '../shared/generated/topics.ts';
import { DeadLetters, MAX_LETTERS } from './dead-letters.ts';
import { HealthBoard } from './health-board.ts';
import { parseHealthReport } from './health-report.ts';
import { HealthReporter } from './health-reporter.ts';
import { KafkaTail, type TopicSink } from './kafka-tail.ts';
import { LatestWindows, MAX_LINES } from './latest-windows.ts';
import { LiveStream } from './live-stream.ts';
import { PipelineHistory } from './pipeline-history.ts';

const COMPONENT = 'dashboard' satisfies Component;
/** How many of the newest windows of a topic are read at the start, so that clients of an earlier run can resume. */
const WINDOWS_BACKLOG = 8192;
/** Enough for the last reports of every component. */
const HEALTH_BACKLOG = 512;

/** The newest dead letters, and the tail that reads them. */
export interface LettersReader {
  readonly topic: string;
  readonly kept: DeadLetters;
  /** One of their own: letters may be large, or of a kind that cannot be read, and windows do not wait for them. */
  readonly tail: KafkaTail;
}

/** Everything that the routes read from: the history in Cassandra and what comes in from Kafka. */
export interface Pipeline {
  readonly config: Config;
  readonly history: CassandraHistory;
  readonly tail: KafkaTail;
  readonly board: HealthBoard;
  readonly live: ReadonlyMap<string, LiveStream>;
  readonly errors: ErrorCounts;
  readonly reporter: HealthReporter;
  readonly letters: LettersReader;
  readonly past: PipelineHistory;
  /** By stream, the newest windows of each series. */
  readonly latest: ReadonlyMap<string, LatestWindows>;
  /** The dashboard's own health, as it is now. */
  readonly report: () => HealthReport;
}

/** Name of the topic that carries a stream's windows. */
export function windowsTopic(config: Config, stream: string): string {
  return topicOfWindows(config.kafka.topicPrefix, stream);
}

/** Puts the parts together, without connecting to anything. */
export function createPipeline(config: Config, log: FastifyBaseLogger): Pipeline {
  const board = new HealthBoard();
  const errors = new ErrorCounts();
  const live = new Map(config.streams.map(({ name }) => [name, new LiveStream(name)]));
  const topic = healthTopic(config.kafka.topicPrefix);
  const sinks = new Map<string, TopicSink>([[topic, healthSink(board, log, errors)]]);
  for (const [name, stream] of live) {
    sinks.set(windowsTopic(config, name), windowsSink(stream, log, errors));
  }
  const tail = new KafkaTail(config.kafka, sinks, log, errors);
  const history = new CassandraHistory(config.cassandra, log, errors);
  const report = ownReport({ live, tail, history, errors });
  const reporter = new HealthReporter({
    kafka: config.kafka,
    topic,
    report,
    failed: (message) => {
      errors.add('health_report', message);
    },
    log,
  });
  const letters = readLetters(config, log, errors);
  const past = new PipelineHistory((now) => board.components(now));
  const latest = watchLatest(config, live);
  return { config, history, tail, board, live, errors, reporter, report, letters, past, latest };
}

function watchLatest(
  { streams }: Config,
  live: ReadonlyMap<string, LiveStream>,
): ReadonlyMap<string, LatestWindows> {
  const most = Math.floor(MAX_LINES / Math.max(1, streams.length));
  const latest = new Map(streams.map((stream) => [stream.name, new LatestWindows(stream, most)]));
  for (const [name, windows] of latest) {
    live.get(name)?.watch((messages) => {
      windows.take(messages);
    });
  }
  return latest;
}

function readLetters({ kafka, streams }: Config, log: FastifyBaseLogger, errors: ErrorCounts): LettersReader {
  const topics = streams.flatMap(({ name }) =>
    [rawTopic, topicOfWindows].map((topicOf) => [topicOf(kafka.topicPrefix, name), name] as const),
  );
  const kept = new DeadLetters(new Map(topics));
  const topic = deadLettersTopic(kafka.topicPrefix);
  const sink: TopicSink = {
    backlog: MAX_LETTERS,
    begin: (topicId) => {
      kept.begin(topicId);
    },
    append: (partition, records) => {
      kept.append(partition, records);
    },
    status: () => undefined,
  };
  return { topic, kept, tail: new KafkaTail(kafka, new Map([[topic, sink]]), log, errors) };
}

/** Makes the dashboard's own health reports: totals since now. */
function ownReport({
  live,
  tail,
  history,
  errors,
}: Pick<Pipeline, 'live' | 'tail' | 'history' | 'errors'>): () => HealthReport {
  const since = Date.now();
  const instance = `${hostname()}:${process.pid}`;
  return () => {
    const counters = [...live.values()].map((stream) => stream.counters);
    const sum = (counter: keyof HealthCounters): number =>
      counters.reduce((total, { [counter]: count }) => total + count, 0);
    const missing = [tail.health, history.health].filter(({ connected }) => !connected);
    const isReady = missing.length === 0;
    return {
      ...{ component: COMPONENT, instance, stream: null, since, time: Date.now() },
      ...{ records_in: sum('records_in'), records_out: sum('records_out') },
      ...{ bytes_in: sum('bytes_in'), bytes_out: sum('bytes_out') },
      errors: errors.totals(),
      lag: tail.lag,
      state: (isReady ? 'running' : 'waiting') satisfies State,
      waiting_for: isReady ? null : missing.map(({ message }) => message).join('; '),
      last_error: errors.last?.message ?? null,
      last_error_time: errors.last?.time ?? null,
    };
  };
}

function healthSink(board: HealthBoard, log: FastifyBaseLogger, errors: ErrorCounts): TopicSink {
  return {
    backlog: HEALTH_BACKLOG,
    begin: () => undefined,
    append: (_, records) => {
      const reports = records.flatMap(({ value }) =>
        value === null ? [] : [parseHealthReport(value.toString())],
      );
      const valid = reports.filter((report) => report !== null);
      for (const report of valid) {
        board.add(report, Date.now());
      }
      if (valid.length < reports.length) {
        const invalid = reports.length - valid.length;
        errors.add('invalid_health', `${invalid} records of the health topic are no reports`, invalid);
        log.warn({ invalid }, 'skipped records that are no health reports');
      }
    },
    status: () => undefined,
  };
}

function windowsSink(stream: LiveStream, log: FastifyBaseLogger, errors: ErrorCounts): TopicSink {
  return {
    backlog: WINDOWS_BACKLOG,
    begin: (topicId, offsets) => {
      stream.begin(topicId, offsets);
    },
    append: (partition, records, next) => {
      const texts = records.map(({ offset, value }) => ({ offset, value: value?.toString() ?? null }));
      const invalid = stream.append(partition, texts, next);
      if (invalid > 0) {
        errors.add('invalid_window', `${invalid} records of stream ${stream.name} are no windows`, invalid);
        log.warn({ stream: stream.name, partition, invalid }, 'skipped records that are no windows');
      }
    },
    status: (connected, message) => {
      stream.announce(connected, message);
    },
  };
}

import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { FastifyBaseLogger } from 'fastify';
import type { HealthCounters, HealthReport } from '../shared/api.ts';
import { AlertEngine } from './alerts/engine.ts';
import { Notifier } from './alerts/notifier.ts';
import { CassandraAlertStore } from './alerts/store.ts';
import { marksOf, Notes } from './annotations/notes.ts';
import { CassandraAnnotationStore, type AnnotationStore } from './annotations/store.ts';
import { CassandraHistory } from './cassandra-history.ts';
import type { Config } from './config.ts';
import { ErrorCounts } from './error-counts.ts';
import type { Component, State } from '../shared/generated/health.ts';
import { healthTopic, windowsTopic as topicOfWindows } from '../shared/generated/topics.ts';
import { HealthBoard } from './health-board.ts';
import { HealthReporter } from './health-reporter.ts';
import { KafkaTail, type TopicSink } from './kafka-tail.ts';
import { observeLatest, type LatestWindows } from './latest-windows.ts';
import { readLetters, type LettersReader } from './letters-reader.ts';
import { LiveStream } from './live-stream.ts';
import { PipelineHistory } from './pipeline-history.ts';
import { alertsEvent } from './sse.ts';
import { healthSink, windowsSink } from './topic-sinks.ts';
import { VERSION } from './version.ts';

const COMPONENT = 'dashboard' satisfies Component;
/** Of how many series of a stream it is asked at the start when they were heard of last. */
const MAX_HEARD = 20_000;

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
  readonly alerts: AlertEngine;
  readonly notifier: Notifier;
  readonly annotations: AnnotationStore;
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
  const history = new CassandraHistory(config.cassandra, log, errors);
  const annotations = new CassandraAnnotationStore(history);
  const notes = new Notes(annotations, (message) => {
    errors.add('annotation', message);
  });
  const sinks = new Map<string, TopicSink>([[topic, healthSink(board, notes, { log, errors })]]);
  for (const [name, stream] of live) {
    sinks.set(windowsTopic(config, name), windowsSink(stream, { log, errors }));
  }
  const tail = new KafkaTail(config.kafka, sinks, log, errors);
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
  const failed = (message: string): void => {
    errors.add('alert', message);
    log.warn(message);
  };
  const notifier = new Notifier(config.dashboard, failed);
  const alerts = createAlerts({ config, history, live, notifier, notes, failed });
  const letters = readLetters(config, log, errors);
  const past = new PipelineHistory((now) => board.components(now));
  const latest = observeLatest(config, live);
  return {
    ...{ config, history, tail, board, live, errors, reporter, report },
    ...{ alerts, notifier, annotations, letters, past, latest },
  };
}

function createAlerts({
  config,
  history,
  live,
  notifier,
  notes,
  failed,
}: Pick<Pipeline, 'config' | 'history' | 'live' | 'notifier'> & {
  readonly notes: Notes;
  readonly failed: (message: string) => void;
}): AlertEngine {
  const alerts = new AlertEngine({
    alerts: config.alerts,
    lateness: new Map(config.streams.map(({ name, lateness }) => [name, lateness])),
    store: new CassandraAlertStore(history),
    dashboard: randomUUID(),
    notify: (notification) => notifier.tell(notification),
    changed: (answer) => {
      const event = alertsEvent(JSON.stringify(answer));
      live.forEach((stream) => {
        stream.tell(event);
      });
    },
    note: (told) => void notes.add(marksOf(told)),
    heard: async (stream) => (await history.series(stream, '', MAX_HEARD)).series,
    failed,
  });
  for (const stream of live.values()) {
    stream.observe((message) => {
      alerts.observe(message);
    });
  }
  return alerts;
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
      version: VERSION,
    };
  };
}

import type { FastifyBaseLogger } from 'fastify';
import { deadLettersTopic, windowsTopic } from '../shared/generated/topics.ts';
import { matches } from '../shared/pattern.ts';
import type { StreamConfig } from './config-streams.ts';
import { rawTopics } from './config-topics.ts';
import type { Config } from './config.ts';
import { DeadLetters, MAX_LETTERS } from './dead-letters.ts';
import type { ErrorCounts } from './error-counts.ts';
import { KafkaTail, type TopicSink } from './kafka-tail.ts';

/** The newest dead letters, and the tail that reads them. */
export interface LettersReader {
  readonly topic: string;
  readonly kept: DeadLetters;
  /** One of their own: letters may be large, or of a kind that cannot be read, and windows do not wait for them. */
  readonly tail: KafkaTail;
}

/** Of which stream the records are that stand in a topic; null for none of them. */
export function streamOfTopic(
  { kafka: { topicPrefix }, streams }: Pick<Config, 'kafka' | 'streams'>,
  topic: string,
): string | null {
  const isOf = (stream: StreamConfig): boolean =>
    topic === windowsTopic(topicPrefix, stream.name) ||
    rawTopics(topicPrefix, stream).some((pattern) => matches(pattern, topic));
  return streams.find(isOf)?.name ?? null;
}

/** Puts together what reads the dead letters, without connecting to anything. */
export function readLetters(
  { kafka, streams }: Config,
  log: FastifyBaseLogger,
  errors: ErrorCounts,
): LettersReader {
  const kept = new DeadLetters((topic) => streamOfTopic({ kafka, streams }, topic));
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

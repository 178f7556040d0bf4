import type { FastifyBaseLogger } from 'fastify';
import { deadLettersTopic, rawTopic, windowsTopic } from '../shared/generated/topics.ts';
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

/** Of which stream the records are that stand in a topic. */
export function streamsByTopic({ kafka, streams }: Pick<Config, 'kafka' | 'streams'>): Map<string, string> {
  const topics = streams.flatMap(({ name, topic }) => {
    const raw = topic ?? rawTopic(kafka.topicPrefix, name);
    return [raw, windowsTopic(kafka.topicPrefix, name)].map((of) => [of, name] as const);
  });
  return new Map(topics);
}

/** Puts together what reads the dead letters, without connecting to anything. */
export function readLetters(
  { kafka, streams }: Config,
  log: FastifyBaseLogger,
  errors: ErrorCounts,
): LettersReader {
  const kept = new DeadLetters(streamsByTopic({ kafka, streams }));
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

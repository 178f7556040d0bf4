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

/** Puts together what reads the dead letters, without connecting to anything. */
export function readLetters(
  { kafka, streams }: Config,
  log: FastifyBaseLogger,
  errors: ErrorCounts,
): LettersReader {
  const topics = streams.flatMap(({ name }) =>
    [rawTopic, windowsTopic].map((topicOf) => [topicOf(kafka.topicPrefix, name), name] as const),
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

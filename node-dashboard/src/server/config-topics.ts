import {
  cursorsTopic,
  deadLettersTopic,
  healthTopic,
  rawTopic,
  windowsTopic,
} from '../shared/generated/topics.ts';
import { overlap } from '../shared/pattern.ts';
import type { Section } from './config-section.ts';

/** What of a stream says where its records are. */
interface Reader {
  readonly name: string;
  readonly topics: readonly string[];
}

/** As Kafka takes them, and with stars, which stand for any characters. */
const TOPICS = /^[a-zA-Z0-9._*-]{1,249}$/;

/** The topics that a stream names; none where it reads the one that is made for it. */
export function readTopics(stream: Section): readonly string[] {
  const one = stream.text('topic');
  const several = stream.texts('topics');
  if (one !== undefined && several !== undefined) {
    throw stream.wrong('topics', "stands beside 'topic': name all topics in 'topics', or one in 'topic'");
  }
  if (several?.length === 0) {
    throw stream.wrong('topics', 'name at least one, such as "sensors.eu"');
  }
  for (const [index, topic] of (several ?? []).entries()) {
    if (!TOPICS.test(topic)) {
      throw stream.wrong(
        'topics',
        "a topic's name has up to 249 letters, digits, '.', '_' and '-', and '*' for any of them; " +
          `'${topic}' has others`,
      );
    }
    if (several?.indexOf(topic) !== index) {
      throw stream.wrong('topics', `'${topic}' is there twice`);
    }
  }
  return several ?? (one === undefined ? [] : [one]);
}

/** The topics that have a stream's records, which may be patterns. */
export function rawTopics(prefix: string, { name, topics }: Reader): readonly string[] {
  return topics.length === 0 ? [rawTopic(prefix, name)] : topics;
}

/** What a stream names is read by no other one, and is nothing that the pipeline itself writes. */
export function checkTopics(prefix: string, streams: readonly (readonly [Section, Reader])[]): void {
  const written = [
    ...streams.map(([, { name }]) => windowsTopic(prefix, name)),
    ...[deadLettersTopic, healthTopic, cursorsTopic].map((of) => of(prefix)),
  ];
  for (const [section, { topics }] of streams) {
    const wrong = (message: string): Error =>
      section.wrong(section.isGiven('topic') ? 'topic' : 'topics', message);
    for (const topic of topics) {
      const reads = ([, reader]: readonly [Section, Reader]): boolean =>
        rawTopics(prefix, reader).some((other) => overlap(topic, other));
      const [one, other] = streams.filter(reads).map(([, { name }]) => name);
      if (other !== undefined) {
        throw wrong(
          `'${topic}' would be read by '${one}' and '${other}': let one stream read it, with the metrics of both`,
        );
      }
      const meant = written.find((name) => overlap(topic, name));
      if (meant !== undefined) {
        const also = meant === topic ? '' : `also means '${meant}', and that `;
        throw wrong(`'${topic}' ${also}is what the pipeline itself writes`);
      }
    }
  }
}

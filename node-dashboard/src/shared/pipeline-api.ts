import { Type } from 'typebox';
import { ConnectionHealth } from './api.ts';
import { integer, list, nullable, number, text, time, type Of } from './schema.ts';

/** A rejected record, as `/api/dead-letters` tells of it. What is null is not known of it, or there is none. */
export const DeadLetter = Type.Object({
  at: Type.Integer({ description: 'when it was rejected, in ms since the epoch' }),
  stream: nullable(text, { description: 'the configured stream that it is of' }),
  topic: nullable(text, { description: 'the topic that the record is of, or was meant for' }),
  partition: nullable(integer),
  offset: nullable(integer, { description: "the record's offset in that partition" }),
  stage: nullable(text, { description: 'which part of the pipeline rejected it' }),
  source: nullable(text, { description: 'the source that sent it, where the producer rejected it' }),
  reason: Type.String({ description: 'a reason code' }),
  detail: Type.String({ description: 'what exactly was wrong, for people' }),
  key: nullable(text, { description: "the record's own key" }),
  text: Type.String({
    description:
      'the beginning of the record; what cannot be seen is written as \\u{…}, and what is no UTF-8 as U+FFFD',
  }),
  bytes: Type.Integer({ description: 'how many bytes the record has' }),
  truncated: Type.Boolean({ description: 'whether `text` is only a part of it' }),
});
export type DeadLetter = Of<typeof DeadLetter>;

/** Answer of `/api/dead-letters`. */
export const DeadLettersAnswer = Type.Object({
  now: time,
  connection: Type.Unsafe<ConnectionHealth>({
    ...ConnectionHealth,
    description: 'whether the topic is read now, and if not, why: the letters are those of before then',
  }),
  lag: nullable(integer, { description: 'letters that are still to be read; null when that is not known' }),
  letters: list(DeadLetter, { description: 'newest first' }),
  matched: Type.Integer({ description: 'how many of the kept letters match, listed or not' }),
  kept: Type.Integer({ description: 'how many letters the dashboard keeps, of all streams' }),
  most: Type.Integer({ description: 'how many it keeps at most: those are the newest' }),
  reasons: Type.Record(Type.String(), Type.Integer(), {
    description: 'by reason, how many of the kept letters of the stream have it',
  }),
  unreadable: Type.Integer({ description: 'records of the topic that were no dead letters' }),
});
export type DeadLettersAnswer = Of<typeof DeadLettersAnswer>;

const values = list(nullable(number));

/** What a part of the pipeline did over time: a value for each of `times`, null where it is not known. */
export const PartHistory = Type.Object({
  component: text,
  stream: nullable(text),
  records_in: values,
  records_out: values,
  bytes_in: values,
  bytes_out: values,
  lag: values,
});
export type PartHistory = Of<typeof PartHistory>;

/** Answer of `/api/pipeline`. */
export const PipelineAnswer = Type.Object({
  now: time,
  interval: Type.Integer({ description: 'how often the dashboard looks, in ms' }),
  times: list(time, { description: 'when it looked, oldest first' }),
  parts: list(PartHistory, {
    description:
      'by component and stream, its instances together: records and bytes per second, and records of lag; null where ' +
      'it was silent, or did not tell',
  }),
});
export type PipelineAnswer = Of<typeof PipelineAnswer>;

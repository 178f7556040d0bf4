import type { TopicRecord } from '../src/server/kafka-tail.ts';

/** The headers of a letter of the Spark job. */
export const HEADERS = ['stage', 'reason', 'detail', 'topic', 'partition', 'offset'] as const;

interface Options {
  readonly offset?: number;
  readonly reason?: string;
  readonly detail?: string;
  readonly value?: string;
  readonly at?: number;
  /** Further headers, without their prefix; null leaves one out. */
  readonly headers?: Readonly<Record<string, string | null>>;
}

/** A record of the topic `dead-letters`, about one of `raw.host`. */
export function deadLetter({
  offset = 0,
  reason = 'invalid_value',
  detail = '',
  value = '{}',
  at = 1_700_000_000_000,
  headers = {},
}: Options = {}): TopicRecord {
  const all: Readonly<Record<string, string | null>> = {
    ...{ stage: 'parse', reason, detail, topic: 'raw.host', partition: '2', offset: String(offset) },
    ...headers,
  };
  return {
    offset: BigInt(offset),
    key: Buffer.from(`${String(all.topic)}-2-${offset}`),
    value: Buffer.from(value),
    timestamp: at,
    headers: Object.entries(all).flatMap(([name, text]) =>
      text === null ? [] : [[Buffer.from(`freshet-${name}`), Buffer.from(text)] as const],
    ),
  };
}

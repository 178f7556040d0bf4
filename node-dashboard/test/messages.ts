import { WINDOW_FIELDS } from '../src/shared/generated/window.ts';
import type { WindowMessage } from '../src/shared/window.ts';

type Nullable = {
  [Name in keyof WindowMessage as null extends WindowMessage[Name] ? Name : never]: null;
};

/** What a message, a row or an answer from before some fields says of them. */
export const NOT_KNOWN = Object.fromEntries(
  WINDOW_FIELDS.filter(({ kind, optional }) => optional && kind !== 'flag').map(({ name }) => [name, null]),
) as unknown as Nullable;

/** A window message with the given fields; the rest is that of a small window of `laptop/cpu`. */
export function windowMessage(fields: Partial<WindowMessage> = {}): WindowMessage {
  return {
    ...NOT_KNOWN,
    ...{ stream: 'host', series: 'laptop/cpu', metric: 'usage', window: '10s', start: 0, end: 10_000 },
    ...{ count: 1, sum: 2, avg: 2, min: 2, max: 2, stddev: 0, p50: 2, p95: 2, p99: 2 },
    ...{ last_event: 1000, generation: 0, revision: 1, emitted: 1500 },
    ...fields,
  };
}

import type { WindowMessage } from '../src/shared/window.ts';

/** A window message with the given fields; the rest is that of a small window of `laptop/cpu`. */
export function windowMessage(fields: Partial<WindowMessage> = {}): WindowMessage {
  return {
    ...{ stream: 'host', series: 'laptop/cpu', metric: 'usage', window: '10s', start: 0, end: 10_000 },
    ...{ count: 1, sum: 2, avg: 2, min: 2, max: 2, stddev: 0, p50: 2, p95: 2, p99: 2 },
    ...{ last_event: 1000, generation: 0, revision: 1, emitted: 1500 },
    ...fields,
  };
}

/** Percentiles of a window of no more readings than this are exact. */
export const EXACT_PERCENTILES = 32;

/** What the percentiles p50, p95 and p99 of a window are, q being 0.50, 0.95 and 0.99. */
export const PERCENTILE_MEANING =
  `the value of rank ceil(q*count); exact while a window holds at most ${EXACT_PERCENTILES} readings, ` +
  'otherwise within 1 % of that value';

/** What `partial` says of a window. */
export const PARTIAL_MEANING =
  'holds only a part of its readings, for example because its kind of window was added while it was open';

/** One version of one window of one series; times are milliseconds since the epoch. */
export interface WindowValue {
  readonly start: number;
  readonly end: number;
  readonly count: number;
  readonly sum: number;
  readonly avg: number;
  readonly min: number;
  readonly max: number;
  readonly stddev: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  /** Event time of the newest record in the window. */
  readonly last_event: number;
  /** A replay with a raised generation overrides whatever the older generation counted. */
  readonly generation: number;
  /** Count of the records in the window: it only grows, so it orders the versions of one generation. */
  readonly revision: number;
  /** True when the window is known to hold only a part of its readings; else it is not there. */
  readonly partial?: true;
}

/** A window as it travels on `windows.<stream>` and over `/api/live`. */
export interface WindowMessage extends WindowValue {
  readonly stream: string;
  readonly series: string;
  readonly metric: string;
  readonly window: string;
  /** When Spark wrote this version. */
  readonly emitted: number;
}

const STRINGS = ['stream', 'series', 'metric', 'window'] as const;
const NUMBERS = [
  ...['start', 'end', 'count', 'sum', 'avg', 'min', 'max', 'stddev', 'p50', 'p95', 'p99'],
  ...['last_event', 'generation', 'revision', 'emitted'],
];

/** Reads a message of a windows topic; null for what is not one, so that one bad record stops nobody. */
export function parseWindowMessage(json: string): WindowMessage | null {
  let parsed: unknown;
  try {
    parsed = JSON.parse(json);
  } catch {
    return null;
  }
  if (typeof parsed !== 'object' || parsed === null) {
    return null;
  }
  const { partial, ...fields } = parsed as Record<string, unknown>;
  const valid =
    STRINGS.every((name) => typeof fields[name] === 'string') &&
    NUMBERS.every((name) => Number.isFinite(fields[name]));
  return valid ? ({ ...fields, ...(partial === true && { partial }) } as unknown as WindowMessage) : null;
}

/** What makes two messages versions of the same window. The separator cannot occur in a metric or a window. */
export function windowKey(message: WindowMessage): string {
  return `${message.start}|${message.window}|${message.metric}|${message.series}`;
}

/** Whether `candidate` is at least as new a version of the window as `current`. */
export function supersedes(candidate: WindowValue, current: WindowValue): boolean {
  return (
    candidate.generation > current.generation ||
    (candidate.generation === current.generation && candidate.revision >= current.revision)
  );
}

// Generated from the table of a window's fields in freshet-core (window_version/fields.rs) by the test `generated`.

/** Percentiles of a window of no more readings than this are exact. */
export const EXACT_PERCENTILES = 32;

/** What the percentile of a share q is. */
export const PERCENTILE_MEANING =
  'the reading of rank ceil(q*count), exact of at most 32 readings, else within 1 % of it';

/**
 * One version of one window of one series. What is null is not known, as what came after the first version of
 * the table of fields may be.
 */
export interface WindowValue {
  /** First instant of the window (unit: ms since the epoch). */
  readonly start: number;
  /** First instant after the window (unit: ms since the epoch). */
  readonly end: number;
  /** Number of readings. */
  readonly count: number;
  /** Sum of the readings (unit: the metric's). */
  readonly sum: number;
  /** Mean of the readings (unit: the metric's). */
  readonly avg: number;
  /** The least reading (unit: the metric's). */
  readonly min: number;
  /** The greatest reading (unit: the metric's). */
  readonly max: number;
  /** Population standard deviation (unit: the metric's). */
  readonly stddev: number;
  /**
   * Median: the reading of rank `ceil(0.5 * count)`, exact of at most 32 readings, else within 1 % of it
   * (unit: the metric's).
   */
  readonly p50: number;
  /**
   * 95th percentile: the reading of rank `ceil(0.95 * count)`, exact of at most 32 readings, else within 1 %
   * of it (unit: the metric's).
   */
  readonly p95: number;
  /**
   * 99th percentile: the reading of rank `ceil(0.99 * count)`, exact of at most 32 readings, else within 1 %
   * of it (unit: the metric's).
   */
  readonly p99: number;
  /** Event time of the newest reading (unit: ms since the epoch). */
  readonly last_event: number;
  /** The stream's generation when this version was computed. */
  readonly generation: number;
  /** Version of the window within its generation: the number of readings, which only grows. */
  readonly revision: number;
  /**
   * Whether the window is known to hold only a part of its readings, since its kind was added while it was
   * open.
   */
  readonly partial?: true;
  /** The reading of the earliest event time; of several, the least (unit: the metric's). */
  readonly first: number | null;
  /** The reading of the latest event time; of several, the greatest (unit: the metric's). */
  readonly last: number | null;
}

/** A window as it travels on `windows.<stream>` and over `/api/live`. */
export interface WindowMessage extends WindowValue {
  /** The stream. */
  readonly stream: string;
  /** The series. */
  readonly series: string;
  /** The metric. */
  readonly metric: string;
  /** The kind of window, such as `10s` or `5m/1m`. */
  readonly window: string;
  /** When this version was computed (unit: ms since the epoch). */
  readonly emitted: number;
}

/** What kind of values a field has; times are milliseconds since the epoch. */
export type WindowFieldKind = 'text' | 'time' | 'count' | 'number' | 'flag';

/** A field of a window. */
export interface WindowField {
  readonly name: keyof WindowMessage;
  readonly kind: WindowFieldKind;
  /** There when it may be missing, or null; a flag is false then. */
  readonly optional?: true;
}

/** The fields of a message, in its order. */
export const WINDOW_FIELDS: readonly WindowField[] = [
  { name: 'stream', kind: 'text' },
  { name: 'series', kind: 'text' },
  { name: 'metric', kind: 'text' },
  { name: 'window', kind: 'text' },
  { name: 'start', kind: 'time' },
  { name: 'end', kind: 'time' },
  { name: 'count', kind: 'count' },
  { name: 'sum', kind: 'number' },
  { name: 'avg', kind: 'number' },
  { name: 'min', kind: 'number' },
  { name: 'max', kind: 'number' },
  { name: 'stddev', kind: 'number' },
  { name: 'p50', kind: 'number' },
  { name: 'p95', kind: 'number' },
  { name: 'p99', kind: 'number' },
  { name: 'last_event', kind: 'time' },
  { name: 'generation', kind: 'count' },
  { name: 'revision', kind: 'count' },
  { name: 'emitted', kind: 'time' },
  { name: 'partial', kind: 'flag', optional: true },
  { name: 'first', kind: 'number', optional: true },
  { name: 'last', kind: 'number', optional: true },
];

/** The statistics that came after the first version of the table of fields. */
export const LATER_STATISTICS: readonly WindowField[] = [
  { name: 'first', kind: 'number', optional: true },
  { name: 'last', kind: 'number', optional: true },
];

/** The fields of `WindowValue` with their meanings, in the order of answers: those that came later follow. */
export const WINDOW_MEANINGS: Readonly<Record<keyof WindowValue, string>> = {
  start: 'first instant of the window (unit: ms since the epoch)',
  end: 'first instant after the window (unit: ms since the epoch)',
  count: 'number of readings',
  sum: "sum of the readings (unit: the metric's)",
  avg: "mean of the readings (unit: the metric's)",
  min: "the least reading (unit: the metric's)",
  max: "the greatest reading (unit: the metric's)",
  stddev: "population standard deviation (unit: the metric's)",
  p50:
    "median: the reading of rank `ceil(0.5 * count)`, exact of at most 32 readings, else within 1 % of it (unit: the metric's)",
  p95:
    "95th percentile: the reading of rank `ceil(0.95 * count)`, exact of at most 32 readings, else within 1 % of it (unit: the metric's)",
  p99:
    "99th percentile: the reading of rank `ceil(0.99 * count)`, exact of at most 32 readings, else within 1 % of it (unit: the metric's)",
  last_event: 'event time of the newest reading (unit: ms since the epoch)',
  generation: "the stream's generation when this version was computed",
  revision: 'version of the window within its generation: the number of readings, which only grows',
  partial:
    'whether the window is known to hold only a part of its readings, since its kind was added while it was open',
  first: "the reading of the earliest event time; of several, the least (unit: the metric's)",
  last: "the reading of the latest event time; of several, the greatest (unit: the metric's)",
};

/** The fields of `WindowValue` that are columns of the table `windows` in Cassandra. */
export const WINDOW_COLUMNS: readonly (keyof WindowMessage)[] = [
  'start',
  'end',
  'count',
  'sum',
  'avg',
  'min',
  'max',
  'stddev',
  'p50',
  'p95',
  'p99',
  'last_event',
  'revision',
  'partial',
  'first',
  'last',
];

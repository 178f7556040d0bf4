import type { WindowValue } from './window.ts';

/** A stream as `/api/streams` tells it. */
export interface StreamInfo {
  readonly name: string;
  readonly title: string;
  /** The one unit of all metrics; null where each has its own, or none. */
  readonly unit: string | null;
  /** By metric, its unit; a metric without one is not in it. */
  readonly units: Readonly<Record<string, string>>;
  readonly metrics: readonly string[];
  readonly windows: readonly { readonly label: string; readonly size: number; readonly slide: number }[];
  /** How long a window waits for stragglers, in milliseconds. */
  readonly lateness: number;
}

/** Answer of `/api/streams`; `now` is the server's clock, by which the page tells ages. */
export interface StreamsAnswer {
  readonly now: number;
  readonly streams: readonly StreamInfo[];
}

/** A series of a stream, as `/api/series` lists it. */
export interface SeriesInfo {
  readonly series: string;
  readonly metrics: readonly string[];
  readonly last_seen: number;
}

/** Answer of `/api/series`; `truncated` when more series matched than were listed. */
export interface SeriesAnswer {
  readonly series: readonly SeriesInfo[];
  readonly truncated: boolean;
}

/** Answer of `/api/windows`. */
export interface WindowsAnswer {
  readonly windows: readonly WindowValue[];
}

/** Totals since a component started, as it reports them on the `health` topic. */
export interface HealthCounters {
  readonly records_in: number;
  readonly records_out: number;
  readonly bytes_in: number;
  readonly bytes_out: number;
}

/** What a component says of itself on the `health` topic. */
export interface HealthReport extends HealthCounters {
  readonly component: string;
  readonly instance: string;
  readonly stream: string | null;
  readonly since: number;
  readonly time: number;
  readonly errors: Readonly<Record<string, number>>;
  readonly lag: number | null;
  /** Spark only: records that were refused, since the start. */
  readonly rejected?: number;
  /** Spark only: records that came too late, since the start: the largest number of the next field. */
  readonly late?: number;
  /** Spark only: by window, records that came too late for it, since the start. */
  readonly late_by_window?: Readonly<Record<string, number>>;
  /** Spark only: how long the newest micro-batch took, in milliseconds; null before the first one. */
  readonly batch_duration_ms?: number | null;
  /** Spark only: whether the stream's query runs, or has failed and waits to be started again. */
  readonly state?: 'starting' | 'running' | 'restarting';
  /** Spark only: how often the query has failed and was started again, since the start of the job. */
  readonly restarts?: number;
  /** Spark only: why the query failed last, in one line; null when it has not. */
  readonly last_error?: string | null;
  /** Spark only: offsets that held no record any more when they were read, since the start. */
  readonly skipped_offsets?: number;
}

/** One component's latest report with what the dashboard computed from its recent ones. */
export interface ComponentHealth extends HealthReport {
  /** Milliseconds since the report. */
  readonly age: number;
  /** Whether the component has been silent for so long that something must be wrong with it. */
  readonly stale: boolean;
  /** Per second, over the last reports; null until there are two. */
  readonly rates: (HealthCounters & { readonly errors: number }) | null;
}

/** Answer of `/api/health`. */
export interface HealthAnswer {
  readonly now: number;
  readonly components: readonly ComponentHealth[];
  readonly kafka: ConnectionHealth;
  readonly cassandra: ConnectionHealth;
}

/** Whether the dashboard reaches a service, and if not, why. */
export interface ConnectionHealth {
  readonly connected: boolean;
  readonly message: string;
}

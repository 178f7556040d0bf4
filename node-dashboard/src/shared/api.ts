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
  /** When its newest window was stored, in milliseconds since the epoch; null when that is not known. */
  readonly last_seen: number | null;
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

/** What a component says of itself on the `health` topic; what is not there, or null, it does not say. */
export interface HealthReport extends HealthCounters {
  readonly component: string;
  readonly instance: string;
  readonly stream: string | null;
  readonly since: number;
  readonly time: number;
  /** How often what went wrong, by kind, since the start; null when the component does not say. */
  readonly errors: Readonly<Record<string, number>> | null;
  /** How many records there are still to be read; null when that is not known. */
  readonly lag: number | null;
  /** Spark only: records that were refused, since the start. */
  readonly rejected?: number | null;
  /** Spark only: records that came too late, since the start: the largest number of the next field. */
  readonly late?: number | null;
  /** Spark only: by window, records that came too late for it, since the start. */
  readonly late_by_window?: Readonly<Record<string, number>> | null;
  /** Spark only: how long the newest micro-batch took, in milliseconds; null before the first one. */
  readonly batch_duration_ms?: number | null;
  /**
   * What the component does: `starting`, `running`, `restarting` (it has failed and is started again), `waiting` (it is
   * alive, but waits for something outside), or what a newer component calls it.
   */
  readonly state?: string | null;
  /** What a waiting component waits for, in one line. */
  readonly waiting_for?: string | null;
  /** Spark only: how often the query has failed and was started again, since the start of the job. */
  readonly restarts?: number | null;
  /** What went wrong last, in one line; null when nothing has. */
  readonly last_error?: string | null;
  /** When that was, in milliseconds since the epoch; null when it is not known. */
  readonly last_error_time?: number | null;
  /** Offsets that held no record when they were read, since the start. */
  readonly skipped_offsets?: number | null;
  /** Offsets of a topic that was deleted, which were never read: a loss. */
  readonly lost_offsets?: number | null;
  /** What people should know, one line each. */
  readonly notices?: readonly string[] | null;
}

/** One component's latest report with what the dashboard computed from its recent ones; a silent one has no lag. */
export interface ComponentHealth extends HealthReport {
  /** Milliseconds since the report. */
  readonly age: number;
  /** Whether the component has been silent for so long that something must be wrong with it. */
  readonly stale: boolean;
  /** Per second, over the last reports; null until there are two, and when the component is silent. */
  readonly rates: (HealthCounters & { readonly errors: number | null }) | null;
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

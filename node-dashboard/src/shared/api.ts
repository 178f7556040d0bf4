import type { HealthReport } from './generated/health.ts';
import type { PointColumns } from './columns.ts';
import type { WindowValue } from './window.ts';

export type { HealthReport };

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

/** A series and metric in an answer of `/api/history`. */
export interface HistoryChart {
  readonly series: string;
  readonly metric: string;
  readonly points: PointColumns;
}

/** Answer of `/api/history`, of what starts in `[from, to)`. */
export interface HistoryAnswer {
  readonly now: number;
  readonly from: number;
  readonly to: number;
  /** The kind of window that was read. */
  readonly window: string;
  /** Distance between two points, and between the windows that they are of, in milliseconds. */
  readonly step: number;
  readonly stride: number;
  readonly charts: readonly HistoryChart[];
}

/** Totals since a component started, as it reports them on the `health` topic. */
export type HealthCounters = Pick<HealthReport, 'records_in' | 'records_out' | 'bytes_in' | 'bytes_out'>;

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

import type { StreamInfo } from '../shared/api.ts';
import { ask, send } from './client.ts';

/** A chart that a stream has by its configuration. */
export interface ConfiguredChart {
  readonly title: string;
  /** Names of metrics and of series, in which `*` stands for any text; null for all series. */
  readonly metrics: readonly string[];
  readonly series: readonly string[] | null;
  readonly unit: string | null;
}

/** A threshold of a stream. */
export interface AlertRule {
  readonly name: string;
  /** In which `*` stands for any text. */
  readonly metric: string;
  readonly field: string;
  readonly above?: number | null;
  readonly below?: number | null;
  readonly for_ms: number;
  readonly series?: unknown;
  readonly window?: string | null;
}

/** What a stream may say beside its metrics. */
export interface StreamExtras {
  readonly charts?: readonly ConfiguredChart[];
  readonly alerts?: readonly AlertRule[];
}

/** The state of a threshold for a series. */
export interface Alert {
  readonly name: string;
  readonly stream: string;
  readonly series: string;
  readonly metric: string;
  readonly window: string;
  readonly state: 'pending' | 'firing' | 'resolved';
  readonly since: number;
  readonly value: number | null;
  readonly threshold: number | null;
  readonly silenced_until: number | null;
  readonly text: string;
}

/** Something that happened. */
export interface Annotation {
  readonly id: string;
  readonly at: number;
  readonly until: number | null;
  readonly kind: string;
  readonly stream: string | null;
  readonly text: string;
}

/** A window that lies far outside of what its series does. */
export interface Anomaly {
  readonly series: string;
  readonly metric: string;
  readonly start: number;
  readonly avg: number;
  readonly text: string;
}

/** What the stream says of charts and thresholds; nothing where the server does not know of them. */
export function extrasOf(stream: StreamInfo | undefined): StreamExtras {
  return stream ?? {};
}

/** Whether the server tells of alerts, annotations and anomalies: one that does not is not asked. */
export function tellsMore(streams: readonly StreamInfo[]): boolean {
  return streams.some((stream) => extrasOf(stream).alerts !== undefined);
}

/** The alerts of all streams. */
export function getAlerts(): Promise<{ readonly alerts: readonly Alert[] }> {
  return ask('api/alerts', {});
}

/** What happened in a span. */
export function getAnnotations(
  stream: string,
  from: number,
  to: number,
): Promise<{ readonly annotations: readonly Annotation[] }> {
  return ask('api/annotations', { stream, from: String(from), to: String(to) });
}

/** The windows in a span that lie far outside of what their series do. */
export function getAnomalies(
  stream: string,
  window: string,
  from: number,
  to: number,
): Promise<{ readonly anomalies: readonly Anomaly[] }> {
  return ask('api/anomalies', { stream, window, from: String(from), to: String(to) });
}

/** Says what happened. */
export function addAnnotation(annotation: {
  readonly at: number;
  readonly stream: string;
  readonly text: string;
}): Promise<void> {
  return send('POST', 'api/annotations', annotation);
}

/** Keeps an alert silent for some minutes; zero lets it speak again. */
export function silence({ name, stream, series }: Alert, minutes: number): Promise<void> {
  const which = { alert: name, stream, series };
  return minutes > 0
    ? send('POST', 'api/silences', { ...which, minutes })
    : send('DELETE', `api/silences?${new URLSearchParams(which).toString()}`);
}

import type { AlertsAnswer, AlertState, AnnotationsAnswer, AnomaliesAnswer } from '../shared/api.ts';
import { ask, send } from './client.ts';

/** The alerts of all streams. */
export function getAlerts(): Promise<AlertsAnswer> {
  return ask('api/alerts', {});
}

/** What happened in a span. */
export function getAnnotations(stream: string, from: number, to: number): Promise<AnnotationsAnswer> {
  return ask('api/annotations', { stream, from: String(from), to: String(to) });
}

/** The windows in a span that lie far outside of what their series do. */
export function getAnomalies(query: {
  readonly stream: string;
  readonly window: string;
  readonly from: number;
  readonly to: number;
  readonly series: readonly string[];
  readonly metric: readonly string[];
}): Promise<AnomaliesAnswer> {
  return ask('api/anomalies', { ...query, from: String(query.from), to: String(query.to) });
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
export function silence({ name, stream, series }: AlertState, minutes: number): Promise<void> {
  const which = { alert: name, stream, series };
  return minutes > 0
    ? send('POST', 'api/silences', { ...which, minutes })
    : send('DELETE', `api/silences?${new URLSearchParams(which).toString()}`);
}

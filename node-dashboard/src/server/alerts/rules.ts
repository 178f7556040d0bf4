import type { AlertConfig } from '../config-alerts.ts';
import { matches } from '../../shared/pattern.ts';
import type { WindowMessage } from '../../shared/window.ts';
import { isBad, type Comparison } from './state.ts';

/** What an alert watches: a series and metric of its stream; the stream itself when both are empty. */
export interface Subject {
  readonly alert: string;
  readonly stream: string;
  readonly series: string;
  readonly metric: string;
}

/** The name of a subject among all. The separator cannot occur in what comes before the series. */
export function keyOf({ alert, stream, series, metric }: Subject): string {
  return `${alert}|${stream}|${metric}|${series}`;
}

/** Whether an alert watches a series and metric. */
export function watches(alert: AlertConfig, { series, metric }: { series: string; metric: string }): boolean {
  return matches(alert.metric, metric) && matches(alert.series, series);
}

/** What an alert makes of a complete window; null when it does not watch it. */
export function compareWindow(alert: AlertConfig, message: WindowMessage): Comparison | null {
  const { field } = alert;
  if (field === 'age' || message.window !== alert.window.label || !watches(alert, message)) {
    return null;
  }
  const value = message[field];
  return { at: message.end, since: message.end, value, isBad: isBad(alert, value) };
}

/** What an alert makes of the age of the newest event, as it is now. */
export function compareAge(alert: AlertConfig, lastEvent: number, now: number): Comparison {
  const value = Math.max(0, now - lastEvent) / 1000;
  const limit = lastEvent + (alert.above ?? 0) * 1000;
  return { at: now, since: Math.min(now, limit), value, isBad: isBad(alert, value) };
}

/** The threshold of an alert. */
export function thresholdOf({ above, below }: AlertConfig): number {
  return above ?? below ?? 0;
}

const FIELDS: Readonly<Record<AlertConfig['field'], string>> = {
  avg: 'average',
  min: 'least value',
  max: 'greatest value',
  count: 'number of readings',
  p50: 'median',
  p95: '95th percentile',
  p99: '99th percentile',
  age: 'newest event',
};

/** What an alert says of a value, in a sentence. */
export function wordsOf(alert: AlertConfig, { series, metric, stream }: Subject, value: number): string {
  const of = series === '' ? `all of ${stream}` : `${series} ${metric}`;
  const rounded = Number(value.toPrecision(4));
  const comparison = alert.above === undefined ? 'below' : 'above';
  const limit = thresholdOf(alert);
  return alert.field === 'age'
    ? `${of}: the newest event is ${rounded} s old (limit ${limit} s)`
    : `${of}: ${FIELDS[alert.field]} ${rounded} in ${alert.window.label} (limit: not ${comparison} ${limit})`;
}

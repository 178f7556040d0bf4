import type { AlertsAnswer } from '../../shared/api.ts';
import type { AlertConfig } from '../config-alerts.ts';
import type { Notification } from './notifier.ts';
import { thresholdOf, wordsOf, type Subject } from './rules.ts';
import type { Watch } from './state.ts';

/** What an alert says of a subject. */
export interface Told {
  readonly alert: AlertConfig;
  readonly subject: Subject;
  readonly watch: Watch;
}

/** More alerts nobody reads; `count` says how many there are. */
const MAX_ANSWERED = 500;
/** Of so many series and metrics a notification tells each. */
const MAX_LISTED = 100;

const ORDER: readonly Watch['state'][] = ['firing', 'pending', 'resolved', 'fine'];

/** What `/api/alerts` answers: those that fire first, then the newest first. */
export function answerOf(shown: readonly (Told & { readonly silencedUntil: number | null })[]): AlertsAnswer {
  const sorted = [...shown].sort(
    (a, b) => ORDER.indexOf(a.watch.state) - ORDER.indexOf(b.watch.state) || b.watch.since - a.watch.since,
  );
  return {
    count: sorted.length,
    alerts: sorted.slice(0, MAX_ANSWERED).map(({ alert, subject, watch, silencedUntil }) => ({
      ...{ name: alert.name, stream: alert.stream, series: subject.series, metric: subject.metric },
      ...{ window: alert.window.label, field: alert.field, severity: alert.severity },
      state: watch.state as Exclude<Watch['state'], 'fine'>,
      ...{ since: watch.since, value: watch.value, threshold: thresholdOf(alert) },
      silenced_until: silencedUntil,
      text: wordsOf(alert, subject, watch.value),
    })),
  };
}

/** One notification for each alert and state, however many series it is about, and what it is about. */
export function notificationsOf(
  told: readonly Told[],
  at: number,
): { notification: Notification; about: readonly Told[] }[] {
  const groups = new Map<string, Told[]>();
  for (const one of told) {
    const key = `${one.watch.state}|${one.alert.name}`;
    groups.set(key, [...(groups.get(key) ?? []), one]);
  }
  return [...groups.values()].flatMap((about) => {
    const notification = notificationOf(about, at);
    return notification === null ? [] : [{ notification, about }];
  });
}

function notificationOf(group: readonly Told[], at: number): Notification | null {
  const [first] = group;
  if (first === undefined || (first.watch.state !== 'firing' && first.watch.state !== 'resolved')) {
    return null;
  }
  const { alert, watch } = first;
  const series = group.slice(0, MAX_LISTED).map(({ subject, watch: { value, since } }) => ({
    ...{ series: subject.series, metric: subject.metric, value, since },
    text: wordsOf(alert, subject, value),
  }));
  const what = group.length === 1 ? (series[0]?.text ?? '') : `${group.length} series of ${alert.stream}`;
  return {
    ...{ alert: alert.name, stream: alert.stream, severity: alert.severity },
    state: watch.state as 'firing' | 'resolved',
    ...{ at, text: `${alert.name} ${watch.state}: ${what}` },
    ...{ field: alert.field, threshold: thresholdOf(alert), window: alert.window.label },
    ...{ count: group.length, series },
  };
}

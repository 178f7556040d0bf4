import { signal } from '@preact/signals';
import type { AlertsAnswer, AlertState, Annotation } from '../shared/api.ts';
import { getAlerts, getAnnotations } from './extras.ts';
import { dashboard } from './state.ts';
import { findUnusual, linesToJudge, type Unusual } from './unusual.ts';
import { view } from './current-view.ts';

const ASK_AGAIN = 5000;
/** What a span holds of annotations and anomalies changes seldom; a new span is asked for at once. */
const SPAN_AGAIN = 15_000;
const NOT_JUDGED: Unusual = { anomalies: [], leftOut: new Set() };

/** The alerts; null as long as they are not known. */
export const alerts = signal<readonly AlertState[] | null>(null);
/** Why the alerts are not known; empty when they are. */
export const alertsProblem = signal('');
/** What happened in the span that is shown. */
export const annotations = signal<readonly Annotation[]>([]);
/** The windows that are shown which lie far outside of what their series do. */
export const unusual = signal<Unusual>(NOT_JUDGED);
/** Why what happened in the span, or what is unusual, is not known; empty when it is. */
export const spanProblem = signal('');

let asked = '';
let askedAt = 0;

/**
 * Takes the alerts from the live events, and asks for them when these begin; only while there are none again and again.
 * What is marked in the span is asked for now and then.
 */
export function followTold(): void {
  dashboard.onAlerts = (answer) => {
    if (answer === null) {
      void askAlerts();
      void askSpan();
    } else {
      take(answer);
    }
  };
  const ask = async (): Promise<void> => {
    if (dashboard.streams.length > 0 && !document.hidden) {
      const isTold = dashboard.connection === 'live' && alerts.value !== null;
      await Promise.all([isTold ? undefined : askAlerts(), askSpan()]);
    }
    setTimeout(() => void ask(), ASK_AGAIN);
  };
  void ask();
}

/** How many answers have been taken: an older one, which was under way meanwhile, is none. */
let taken = 0;

function take({ alerts: told }: AlertsAnswer): void {
  taken += 1;
  alerts.value = told;
  alertsProblem.value = '';
}

/** Asks for the alerts now. */
export async function askAlerts(): Promise<void> {
  const before = taken;
  try {
    const answer = await getAlerts();
    if (before === taken) {
      take(answer);
    }
  } catch (error) {
    alerts.value = null;
    alertsProblem.value = messageOf(error);
  }
}

/** Asks what happened in the span, when it is another one or was asked for long ago. */
export async function askSpan(force = false): Promise<void> {
  const { stream } = dashboard.selection;
  const { window } = dashboard.resolution;
  const { span } = dashboard;
  const lines = linesToJudge(dashboard, view.value.hidden, window, span);
  const key = JSON.stringify([stream, window.label, dashboard.selection.span, lines]);
  if (!force && key === asked && Date.now() - askedAt < SPAN_AGAIN) {
    return;
  }
  [asked, askedAt] = [key, Date.now()];
  const [happened, found] = await Promise.allSettled([
    getAnnotations(stream, span.from, span.to),
    findUnusual(stream, lines, window, span),
  ]);
  if (key !== asked) {
    return;
  }
  // The charts show the windows all the same.
  annotations.value = happened.status === 'fulfilled' ? happened.value.annotations : [];
  unusual.value = found.status === 'fulfilled' ? found.value : NOT_JUDGED;
  spanProblem.value = [
    problemText('what happened in this time', happened),
    problemText('which windows are unusual', found),
  ]
    .filter((text) => text !== '')
    .join('; ');
}

function problemText(what: string, result: PromiseSettledResult<unknown>): string {
  return result.status === 'fulfilled' ? '' : `${what} is not known: ${messageOf(result.reason)}`;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

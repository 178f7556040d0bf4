import { effect, signal } from '@preact/signals';
import type { AlertState } from '../shared/api.ts';
import { alerts } from './told.ts';

const STORED = 'freshet-notifications';

/** Whether this browser tells of alerts, could, or cannot. */
export type Telling = 'on' | 'off' | 'denied' | 'impossible';
export const telling = signal<Telling>('off');

/** Tells of alerts that begin to fire, if the reader has asked for it. */
export function followNotifications(): void {
  telling.value = current();
  let known: ReadonlySet<string> | null = null;
  effect(() => {
    const firing = (alerts.value ?? []).filter(isLoud);
    const keys = new Set(firing.map(keyOf));
    // What fired before the page was opened is on the page; it is news to nobody who has it open.
    const fresh = known === null ? [] : firing.filter((alert) => known?.has(keyOf(alert)) === false);
    known = alerts.value === null ? known : keys;
    if (telling.peek() === 'on') {
      fresh.forEach(tell);
    }
  });
}

/** Asks the browser whether it may tell; only a button of the page calls this. */
export async function askToTell(): Promise<void> {
  if ('Notification' in globalThis && (await Notification.requestPermission()) === 'granted') {
    keep('on');
  }
  telling.value = current();
}

/** Tells no more. */
export function stopTelling(): void {
  keep('off');
  telling.value = current();
}

/** Whether an alert fires and is not silenced. */
export function isLoud({ state, silenced_until }: AlertState): boolean {
  return state === 'firing' && (silenced_until ?? 0) < Date.now();
}

function current(): Telling {
  if (!('Notification' in globalThis)) {
    return 'impossible';
  }
  if (Notification.permission === 'denied') {
    return 'denied';
  }
  return Notification.permission === 'granted' && kept() === 'on' ? 'on' : 'off';
}

function tell({ name, series, text }: AlertState): void {
  try {
    // One that fires again takes the place of the one before.
    new Notification(`▲ ${name}`, { body: `${series}: ${text}`, tag: `${name} ${series}` });
  } catch {
    // Browsers on phones let only service workers tell; the page and its title say it all the same.
    telling.value = 'impossible';
  }
}

function keyOf({ name, stream, series, metric, since }: AlertState): string {
  return JSON.stringify([name, stream, series, metric, since]);
}

function kept(): string {
  try {
    return localStorage.getItem(STORED) ?? 'off';
  } catch {
    return 'off';
  }
}

function keep(value: 'on' | 'off'): void {
  try {
    localStorage.setItem(STORED, value);
  } catch {
    // A browser that keeps nothing has to be asked again.
  }
}

import type { AlertConfig } from '../config-alerts.ts';
import { watches } from './rules.ts';

/** When the newest event of a series and metric was, in milliseconds since the epoch. */
export interface NewestEvent {
  readonly stream: string;
  readonly series: string;
  readonly metric: string;
  readonly time: number;
}

/** The newest events of what alerts on the age watch. */
export class NewestEvents {
  readonly #alerts: readonly AlertConfig[];
  readonly #events = new Map<string, NewestEvent>();

  constructor(alerts: readonly AlertConfig[]) {
    this.#alerts = alerts.filter(({ field }) => field === 'age');
  }

  /** The alerts on the age. */
  get alerts(): readonly AlertConfig[] {
    return this.#alerts;
  }

  /** Takes in an event, if an alert watches what it is of. */
  hear(event: NewestEvent): void {
    const { stream, series, metric, time } = event;
    const key = `${stream}|${metric}|${series}`;
    const known = this.#events.get(key);
    const isWatched =
      known !== undefined || this.#alerts.some((alert) => alert.stream === stream && watches(alert, event));
    if (isWatched && (known === undefined || time > known.time)) {
      this.#events.set(key, event);
    }
  }

  /** Those that an alert watches. */
  of(alert: AlertConfig): NewestEvent[] {
    return [...this.#events.values()].filter(
      (event) => event.stream === alert.stream && watches(alert, event),
    );
  }
}

import type { WindowMessage } from '../shared/window.ts';

/** What the lag of events is, and how it differs from an age. */
export const LAG_MEANING =
  'event-time lag: from the time of the newest reading to the moment when its window came out of the pipeline; it ' +
  'says how late readings come, and stands still when none come, while the age counts on; – where none has come in ' +
  'live yet';

/** How late the readings of each series come: what is stored does not tell, only what comes in live. */
export class EventLag {
  readonly #newest = new Map<string, { readonly event: number; readonly lag: number }>();

  /** Takes in a window that came in. */
  observe({ series, last_event: event, emitted }: WindowMessage): void {
    if (event > (this.#newest.get(series)?.event ?? -Infinity)) {
      this.#newest.set(series, { event, lag: Math.max(0, emitted - event) });
    }
  }

  /** The lag of a series' newest reading, in milliseconds; null when nothing of it has come in. */
  of(series: string): number | null {
    return this.#newest.get(series)?.lag ?? null;
  }
}

import { messageOf } from '../errors.ts';
import { inParts } from '../in-parts.ts';
import { keyOf } from './rules.ts';
import { AT_ONCE, PRESENCE, type AlertStore, type StoredAlert } from './store.ts';

/** How often a dashboard says that it is there, and looks after what others have left, in milliseconds. */
export const OTHERS_INTERVAL = 10_000;

/** For how long the end of an alert is told of which nobody was: later it is of no use to anybody, in milliseconds. */
const HOUR = 3_600_000;

/** Which dashboards of a pipeline are there, and what those that are gone have left untold. */
export class Takeover {
  readonly #store: AlertStore;
  readonly #dashboard: string;
  readonly #streams: readonly string[];
  readonly #failed: (message: string) => void;
  /** What may have been taken over although nobody has said so, by the name of the subject. */
  readonly #unsure = new Set<string>();
  #seen: number | undefined;
  #hasLeft = false;
  /** Until then the others may have to say that they are still there, in milliseconds since the epoch. */
  #patientUntil = -Infinity;

  constructor(
    { store, dashboard, failed }: { store: AlertStore; dashboard: string; failed: (message: string) => void },
    streams: readonly string[],
  ) {
    this.#store = store;
    this.#dashboard = dashboard;
    this.#streams = streams;
    this.#failed = failed;
  }

  /**
   * Says that this dashboard is there, unless it has just said so. Where that could not be said for a while, it could
   * not by the others either.
   */
  async appear(now: number): Promise<void> {
    const hasJustSaid = this.#seen !== undefined && now - this.#seen < OTHERS_INTERVAL / 2;
    if (this.#hasLeft || hasJustSaid) {
      return;
    }
    await this.#store.watch(this.#dashboard, this.#streams);
    if (this.#seen !== undefined && now - this.#seen > PRESENCE * 1000) {
      this.#patientUntil = now + 2 * OTHERS_INTERVAL;
    }
    this.#seen = now;
  }

  /** Says that it is there no longer. */
  async leave(): Promise<void> {
    this.#hasLeft = true;
    await this.#store.leave(this.#dashboard, this.#streams);
  }

  /** What this dashboard tells from now on, of what is stored: what nobody else is at any more. */
  async takeLeft<Alert extends StoredAlert>(known: readonly Alert[], now: number): Promise<Alert[]> {
    await this.appear(now);
    if (now < this.#patientUntil) {
      return [];
    }
    const dashboards = await this.#store.dashboards(this.#streams);
    const isThere = (dashboard: string) => dashboard === this.#dashboard || dashboards.has(dashboard);
    const left = known.filter(
      (alert) => isUntold(alert, now) && (this.#unsure.has(keyOf(alert.subject)) || !isThere(alert.toldBy)),
    );
    const failures = new Set<string>();
    const taken = await inParts(left, AT_ONCE, (alert) => this.#take(alert, failures));
    failures.forEach((failure) => {
      this.#failed(`an alert cannot be taken over from another dashboard: ${failure}`);
    });
    return left.filter((_, index) => taken[index]);
  }

  /** Whether it was taken over: only by one, however many try. */
  async #take(alert: StoredAlert, failures: Set<string>): Promise<boolean> {
    const key = keyOf(alert.subject);
    try {
      const isTaken = await this.#store.takeOver(alert, this.#dashboard);
      this.#unsure.delete(key);
      return isTaken;
    } catch (error) {
      this.#unsure.add(key);
      failures.add(messageOf(error));
      return false;
    }
  }
}

/** Whether people have to be told of a state by the dashboard that stored it, and were not. */
function isUntold(alert: StoredAlert, now: number): alert is StoredAlert & { toldBy: string } {
  const { stored, told, toldBy } = alert;
  const isDue = stored.state === 'firing' || (stored.state === 'resolved' && now - stored.since < HOUR);
  return isDue && toldBy !== null && (told === null || told < stored.since);
}

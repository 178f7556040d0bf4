/** Never stale before this long: a trigger, a poll and a network take their time. */
const LEAST = 10_000;
const REMEMBERED_GAPS = 8;
/** A source may miss some beats before the page worries. */
const PATIENCE = 4;

/**
 * Tells how old the newest event is and whether that is unusual, from the rhythm in which newer events have come:
 * a sensor that reports every five minutes is not stale after ten seconds.
 */
export class Freshness {
  readonly #gaps: number[] = [];
  #newest = 0;

  /** Event time of the newest event; 0 when there is none yet. */
  get newest(): number {
    return this.#newest;
  }

  /** Takes in the event time of an event that has just come. */
  observe(event: number): void {
    if (event > this.#newest) {
      if (this.#newest > 0) {
        this.#gaps.push(event - this.#newest);
        this.#gaps.splice(0, this.#gaps.length - REMEMBERED_GAPS);
      }
      this.#newest = event;
    }
  }

  /** Takes in the newest event time of the history, which tells nothing about the rhythm. */
  start(event: number): void {
    this.#newest = Math.max(this.#newest, event);
  }

  /** Milliseconds since the newest event. */
  age(now: number): number {
    return Math.max(0, now - this.#newest);
  }

  /** Whether the newest event is older than the rhythm lets one expect. */
  isStale(now: number): boolean {
    return this.#newest > 0 && this.age(now) > Math.max(LEAST, PATIENCE * Math.max(0, ...this.#gaps));
  }
}

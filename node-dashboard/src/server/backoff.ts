import { setTimeout as sleep } from 'node:timers/promises';

/** Waits between the tries to reach a service: longer each time, with jitter, never longer than `longest`. */
export class Backoff {
  readonly #shortest: number;
  readonly #longest: number;
  #next: number;

  constructor(shortest = 250, longest = 5000) {
    this.#shortest = shortest;
    this.#longest = longest;
    this.#next = shortest;
  }

  /** The service answered: the next wait is short again. */
  reset(): void {
    this.#next = this.#shortest;
  }

  /** Milliseconds to wait now; half of it is random, so that many dashboards do not come at once. */
  next(): number {
    const wait = this.#next;
    this.#next = Math.min(wait * 2, this.#longest);
    return wait * (0.5 + Math.random() / 2);
  }

  /** Waits for `next()`; returns early, without an error, when the signal fires. */
  async wait(signal: AbortSignal): Promise<void> {
    await pause(this.next(), signal);
  }
}

/** Waits; returns early, without an error, when the signal fires. */
export async function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  try {
    await sleep(milliseconds, undefined, { signal });
  } catch (error) {
    if (!signal.aborted) {
      throw error;
    }
  }
}

import { supersedes, windowKey, type WindowMessage } from '../../shared/window.ts';

/**
 * Hands on the windows of one stream when they are complete: when the newest event of the stream is further from their
 * end than stragglers may be late, as the Spark job's watermark is. Before that, a mean of the first readings would
 * ring, and be over again.
 */
export class CompleteWindows {
  readonly #lateness: number;
  readonly #kinds: ReadonlySet<string>;
  readonly #open = new Map<string, WindowMessage>();
  #newest = -Infinity;
  /** The least end among the open ones, so that most messages cost no search. */
  #next = Infinity;

  /** @param kinds the kinds of windows that are wanted; the others say only how far the stream is */
  constructor(lateness: number, kinds: ReadonlySet<string>) {
    this.#lateness = lateness;
    this.#kinds = kinds;
  }

  /** Takes in a version of a window. */
  add(message: WindowMessage): void {
    this.#newest = Math.max(this.#newest, message.last_event);
    if (!this.#kinds.has(message.window)) {
      return;
    }
    const key = windowKey(message);
    const known = this.#open.get(key);
    if (known === undefined || supersedes(message, known)) {
      this.#open.set(key, message);
      this.#next = Math.min(this.#next, message.end);
    }
  }

  /** The windows that have become complete, ascending by their ends; each comes once, as it was last. */
  take(): WindowMessage[] {
    const until = this.#newest - this.#lateness;
    if (this.#next > until) {
      return [];
    }
    const complete: WindowMessage[] = [];
    this.#next = Infinity;
    for (const [key, message] of this.#open) {
      if (message.end <= until) {
        this.#open.delete(key);
        complete.push(message);
      } else {
        this.#next = Math.min(this.#next, message.end);
      }
    }
    return complete.sort((a, b) => a.end - b.end);
  }
}

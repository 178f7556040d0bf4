import type { ErrorKind } from '../shared/generated/health.ts';

/** What went wrong last, in one line, and when. */
export interface LastError {
  readonly message: string;
  /** Milliseconds since the epoch. */
  readonly time: number;
}

/** How often something went wrong since the start, by kind, and what it was the last time: no count without a word. */
export class ErrorCounts {
  readonly #counts = new Map<ErrorKind, number>();
  #last: LastError | null = null;

  /** Counts errors of one kind; the message says in one line what they were. */
  add(kind: ErrorKind, message: string, count = 1): void {
    this.#counts.set(kind, (this.#counts.get(kind) ?? 0) + count);
    this.#last = { message: message.replace(/\s+/g, ' '), time: Date.now() };
  }

  /** The kinds that have occurred. */
  totals(): Record<string, number> {
    return Object.fromEntries(this.#counts);
  }

  /** The newest error; null when there was none. */
  get last(): LastError | null {
    return this.#last;
  }
}

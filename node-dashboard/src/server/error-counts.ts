/** The kinds of errors that the dashboard counts and reports. */
export type ErrorKind = 'kafka_read' | 'invalid_window' | 'cassandra_read' | 'slow_client' | 'health_report';

/** How often something went wrong since the start, by kind. */
export class ErrorCounts {
  readonly #counts = new Map<ErrorKind, number>();

  /** Counts errors of one kind. */
  add(kind: ErrorKind, count = 1): void {
    this.#counts.set(kind, (this.#counts.get(kind) ?? 0) + count);
  }

  /** The kinds that have occurred. */
  totals(): Record<string, number> {
    return Object.fromEntries(this.#counts);
  }
}

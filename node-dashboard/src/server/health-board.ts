import type { ComponentHealth, HealthReport } from '../shared/api.ts';

/** Rates are computed over this long, so that one slow batch does not make them jump. */
const RATE_SPAN = 10_000;
/** An instance that was replaced by another is shown for this long. */
const REPLACED_AFTER = 60_000;
/** Components report every second: one that has been silent for longer is down, stuck or cut off. */
const STALE_AFTER = 5000;
/** Reports come from whoever may write to the topic: no more instances than this are kept. */
const MAX_INSTANCES = 256;

const COUNTERS = ['records_in', 'records_out', 'bytes_in', 'bytes_out'] as const;

/** Reads a message of the health topic; null for what is not one. */
export function parseHealthReport(json: string): HealthReport | null {
  let parsed: unknown;
  try {
    parsed = JSON.parse(json);
  } catch {
    return null;
  }
  if (typeof parsed !== 'object' || parsed === null) {
    return null;
  }
  const { stream = null, errors = {}, lag = null, ...rest } = parsed as Record<string, unknown>;
  const valid =
    typeof rest.component === 'string' &&
    typeof rest.instance === 'string' &&
    [...COUNTERS, 'since', 'time'].every((name) => typeof rest[name] === 'number') &&
    (stream === null || typeof stream === 'string') &&
    (lag === null || typeof lag === 'number') &&
    isCounts(errors) &&
    (rest.late_by_window === undefined || isCounts(rest.late_by_window)) &&
    ['rejected', 'late', 'restarts', 'skipped_offsets'].every((name) =>
      ['undefined', 'number'].includes(typeof rest[name]),
    ) &&
    ['undefined', 'number'].includes(typeof (rest.batch_duration_ms ?? undefined)) &&
    [undefined, 'starting', 'running', 'restarting'].includes(rest.state as string | undefined) &&
    ['undefined', 'string'].includes(typeof (rest.last_error ?? undefined));
  return valid ? ({ ...rest, stream, errors, lag } as HealthReport) : null;
}

function isCounts(value: unknown): value is Record<string, number> {
  return (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    Object.values(value).every((count) => typeof count === 'number')
  );
}

/** The latest reports of every component, from which it tells rates and ages. */
export class HealthBoard {
  /** By component, stream and instance: the reports of the last `RATE_SPAN`, oldest first. */
  readonly #reports = new Map<string, HealthReport[]>();

  /** Takes in a report. */
  add(report: HealthReport): void {
    const key = JSON.stringify([report.component, report.stream, report.instance]);
    const earlier = this.#reports.get(key)?.filter(({ since }) => since === report.since) ?? [];
    const reports = [...earlier, report].sort((a, b) => a.time - b.time);
    // Moves the instance to the end, so that the first one is the one not heard of for the longest time.
    this.#reports.delete(key);
    this.#reports.set(key, recent(reports));
    const [oldest] = this.#reports.keys();
    if (this.#reports.size > MAX_INSTANCES && oldest !== undefined) {
      this.#reports.delete(oldest);
    }
  }

  /** Every component's latest report, sorted by name; instances that others have replaced are left out. */
  components(now: number): ComponentHealth[] {
    const components: ComponentHealth[] = [];
    for (const reports of this.#reports.values()) {
      const latest = reports.at(-1);
      if (latest !== undefined && !this.#replaced(latest)) {
        const age = Math.max(0, now - latest.time);
        components.push({ ...latest, age, stale: age > STALE_AFTER, rates: rates(reports) });
      }
    }
    return components.sort((a, b) => label(a).localeCompare(label(b)));
  }

  #replaced(report: HealthReport): boolean {
    return [...this.#reports.values()].some((reports) => {
      const other = reports.at(-1);
      return (
        other?.component === report.component &&
        other.stream === report.stream &&
        other.time > report.time + REPLACED_AFTER
      );
    });
  }
}

function label({ component, stream, instance }: HealthReport): string {
  return `${component}/${stream ?? ''}/${instance}`;
}

function recent(reports: readonly HealthReport[]): HealthReport[] {
  const newest = reports.at(-1)?.time ?? 0;
  return reports.filter(({ time }) => time >= newest - RATE_SPAN);
}

function rates(reports: readonly HealthReport[]): ComponentHealth['rates'] {
  const first = reports.at(0);
  const last = reports.at(-1);
  if (first === undefined || last === undefined || last.time === first.time) {
    return null;
  }
  const seconds = (last.time - first.time) / 1000;
  const rate = (from: number, to: number): number => Math.max(0, to - from) / seconds;
  return {
    records_in: rate(first.records_in, last.records_in),
    records_out: rate(first.records_out, last.records_out),
    bytes_in: rate(first.bytes_in, last.bytes_in),
    bytes_out: rate(first.bytes_out, last.bytes_out),
    errors: rate(total(first.errors), total(last.errors)),
  };
}

function total(errors: Readonly<Record<string, number>>): number {
  return Object.values(errors).reduce((sum, count) => sum + count, 0);
}

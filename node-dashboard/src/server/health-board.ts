import type { ComponentHealth, HealthReport } from '../shared/api.ts';
import { STALE_AFTER, type State } from '../shared/generated/health.ts';

/** Rates are computed over this long, so that one slow batch does not make them jump. */
const RATE_SPAN = 10_000;
/** An instance that was replaced by another is shown for this long. */
const REPLACED_AFTER = 60_000;
/** Reports come from whoever may write to the topic: no more instances than this are kept. */
const MAX_INSTANCES = 256;

/** The latest reports of every component, from which it tells rates and ages. */
export class HealthBoard {
  /** By component, stream and instance: the reports of the last `RATE_SPAN`, oldest first. */
  readonly #reports = new Map<string, HealthReport[]>();
  /** By the same, when the newest report came in. */
  readonly #received = new Map<string, number>();

  /** Takes in a report that has come in now. */
  add(report: HealthReport, now: number): void {
    const key = JSON.stringify([report.component, report.stream, report.instance]);
    const earlier = this.#reports.get(key)?.filter(({ since }) => since === report.since) ?? [];
    const reports = [...earlier, report].sort((a, b) => a.time - b.time);
    // Moves the instance to the end, so that the first one is the one not heard of for the longest time.
    this.#reports.delete(key);
    this.#reports.set(key, recent(reports));
    this.#received.set(key, now);
    const [oldest] = this.#reports.keys();
    if (this.#reports.size > MAX_INSTANCES && oldest !== undefined) {
      this.#reports.delete(oldest);
      this.#received.delete(oldest);
    }
  }

  /** Every component's latest report, sorted by name; instances that others have replaced are left out. */
  components(now: number): ComponentHealth[] {
    const components: ComponentHealth[] = [];
    for (const [key, reports] of this.#reports) {
      const latest = reports.at(-1);
      if (latest !== undefined && !this.#replaced(latest)) {
        // The component's clock may run ahead: then its reports seem new for longer than it has been silent.
        const age = Math.max(0, now - latest.time, now - (this.#received.get(key) ?? now));
        components.push(withAge(latest, age, reports));
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

/** A component that has said this says no more, and is not missed. */
const ENDED = 'ended' satisfies State;

/** What a silent component said last of its lag and its rates is not known to be so now. */
function withAge(latest: HealthReport, age: number, reports: readonly HealthReport[]): ComponentHealth {
  return age > STALE_AFTER
    ? { ...latest, age, stale: latest.state !== ENDED, rates: null, lag: null }
    : { ...latest, age, stale: false, rates: rates(reports) };
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
    errors:
      first.errors === null || last.errors === null ? null : rate(total(first.errors), total(last.errors)),
  };
}

function total(errors: Readonly<Record<string, number>>): number {
  return Object.values(errors).reduce((sum, count) => sum + count, 0);
}

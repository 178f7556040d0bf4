import type { ComponentHealth, HealthCounters, HealthReport } from '../shared/api.ts';
import { REPORT_INTERVAL, STALE_AFTER, type State } from '../shared/generated/health.ts';

/** Rates are computed over this long, so that one slow batch does not make them jump. */
const RATE_SPAN = 10_000;
/** An instance that was replaced by another is shown for this long. */
const REPLACED_AFTER = 60_000;
/** Reports come from whoever may write to the topic: no more instances than this are kept. */
const MAX_INSTANCES = 256;

/** What rates are made of: no more is kept of a report when the next one has come. */
interface Sample extends HealthCounters {
  readonly since: number;
  readonly time: number;
  readonly errors: number | null;
}

/** What is known of an instance. */
interface Instance {
  /** Those of the last `RATE_SPAN`, oldest first. */
  readonly samples: readonly Sample[];
  readonly latest: HealthReport;
  /** When the newest report came in. */
  readonly received: number;
  /** How far its clock is behind ours, by a report that came in right after it was made; 0 until there is one. */
  readonly behind: number;
}

/** The latest reports of every component, from which it tells rates and ages. */
export class HealthBoard {
  /** By component, stream and name of the instance. */
  readonly #instances = new Map<string, Instance>();

  /** Takes in a report that has come in now. */
  add(report: HealthReport, now: number): void {
    const key = JSON.stringify([report.component, report.stream, report.instance]);
    const known = this.#instances.get(key);
    const earlier = known?.samples.filter(({ since }) => since === report.since) ?? [];
    const samples = recent([...earlier, sampleOf(report)].sort((a, b) => a.time - b.time));
    const isNewest = earlier.length === 0 || known === undefined || report.time >= known.latest.time;
    // Moves the instance to the end, so that the first one is the one not heard of for the longest time.
    this.#instances.delete(key);
    this.#instances.set(key, {
      ...{ samples, latest: isNewest ? report : known.latest, received: now },
      behind: behindOf(report, now, known),
    });
    const [oldest] = this.#instances.keys();
    if (this.#instances.size > MAX_INSTANCES && oldest !== undefined) {
      this.#instances.delete(oldest);
    }
  }

  /** Every component's latest report, sorted by name; instances that others have replaced are left out. */
  components(now: number): ComponentHealth[] {
    const all = [...this.#instances.values()].map((instance) => ({ instance, age: ageOf(instance, now) }));
    const youngest = new Map<string, number>();
    for (const { instance, age } of all) {
      const part = partOf(instance.latest);
      youngest.set(part, Math.min(youngest.get(part) ?? Infinity, age));
    }
    return all
      .filter(({ instance, age }) => age <= (youngest.get(partOf(instance.latest)) ?? age) + REPLACED_AFTER)
      .map(({ instance, age }) => withAge(instance.latest, age, instance.samples))
      .sort((a, b) => label(a).localeCompare(label(b)));
  }
}

/** What instances have in common of which one may replace another. */
function partOf({ component, stream }: HealthReport): string {
  return JSON.stringify([component, stream]);
}

/**
 * Of a report that came in as long after the one before as it was made after it, it is known that it has just been
 * made, and was not read from what the topic held: what its time is from ours, the clocks differ.
 */
function behindOf({ time }: HealthReport, now: number, known: Instance | undefined): number {
  if (known === undefined) {
    return 0;
  }
  const passed = now - known.received;
  const isNew =
    passed >= REPORT_INTERVAL / 2 && Math.abs(passed - (time - known.latest.time)) < REPORT_INTERVAL;
  return isNew ? Math.max(0, now - time) : known.behind;
}

/** A clock that runs ahead makes reports seem new for longer than the component has been silent. */
function ageOf({ latest, received, behind }: Instance, now: number): number {
  return Math.max(0, now - latest.time - behind, now - received);
}

/** A component that has said this says no more, and is not missed. */
const ENDED = 'ended' satisfies State;

/** What a silent component said last of its lag and its rates is not known to be so now. */
function withAge(latest: HealthReport, age: number, samples: readonly Sample[]): ComponentHealth {
  return age > STALE_AFTER
    ? { ...latest, age, stale: latest.state !== ENDED, rates: null, lag: null }
    : { ...latest, age, stale: false, rates: rates(samples) };
}

function label({ component, stream, instance }: HealthReport): string {
  return `${component}/${stream ?? ''}/${instance}`;
}

function sampleOf(report: HealthReport): Sample {
  const { since, time, records_in, records_out, bytes_in, bytes_out, errors } = report;
  return {
    ...{ since, time, records_in, records_out, bytes_in, bytes_out },
    errors: errors === null ? null : total(errors),
  };
}

function recent(samples: readonly Sample[]): Sample[] {
  const newest = samples.at(-1)?.time ?? 0;
  return samples.filter(({ time }) => time >= newest - RATE_SPAN);
}

function rates(samples: readonly Sample[]): ComponentHealth['rates'] {
  const first = samples.at(0);
  const last = samples.at(-1);
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
    errors: first.errors === null || last.errors === null ? null : rate(first.errors, last.errors),
  };
}

function total(errors: Readonly<Record<string, number>>): number {
  return Object.values(errors).reduce((sum, count) => sum + count, 0);
}

import type { Annotation, HealthReport } from '../../shared/api.ts';
import { STALE_AFTER } from '../../shared/generated/health.ts';

/** A run of a component, as its reports tell it. */
interface Run {
  readonly since: number;
  readonly version: string | null;
  /** When it reported last. */
  time: number;
  restarts: number | null;
  /** Whether it is known by now if it took the place of another one. */
  isJudged: boolean;
}

/** Runs that have not reported for this long before the newest one are forgotten, in milliseconds. */
const FORGOTTEN_AFTER = 86_400_000;
/** Reports come from whoever may write to the topic: no more components, and runs of each, are kept. */
const MAX_COMPONENTS = 1024;
const MAX_RUNS = 64;

/**
 * Tells from health reports when a component, or one of the job's queries, has begun anew, or one of another version
 * has taken over. Of several that run side by side none is a restart of another. The ids are made of what has
 * happened, so that several dashboards note it once.
 */
export class Restarts {
  /** By component and stream: its runs by instance and start. */
  readonly #runs = new Map<string, Map<string, Run>>();

  /** What is known to have happened with this report. */
  add(report: HealthReport): Annotation[] {
    const { component, stream, instance, since, time } = report;
    const key = JSON.stringify([component, stream]);
    const runs = this.#runs.get(key) ?? new Map<string, Run>();
    if (runs.size === 0 && this.#runs.size >= MAX_COMPONENTS) {
      return [];
    }
    this.#runs.set(key, runs);
    const name = `${instance}|${since}`;
    const known = runs.get(name);
    const run: Run = known ?? {
      ...{ since, version: report.version ?? null, time, restarts: report.restarts ?? null },
      isJudged: runs.size === 0,
    };
    runs.set(name, run);
    run.time = Math.max(run.time, time);
    for (const [other, { time: last }] of runs) {
      if (last < run.time - FORGOTTEN_AFTER || (runs.size > MAX_RUNS && other !== name)) {
        runs.delete(other);
      }
    }
    return [...begun(report, run, runs), ...startedAnew(report, run)];
  }
}

/** What the begin of a run was, once one before it would have reported again. */
function begun({ component, stream }: HealthReport, run: Run, runs: ReadonlyMap<string, Run>): Annotation[] {
  if (run.isJudged || run.time < run.since + STALE_AFTER) {
    return [];
  }
  run.isJudged = true;
  const earlier = [...runs.values()]
    .filter(({ since }) => since < run.since)
    .sort((a, b) => b.since - a.since);
  const [before] = earlier;
  if (before === undefined) {
    return [];
  }
  const name = stream === null ? component : `${component} (${stream})`;
  const place = `${component}|${stream ?? ''}|${run.since}`;
  const mark = { at: run.since, until: null, stream };
  if (run.version !== null && before.version !== null && run.version !== before.version) {
    const text = `${name}: version ${run.version} has taken over from ${before.version}`;
    return [{ ...mark, id: `deployment|${place}`, kind: 'deployment', text }];
  }
  // Whoever goes on beside it was not replaced by it.
  return earlier.some(({ time }) => time > run.since)
    ? []
    : [{ ...mark, id: `restart|${place}`, kind: 'restart', text: `${name} has started anew` }];
}

/** The restarts of a query within a run of the job. */
function startedAnew({ component, stream, since, time, restarts }: HealthReport, run: Run): Annotation[] {
  const before = run.restarts;
  run.restarts = restarts ?? before;
  if (restarts === null || restarts === undefined || before === null || restarts <= before) {
    return [];
  }
  return [
    {
      ...{ id: `restart|${component}|${stream ?? ''}|${since}|${restarts}`, at: time, until: null },
      ...{ kind: 'restart', stream, text: `the query of ${stream ?? component} has failed and started anew` },
    },
  ];
}

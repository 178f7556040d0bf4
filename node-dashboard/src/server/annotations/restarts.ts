import type { Annotation, HealthReport } from '../../shared/api.ts';

/** What is known of the newest run of a component, and of the queries in it. */
interface Run {
  readonly instance: string;
  readonly since: number;
  readonly restarts: number | null;
  readonly version: string | null;
}

/**
 * Tells from health reports when a component, or one of the job's queries, has begun anew. The ids are made of what has
 * happened, so that several dashboards note it once.
 */
export class Restarts {
  readonly #runs = new Map<string, Run>();

  /** What a report says has happened since the one before. */
  add(report: HealthReport): Annotation[] {
    const { component, stream, instance, since, time } = report;
    const key = JSON.stringify([component, stream]);
    const known = this.#runs.get(key);
    const run: Run = {
      ...{ instance, since, restarts: report.restarts ?? null },
      version: report.version ?? null,
    };
    // Of two that run side by side the one that started last counts; it is no restart when the other reports again.
    if (known !== undefined && since < known.since) {
      return [];
    }
    this.#runs.set(key, run);
    if (known === undefined) {
      return [];
    }
    const name = stream === null ? component : `${component} (${stream})`;
    if (since > known.since) {
      const [earlier, later] = [known.version, run.version];
      const isNew = earlier !== null && later !== null && earlier !== later;
      return [
        {
          ...{
            id: `${isNew ? 'deployment' : 'restart'}|${component}|${stream ?? ''}|${since}`,
            at: since,
            until: null,
          },
          ...{ kind: isNew ? 'deployment' : 'restart', stream },
          text: isNew ? `${name}: version ${earlier} was replaced by ${later}` : `${name} has started anew`,
        },
      ];
    }
    if ((run.restarts ?? 0) > (known.restarts ?? run.restarts ?? 0)) {
      return [
        {
          ...{
            id: `restart|${component}|${stream ?? ''}|${since}|${run.restarts ?? 0}`,
            at: time,
            until: null,
          },
          ...{
            kind: 'restart',
            stream,
            text: `the query of ${stream ?? component} has failed and started anew`,
          },
        },
      ];
    }
    return [];
  }
}

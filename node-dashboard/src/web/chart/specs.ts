import type { StreamInfo } from '../../shared/api.ts';
import type { Dashboard } from '../dashboard.ts';
import { extrasOf } from '../extras.ts';
import type { Wanted } from '../store.ts';

/** A chart: what belongs on one axis. */
export interface ChartSpec {
  /** What tells it from the others of its stream. */
  readonly key: string;
  readonly title: string;
  readonly unit: string;
  readonly metrics: readonly string[];
  /** Names of series, in which `*` stands for any text; null for all. */
  readonly series: readonly string[] | null;
}

/** A line of a chart. */
export interface Line extends Wanted {
  readonly label: string;
  /** Where it stands among all, which gives it its colour. */
  readonly position: number;
}

/** The charts of a stream: those of its configuration, and one for each metric that is in none of them. */
export function chartsOf(stream: StreamInfo | undefined): ChartSpec[] {
  if (stream === undefined) {
    return [];
  }
  const unitOf = (metric: string): string => stream.units[metric] ?? '';
  const configured = (extrasOf(stream).charts ?? []).map(({ title, metrics, series, unit }, index) => ({
    key: `${index} ${title}`,
    ...{ title, metrics, series },
    unit: unit ?? unitOf(metrics[0] ?? ''),
  }));
  const isShown = (metric: string): boolean =>
    configured.some(({ metrics, series }) => metrics.includes(metric) && series === null);
  const others = stream.metrics
    .filter((metric) => !isShown(metric))
    .map((metric) => ({ key: metric, title: metric, unit: unitOf(metric), metrics: [metric], series: null }));
  return [...configured, ...others];
}

/** The lines of a chart: one for each of its metrics and each series that is drawn and has it. */
export function linesOf({ metrics, series }: ChartSpec, dashboard: Dashboard): Line[] {
  const wanted = dashboard.shown.filter((name) => series?.some((pattern) => matches(pattern, name)) ?? true);
  const has = (name: string, metric: string): boolean =>
    dashboard.infoOf(name)?.metrics.includes(metric) ?? true;
  return wanted.flatMap((name) =>
    metrics.flatMap((metric, index) =>
      has(name, metric) || dashboard.newestOf(metric, name).growing !== undefined
        ? [
            {
              key: metrics.length === 1 ? name : `${name} · ${metric}`,
              label: metrics.length === 1 ? name : `${name} · ${metric}`,
              ...{ metric, series: name },
              position: Math.max(0, dashboard.position(name)) * metrics.length + index,
            },
          ]
        : [],
    ),
  );
}

/** Whether a name is as the pattern says, in which `*` stands for any text. */
export function matches(pattern: string, name: string): boolean {
  const escaped = pattern.split('*').map((part) => part.replace(/[\\^$.+?()[\]{}|]/g, '\\$&'));
  return new RegExp(`^${escaped.join('.*')}$`, 's').test(name);
}

import type { StreamInfo } from '../../shared/api.ts';
import { matches } from '../../shared/pattern.ts';
import type { Dashboard } from '../dashboard.ts';
import type { Wanted } from '../table.ts';

/** A chart: what belongs on one axis. */
export interface ChartSpec {
  /** What tells it from the others of its stream. */
  readonly key: string;
  readonly title: string;
  readonly unit: string;
  readonly metrics: readonly string[];
  /** Names of series, in which `*` stands for any text; null for all. */
  readonly series: readonly string[] | null;
  /** Charts that show some of the series instead of this one. */
  readonly elsewhere: readonly ChartSpec[];
}

/** A line of a chart. */
export interface Line extends Wanted {
  readonly label: string;
  /** Where it stands among all, which gives it its colour. */
  readonly position: number;
}

/** The charts of a stream: those of its configuration, and one for each metric with what is in none of them. */
export function chartsOf(stream: StreamInfo | undefined): ChartSpec[] {
  if (stream === undefined) {
    return [];
  }
  const unitOf = (metric = ''): string => stream.units[metric] ?? '';
  const configured = stream.charts.map((chart, index): ChartSpec => {
    const metrics = stream.metrics.filter((metric) =>
      chart.metrics.some((pattern) => matches(pattern, metric)),
    );
    return {
      key: `${index} ${chart.title}`,
      ...{ title: chart.title, unit: chart.unit ?? unitOf(metrics[0]), metrics, series: chart.series },
      elsewhere: [],
    };
  });
  const others = stream.metrics.map((metric): ChartSpec => {
    const elsewhere = configured.filter(({ metrics }) => metrics.includes(metric));
    return { key: metric, title: metric, unit: unitOf(metric), metrics: [metric], series: null, elsewhere };
  });
  const isRest = ({ elsewhere }: ChartSpec): boolean => elsewhere.every(({ series }) => series !== null);
  return [...configured, ...others.filter(isRest)];
}

/** The charts to show: those that have only what is left of others are not, when nothing is. */
export function chartsToShow(dashboard: Dashboard): ChartSpec[] {
  return chartsOf(dashboard.stream).filter(
    (spec) => spec.elsewhere.length === 0 || linesOf(spec, dashboard).length > 0,
  );
}

/** Whether a chart is one for this series: some series have other charts for the same metrics. */
export function isFor({ series, elsewhere }: ChartSpec, name: string): boolean {
  const isOf = (patterns: readonly string[] | null): boolean =>
    patterns?.some((pattern) => matches(pattern, name)) ?? true;
  return isOf(series) && !elsewhere.some((other) => isOf(other.series));
}

/** The lines of a chart: one for each of its metrics and each series that is drawn and has it. */
export function linesOf(spec: ChartSpec, dashboard: Dashboard): Line[] {
  const { metrics } = spec;
  const wanted = dashboard.shown.filter((name) => isFor(spec, name));
  return wanted.flatMap((name) =>
    metrics.flatMap((metric, index) =>
      dashboard.mayHave(name, metric) || dashboard.newestOf(metric, name).growing !== undefined
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

import { matches } from '../shared/pattern.ts';
import type { Section } from './config-section.ts';

/** What the page draws on one axis. */
export interface ChartConfig {
  readonly title: string;
  /** The metrics, as patterns. */
  readonly metrics: readonly string[];
  /** The series, as patterns; null for all. */
  readonly series: readonly string[] | null;
  /** The unit of its axis; null for that of the metrics. */
  readonly unit: string | null;
}

/** Reads the charts of a stream. */
export function readCharts(stream: Section, metrics: readonly string[]): ChartConfig[] {
  return stream.list('chart').map((chart) => {
    const wanted = possibleMetrics(chart, 'metrics', chart.texts('metrics') ?? [], metrics);
    const series = chart.texts('series');
    return {
      title: chart.text('title') ?? wanted.join(', '),
      metrics: wanted,
      series: series === undefined ? null : notEmpty(chart, 'series', series),
      unit: chart.text('unit') ?? null,
    };
  });
}

/** Patterns of metrics of which each means one that the stream has. */
export function possibleMetrics(
  section: Section,
  key: string,
  wanted: readonly string[],
  metrics: readonly string[],
): readonly string[] {
  const patterns = notEmpty(section, key, wanted);
  const idle = patterns.find((pattern) => !metrics.some((metric) => matches(pattern, metric)));
  if (idle !== undefined) {
    throw section.wrong(key, `there is no metric '${idle}'; there are: ${metrics.join(', ')}`);
  }
  return patterns;
}

/** A list that names something, and nothing that is empty. */
function notEmpty(section: Section, key: string, texts: readonly string[]): readonly string[] {
  if (texts.length === 0 || texts.includes('')) {
    throw section.wrong(key, 'has nothing in it; write what it means, or leave it out');
  }
  return texts;
}

import { LATER_STATISTICS } from '../../shared/generated/window.ts';
import type { PointValue } from '../../shared/merge.ts';
import type { Resolution } from '../../shared/resolution.ts';
import { EXACT_PERCENTILES, PARTIAL_MEANING } from '../../shared/window.ts';
import type { Dashboard } from '../dashboard.ts';
import { element } from '../dom.ts';
import { formatClock, formatCount, formatSpan } from '../format.ts';
import { formatStatistic } from '../statistics.ts';
import { formatQuantity } from '../units.ts';

/** All that is known of a point, line by line. */
export function detailLines(
  name: string,
  point: PointValue,
  unit: string,
  dashboard: Dashboard,
): HTMLElement[] {
  const { start, end, avg, min, max, sum, stddev, count, last_event: last, partial } = point;
  const value = (of: number): string => formatQuantity(of, unit);
  const later = LATER_STATISTICS.map((field) => `${field.name} ${formatStatistic(field, point, unit)}`);
  const lines = [
    formatSpan(start, end, dashboard.now()),
    `average ${value(avg)}`,
    `min ${value(min)} · max ${value(max)}`,
    `sum ${value(sum)} · stddev ${value(stddev)}`,
    percentilesText(point, unit, dashboard.resolution),
    later.join(' · '),
    `${count === 1 ? '1 record' : `${formatCount(count)} records`} · newest ${formatClock(last)}`,
    partial ? `◇ partial: ${PARTIAL_MEANING}` : '',
  ];
  return [
    element('strong', '', name),
    ...lines.filter((line) => line !== '').map((line) => element('span', '', line)),
  ];
}

function percentilesText(
  { p50, p95, p99, count, merged = 1 }: PointValue,
  unit: string,
  { step, stride }: Resolution,
): string {
  if (p50 === null || p95 === null || p99 === null) {
    return `merged from ${formatCount(merged)} of ${formatCount(Math.round(step / stride))} windows: no percentiles`;
  }
  const precision = count > EXACT_PERCENTILES ? 'within 1 %' : 'exact';
  const value = (of: number): string => formatQuantity(of, unit);
  return `p50 ${value(p50)} · p95 ${value(p95)} · p99 ${value(p99)} (${precision})`;
}

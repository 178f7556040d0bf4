import type { Resolution } from '../../shared/resolution.ts';
import { formatDuration } from '../../shared/window-spec.ts';
import type { Dashboard } from '../dashboard.ts';
import { STATISTICS, type Statistic } from '../view.ts';

/** What the lines of a chart are, with the unit of its values. */
export function subtitleOf(unit: string, statistic: Statistic, { resolution, selection }: Dashboard): string {
  const what = statisticText(STATISTICS[statistic], resolution, selection.window);
  const isMerged = resolution.step > resolution.stride;
  const lacks =
    isMerged && /^p\d/.test(statistic) ? 'merged windows have no percentiles: choose a shorter time' : '';
  return [unit, what, lacks].filter((text) => text !== '').join(' · ');
}

function statisticText(statistic: string, { window, stride, step }: Resolution, wanted: string): string {
  const instead = window.label === wanted ? '' : `, not per ${wanted}: too many for this range`;
  if (step > stride) {
    return `${statistic} per ${formatDuration(step)}, merged from windows of ${window.label}`;
  }
  return stride > window.slide
    ? `${statistic} per ${window.label}, one every ${formatDuration(stride)}`
    : `${statistic} per ${window.label}${instead}`;
}

/** Why other windows are shown than those that are wanted; empty when they are not. */
export function resolutionText({ window, stride, step }: Resolution, wanted: string): string {
  return window.label === wanted && step === window.slide && stride === step
    ? ''
    : `windows of ${wanted} would be more than two points for each pixel`;
}

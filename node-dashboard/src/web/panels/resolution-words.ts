import type { Resolution } from '../../shared/resolution.ts';
import { formatDuration } from '../../shared/window-spec.ts';
import type { Dashboard } from '../dashboard.ts';

/** What the lines of a chart are, with the unit of its values. */
export function subtitleOf(unit: string, { resolution, selection }: Dashboard): string {
  return [unit, averageText(resolution, selection.window)].filter((text) => text !== '').join(' · ');
}

function averageText({ window, stride, step }: Resolution, wanted: string): string {
  const instead = window.label === wanted ? '' : `, not per ${wanted}: too many for this range`;
  if (step > stride) {
    return `average per ${formatDuration(step)}, merged from windows of ${window.label}`;
  }
  return stride > window.slide
    ? `average per ${window.label}, one every ${formatDuration(stride)}`
    : `average per ${window.label}${instead}`;
}

/** Why other windows are shown than those that are wanted; empty when they are not. */
export function resolutionText({ window, stride, step }: Resolution, wanted: string): string {
  return window.label === wanted && step === window.slide && stride === step
    ? ''
    : `windows of ${wanted} would be more than two points for each pixel`;
}

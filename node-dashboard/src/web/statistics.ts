import type { WindowField } from '../shared/generated/window.ts';
import type { PointValue } from '../shared/merge.ts';
import { formatClock, formatCount } from './format.ts';
import { formatQuantity } from './units.ts';
import type { Statistic } from './view.ts';

/** A value that a chart draws; a dash where it is not known. Records have no unit, whatever their values are in. */
export function formatDrawn(value: number | null, statistic: Statistic, unit: string): string {
  if (value === null) {
    return '–';
  }
  return statistic === 'count' ? formatCount(value) : formatQuantity(value, unit);
}

/** A statistic of a window of a metric with this unit; a dash where it is not known. */
export function formatStatistic(
  { name, kind }: WindowField,
  window: PointValue | undefined,
  unit: string,
): string {
  const value = window?.[name as keyof PointValue];
  if (typeof value !== 'number') {
    return '–';
  }
  return kind === 'number'
    ? formatQuantity(value, unit)
    : kind === 'time'
      ? formatClock(value)
      : formatCount(value);
}

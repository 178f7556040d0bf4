import type { HeatValues } from '../heat/heat.ts';
import { instantAt, placeOf, stepOfStart, type Alignment } from '../../shared/alignment.ts';
import type { Span } from '../selection.ts';
import { valueOf } from './data.ts';
import type { Scene } from './scene.ts';

/** More columns than this are no wider than a hair. */
const MOST_COLUMNS = 240;

/** The values of a chart over time, for a heat map. */
export interface ChartHeat extends HeatValues {
  /** How long a column is, in milliseconds. */
  readonly width: number;
  /** How many windows a column stands for: it shows the greatest of them. */
  readonly each: number;
}

/** The complete windows of a scene over the whole of a span, so that what is missing is empty. */
export function heatValuesOf(
  { lines, columns, statistic, newestEvent }: Pick<Scene, 'lines' | 'columns' | 'statistic' | 'newestEvent'>,
  { from, to }: Span,
  step: number,
  alignment: Alignment,
): ChartHeat {
  const each = Math.max(1, Math.ceil((to - from) / step / MOST_COLUMNS));
  const width = each * step;
  const first = Math.floor(placeOf(alignment, from) / width) * width;
  const number = Math.floor((placeOf(alignment, to - 1) - first) / width) + 1;
  const starts = Array.from({ length: Math.max(0, number) }, (_, index) =>
    instantAt(alignment, first + index * width),
  );
  const values = new Map(
    lines.map(({ key }) => {
      const greatest = new Map<number, number>();
      for (const point of columns.rows.get(key) ?? []) {
        const value = valueOf(point, statistic);
        if (point !== undefined && value !== null && point.end <= newestEvent) {
          const start = stepOfStart(alignment, point.start, width);
          greatest.set(start, Math.max(greatest.get(start) ?? -Infinity, value));
        }
      }
      return [key, greatest] as const;
    }),
  );
  return { starts, width, each, valueAt: (key, start) => values.get(key)?.get(start) ?? null };
}

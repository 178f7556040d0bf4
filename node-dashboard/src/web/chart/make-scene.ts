import type { Dashboard } from '../dashboard.ts';
import { annotations, anomalies } from '../told.ts';
import type { View } from '../view.ts';
import { alignedData, hasBands, leading, lineValues } from './data.ts';
import { marksOf, thresholdsOf } from './overlays.ts';
import type { Scene } from './scene.ts';
import { linesOf, type ChartSpec } from './specs.ts';

const HEIGHT = 240;
/** A chart that is alone has room for more. */
const HEIGHT_ALONE = 340;

/** What a chart draws now. */
export function makeScene(spec: ChartSpec, dashboard: Dashboard, view: View, isAlone: boolean): Scene {
  const { statistic, hidden } = view;
  const lines = linesOf(spec, dashboard);
  const columns = dashboard.store.table(lines);
  const bands = hasBands(view, lines.length);
  const newestEvent = dashboard.freshness.newest;
  const values = lineValues(columns, lines, statistic, null, newestEvent);
  const alerts = dashboard.stream?.alerts ?? [];
  return {
    ...{ spec, lines, columns, statistic, bands, hidden, newestEvent },
    data: alignedData(columns, lines, view, bands),
    leading: leading(
      values.filter(({ line }) => !hidden.has(line.series)),
      view.top,
      view.by,
    ),
    thresholds: thresholdsOf(alerts, spec, statistic),
    marks: marksOf(spec, annotations.value, anomalies.value, dashboard.shown),
    height: isAlone ? HEIGHT_ALONE : HEIGHT,
  };
}

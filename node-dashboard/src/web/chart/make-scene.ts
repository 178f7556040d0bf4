import type { Dashboard } from '../dashboard.ts';
import { annotations, unusual } from '../told.ts';
import { LineTable } from '../table.ts';
import type { View } from '../view.ts';
import { alignedData, hasBands, leading, lineValues } from './data.ts';
import { marksOf, thresholdsOf, type Mark, type Threshold } from './overlays.ts';
import type { Scene } from './scene.ts';
import { linesOf, type ChartSpec } from './specs.ts';

const HEIGHT = 240;
/** A chart that is alone has room for more. */
const HEIGHT_ALONE = 340;

/** What a chart draws. What has not changed since the last time is the same object, and need not be drawn anew. */
export class SceneMaker {
  readonly #table = new LineTable();
  readonly #thresholds = remembered<readonly Threshold[]>();
  readonly #marks = remembered<readonly Mark[]>();

  /** What the chart draws now. */
  make(spec: ChartSpec, dashboard: Dashboard, view: View, isAlone: boolean): Scene {
    const { statistic, hidden } = view;
    const lines = linesOf(spec, dashboard);
    const columns = this.#table.of(dashboard.store, lines);
    const bands = hasBands(view, lines.length);
    const newestEvent = dashboard.freshness.newest;
    const values = lineValues(columns, lines, statistic, null, newestEvent);
    const alerts = dashboard.stream?.alerts ?? [];
    const { shown } = dashboard;
    const window = dashboard.resolution.window.label;
    const drawn = { spec, statistic, window, shown, hidden };
    const told = [annotations.value, unusual.value.anomalies] as const;
    return {
      ...{ spec, lines, columns, statistic, bands, hidden, newestEvent, values },
      data: alignedData(columns, lines, view, bands),
      leading: leading(
        values.filter(({ line }) => !hidden.has(line.series)),
        view.top,
        view.by,
      ),
      thresholds: this.#thresholds([spec.key, alerts, statistic, window, shown], () =>
        thresholdsOf(alerts, drawn),
      ),
      marks: this.#marks([spec.key, statistic, shown, hidden, ...told], () => marksOf(drawn, ...told)),
      height: isAlone ? HEIGHT_ALONE : HEIGHT,
    };
  }
}

/** Works something out again only when it is of something else. */
function remembered<Value>(): (of: readonly unknown[], make: () => Value) => Value {
  let known: { readonly of: readonly unknown[]; readonly value: Value } | null = null;
  return (of, make) => {
    if (known?.of.length !== of.length || known.of.some((one, index) => one !== of[index])) {
      known = { of, value: make() };
    }
    return known.value;
  };
}

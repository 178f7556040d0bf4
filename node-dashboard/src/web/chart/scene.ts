import type uPlot from 'uplot';
import type { Columns } from '../table.ts';
import type { Statistic } from '../view.ts';
import type { LineValue } from './data.ts';
import type { Threshold, Mark } from './overlays.ts';
import type { ChartSpec, Line } from './specs.ts';

/** All that a plot draws. */
export interface Scene {
  readonly spec: ChartSpec;
  readonly lines: readonly Line[];
  readonly columns: Columns;
  readonly data: uPlot.AlignedData;
  /** What there is to say of each line: its newest complete point. */
  readonly values: readonly LineValue[];
  readonly statistic: Statistic;
  readonly bands: boolean;
  /** Keys of the lines that stand out. */
  readonly leading: ReadonlySet<string>;
  /** Series that are not drawn. */
  readonly hidden: ReadonlySet<string>;
  readonly thresholds: readonly Threshold[];
  readonly marks: readonly Mark[];
  /** Event time of the newest event: what ends later still grows. */
  readonly newestEvent: number;
  readonly height: number;
}

import { chartsPanel } from './charts.ts';
import type { PanelFactory } from './panel.ts';
import { pipelinePanel } from './pipeline.ts';
import { seriesPanel } from './series.ts';

/** The panels, from top to bottom. A new one is a file beside this one and a line here. */
export const panels: readonly PanelFactory[] = [chartsPanel, seriesPanel, pipelinePanel];

import type uPlot from 'uplot';

/** The charts of the page, and how wide the labels of their values are: all plots begin at the same place. */
const widths = new Map<uPlot, number>();
let common = 0;

/** How wide the value axis of a chart is, when its labels need so much. */
export function alignedWidth(plot: uPlot, needed: number): number {
  widths.set(plot, needed);
  const before = common;
  common = Math.max(...widths.values());
  if (common !== before) {
    queueMicrotask(redrawOthers(plot));
  }
  return common;
}

/** Forgets a chart that is gone. */
export function leaveAligned(plot: uPlot): void {
  widths.delete(plot);
}

function redrawOthers(plot: uPlot): () => void {
  return () => {
    for (const other of widths.keys()) {
      if (other !== plot) {
        other.redraw(false, true);
      }
    }
  };
}

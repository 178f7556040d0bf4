import uPlot from 'uplot';

/** Tells which windows of a line still grow: the ones after the last settled one. */
export interface Growing {
  /** Index of the last settled window of a line, or -1. */
  settled(line: number): number;
}

const DASH = [3, 4];
const RADIUS = 3.5;

/** Draws a line only as far as its windows are settled; `drawGrowing` draws the rest. */
export function settledPath(growing: Growing): uPlot.Series.PathBuilder {
  const linear = uPlot.paths.linear?.();
  return (plot, index, first, last) => {
    const end = Math.min(last, growing.settled(index));
    return end < first ? null : (linear?.(plot, index, first, end) ?? null);
  };
}

/** Draws the windows of a line that still grow: dashed up to them, and hollow circles at them. */
export function drawGrowing(plot: uPlot, index: number, growing: Growing, ground: string): void {
  const settled = growing.settled(index);
  const points = pointsFrom(plot, index, Math.max(0, settled));
  const open = (settled < 0 ? points : points.slice(1)).filter((point) => point !== null);
  const series = plot.series[index];
  if (open.length === 0 || series?.show !== true) {
    return;
  }
  const { ctx } = plot;
  ctx.save();
  ctx.beginPath();
  // A circle at the very edge may stand out of the plot, a line from before the range may not.
  ctx.rect(plot.bbox.left, 0, ctx.canvas.width, ctx.canvas.height);
  ctx.clip();
  ctx.globalAlpha = series.alpha ?? 1;
  // uPlot keeps the stroke as a function of the plot.
  ctx.strokeStyle = typeof series.stroke === 'function' ? series.stroke(plot, index) : (series.stroke ?? '');
  ctx.lineWidth = 1.5 * uPlot.pxRatio;
  strokeDashed(ctx, points);
  for (const { x, y } of open) {
    strokeCircle(ctx, x, y, ground);
  }
  ctx.restore();
}

interface Point {
  readonly x: number;
  readonly y: number;
}

/** The points of a line from `first` on; null where a window is missing. */
function pointsFrom(plot: uPlot, index: number, first: number): (Point | null)[] {
  const values = [...(plot.data[index] ?? [])].slice(first);
  return values.map((value, offset) => {
    if (typeof value !== 'number') {
      return null;
    }
    const x = plot.valToPos(plot.data[0][first + offset] ?? 0, 'x', true);
    return { x, y: plot.valToPos(value, 'y', true) };
  });
}

/** A line that leaves out what is missing. */
function strokeDashed(ctx: CanvasRenderingContext2D, points: readonly (Point | null)[]): void {
  ctx.setLineDash(DASH.map((length) => length * uPlot.pxRatio));
  ctx.beginPath();
  points.forEach((point, position) => {
    if (point !== null && (points[position - 1] ?? null) === null) {
      ctx.moveTo(point.x, point.y);
    } else if (point !== null) {
      ctx.lineTo(point.x, point.y);
    }
  });
  ctx.stroke();
  ctx.setLineDash([]);
}

function strokeCircle(ctx: CanvasRenderingContext2D, x: number, y: number, ground: string): void {
  ctx.beginPath();
  ctx.arc(x, y, RADIUS * uPlot.pxRatio, 0, 2 * Math.PI);
  ctx.fillStyle = ground;
  ctx.fill();
  ctx.stroke();
}

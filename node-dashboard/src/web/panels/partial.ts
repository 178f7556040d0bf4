import type uPlot from 'uplot';
import type { PointValue } from '../../shared/merge.ts';

/** Half the width of the mark of a partial window, in pixels. */
const SIZE = 6;

/** Marks the windows of a line that are known to hold only a part of their readings: with diamonds. */
export function drawPartial(
  plot: uPlot,
  line: number,
  windows: readonly (PointValue | undefined)[],
  ground: string,
): void {
  const series = plot.series[line];
  if (series?.show !== true) {
    return;
  }
  const { ctx, bbox } = plot;
  const size = SIZE * devicePixelRatio;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left - size, 0, bbox.width + 2 * size, ctx.canvas.height);
  ctx.clip();
  ctx.globalAlpha = series.alpha ?? 1;
  ctx.fillStyle = ground;
  ctx.strokeStyle = typeof series.stroke === 'function' ? series.stroke(plot, line) : (series.stroke ?? '');
  ctx.lineWidth = 1.5 * devicePixelRatio;
  windows.forEach((window, index) => {
    const value = plot.data[line]?.[index];
    if (window?.partial === true && typeof value === 'number') {
      const x = plot.valToPos(plot.data[0][index] ?? 0, 'x', true);
      strokeDiamond(ctx, x, plot.valToPos(value, 'y', true), size);
    }
  });
  ctx.restore();
}

function strokeDiamond(ctx: CanvasRenderingContext2D, x: number, y: number, size: number): void {
  ctx.beginPath();
  ctx.moveTo(x, y - size);
  ctx.lineTo(x + size, y);
  ctx.lineTo(x, y + size);
  ctx.lineTo(x - size, y);
  ctx.closePath();
  ctx.fill();
  ctx.stroke();
}

import uPlot from 'uplot';

/** The mark of a point that no line leads to, in pixels. */
export const POINT_SIZE = 6;

/** The positions, up to `last`, of values without a neighbour: a line would leave nothing of them to be seen. */
export function isolated(values: ArrayLike<number | null | undefined>, last: number): number[] {
  const isThere = (position: number): boolean => position <= last && typeof values[position] === 'number';
  return Array.from(values).flatMap((_, position) =>
    isThere(position) && !isThere(position - 1) && !isThere(position + 1) ? [position] : [],
  );
}

/** Draws from the least to the greatest value of points without a neighbour, where a band would have no width. */
export function drawSpans(
  plot: uPlot,
  positions: readonly number[],
  [greatest, least]: readonly [greatest: number, least: number],
): void {
  const { ctx, bbox } = plot;
  const stroke = plot.series[greatest]?.stroke;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  ctx.strokeStyle = typeof stroke === 'function' ? stroke(plot, greatest) : (stroke ?? '');
  ctx.lineWidth = 2 * uPlot.pxRatio;
  ctx.beginPath();
  for (const position of positions) {
    const [top, bottom] = [plot.data[greatest]?.[position], plot.data[least]?.[position]];
    if (typeof top === 'number' && typeof bottom === 'number') {
      const x = plot.valToPos(plot.data[0][position] ?? 0, 'x', true);
      ctx.moveTo(x, plot.valToPos(top, 'y', true));
      ctx.lineTo(x, plot.valToPos(bottom, 'y', true));
    }
  }
  ctx.stroke();
  ctx.restore();
}

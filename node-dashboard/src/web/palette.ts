/** How a series is drawn everywhere on the page. */
export interface LineStyle {
  readonly color: string;
  readonly dash: number[];
}

/** Ten hues that stay apart on light and dark ground, also for most colour-blind eyes. */
const COLORS = [
  ...['#1f83e0', '#e8710a', '#12a150', '#d93a6a', '#8b5cf6'],
  ...['#0ea5a5', '#b58900', '#c2410c', '#5b7083', '#d946ef'],
];

/** The style of the series at this position of the list; after ten, the colours come again with dashes. */
export function lineStyle(position: number): LineStyle {
  const color = COLORS[position % COLORS.length] ?? '#1f83e0';
  return { color, dash: position % (2 * COLORS.length) < COLORS.length ? [] : [6, 3] };
}

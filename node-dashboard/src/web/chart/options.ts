import uPlot from 'uplot';
import { formatAxisTime } from '../format.ts';
import { lineStyle } from '../palette.ts';
import { settledPath } from '../panels/growing.ts';
import { drawSpans, isolated, POINT_SIZE } from '../panels/points.ts';
import { zone } from '../reader.ts';
import { lastSettled } from '../store.ts';
import { formatMarks } from '../units.ts';
import { alignedWidth } from './aligned.ts';
import { bandRow } from './data.ts';
import { drawMarks, drawThresholds } from './overlays.ts';
import { shownSpan } from './preview.ts';
import type { Scene } from './scene.ts';

/** All charts of the page move their cursors together. */
const SYNC = 'freshet';
/** How near the pointer must be to a line to ask for it, in pixels. */
export const PROXIMITY = 24;
/** More lines than this are drawn thinner. */
const MANY = 30;
const AXIS_FONT = '12px system-ui, sans-serif';
/** Between two labels of the time axis, in pixels. */
const LABEL_GAP = 22;
/** So much of its colour has a line that stands back, in hexadecimal. */
const FADED = '38';
/** Steps of the time axis, in seconds: a short span has labels of seconds' steps, which name the minute. */
const TIME_STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 180, 240, 360, 720, 1440, 2880, 7200].map(
  (minutes) => minutes * 60,
);

/** What a plot tells of what is done with it. */
export interface PlotListener {
  onSelect(plot: uPlot): void;
  onCursor(plot: uPlot): void;
  /** All is drawn but the windows that still grow. */
  onGround(plot: uPlot): void;
}

/** How uPlot draws a scene; what changes without a new plot is asked of `current`. */
export function optionsOf(current: () => Scene, width: number, listener: PlotListener): uPlot.Options {
  const { lines, bands, hidden, height, spec, statistic } = current();
  const style = getComputedStyle(document.documentElement);
  const warning = style.getPropertyValue('--warning');
  const accent = style.getPropertyValue('--accent');
  const axis = {
    font: AXIS_FONT,
    stroke: style.getPropertyValue('--muted'),
    grid: { stroke: style.getPropertyValue('--line'), width: 1 },
  };
  const settled = (line: number): number => {
    const { columns, newestEvent, lines: now } = current();
    return lastSettled(columns.rows.get(now[line - 1]?.key ?? '') ?? [], newestEvent);
  };
  const stands = (line: number): boolean => {
    const { lines: now, leading } = current();
    return leading.has(now[line - 1]?.key ?? '');
  };
  const colorOf = (line: number): string =>
    `${lineStyle(current().lines[line - 1]?.position ?? 0).color}${stands(line) ? '' : FADED}`;
  const paths = settledPath({ settled });
  const series = lines.map(({ label, position, series: name }): uPlot.Series => ({
    ...{ label, paths, spanGaps: false, width: lines.length > MANY ? 1 : 2 },
    show: !hidden.has(name),
    stroke: (_, line) => colorOf(line),
    dash: lineStyle(position).dash,
    points: {
      show: fewPoints,
      size: POINT_SIZE,
      // Full circles, since hollow ones are windows that still grow.
      fill: (_, line) => colorOf(line),
      filter: (plot, line, show) => (show ? null : isolated(plot.data[line] ?? [], settled(line))),
    },
  }));
  const edges = bands
    ? lines.flatMap(({ position, series: name }, index) =>
        edgesOf(position, !hidden.has(name), () => stands(index + 1)),
      )
    : [];
  return {
    ...{ width, height, legend: { show: false }, padding: [10, 24, 0, 0] },
    tzDate: (time) => uPlot.tzDate(new Date(time * 1000), zone.value),
    series: [{}, ...series, ...edges],
    bands: bands
      ? lines.map(({ position }, index) => ({
          series: [bandRow(lines.length, index + 1), bandRow(lines.length, index + 1) + 1],
          fill: () => (stands(index + 1) ? `${lineStyle(position).color}22` : 'transparent'),
        }))
      : [],
    axes: [
      { ...axis, size: 34, incrs: TIME_STEPS, space: timeSpace, values: timeValues },
      {
        ...axis,
        size: valueAxisSize,
        values: (_, splits) => formatMarks(splits, statistic === 'count' ? '' : spec.unit),
      },
    ],
    scales: { x: { range: () => spanInSeconds() } },
    cursor: {
      focus: { prox: PROXIMITY },
      drag: { x: true, y: false, setScale: false },
      // What is dragged over is the business of one chart.
      sync: { key: SYNC, filters: { pub: (type) => type === 'mousemove' || type === 'mouseleave' } },
      // Else it takes the fill of the line's own points and cannot be told from the ground.
      points: { fill: (_, line) => colorOf(line) },
    },
    focus: { alpha: 0.25 },
    hooks: {
      drawSeries: [
        (plot, line) => {
          const count = current().lines.length;
          if (bands && line <= count) {
            const row = bandRow(count, line);
            drawSpans(plot, isolated(plot.data[row] ?? [], Infinity), [row, row + 1]);
          }
        },
      ],
      draw: [
        (plot) => {
          drawThresholds(plot, current().thresholds, warning);
          drawMarks(plot, current().marks, accent);
          listener.onGround(plot);
        },
      ],
      setSelect: [
        (plot) => {
          listener.onSelect(plot);
        },
      ],
      setCursor: [
        (plot) => {
          listener.onCursor(plot);
        },
      ],
    },
  };
}

function fewPoints(plot: uPlot): boolean {
  return plot.data[0].length < 30;
}

/** The lines of the greatest and the least values of a line. */
function edgesOf(position: number, show: boolean, stands: () => boolean): uPlot.Series[] {
  const { color } = lineStyle(position);
  return ['max', 'min'].map((label) => ({
    ...{
      label,
      show,
      stroke: () => (stands() ? `${color}55` : 'transparent'),
      width: 1,
      points: { show: false },
    },
  }));
}

/** The whole span that was asked for, whether or not there is something in all of it. */
function spanInSeconds(): [number, number] {
  const { from, to } = shownSpan();
  return [from / 1000, to / 1000];
}

function timeValues(_: uPlot, splits: number[]): string[] {
  return splits.map((at) => formatAxisTime(at * 1000));
}

/** How far apart the labels of the time axis must be, by their width. */
function timeSpace(plot: uPlot): number {
  return widest(plot, [formatAxisTime(0), formatAxisTime(47_100_000)]) + LABEL_GAP;
}

/** How wide the value axis must be, by the labels of all charts. */
function valueAxisSize(plot: uPlot, labels: readonly string[] | null): number {
  return alignedWidth(plot, Math.ceil(widest(plot, labels ?? [])) + 20);
}

function widest({ ctx }: uPlot, labels: readonly string[]): number {
  ctx.save();
  ctx.font = AXIS_FONT;
  const widths = labels.map((label) => ctx.measureText(label).width);
  ctx.restore();
  return Math.max(0, ...widths);
}

import uPlot from 'uplot';
import type { AlertInfo, AlertState, Annotation, Anomaly } from '../../shared/api.ts';
import { matches } from '../../shared/pattern.ts';
import { reasonFor } from '../../shared/unusual.ts';
import { formatDecimal } from '../format.ts';
import { formatDrawn } from '../statistics.ts';
import { formatQuantity } from '../units.ts';
import type { Statistic } from '../view.ts';
import { isFor, type ChartSpec } from './specs.ts';

/** A line that values should not cross. */
export interface Threshold {
  readonly value: number;
  readonly text: string;
}

/** Something that happened at a time; of an anomaly, also the value that is marked. */
export interface Mark {
  readonly at: number;
  readonly until: number | null;
  readonly text: string;
  readonly value: number | null;
}

const FONT = '11px system-ui, sans-serif';
const ANOMALY_RADIUS = 7;

/** What a chart draws, as far as it decides what belongs into it. */
export interface Drawn {
  readonly spec: ChartSpec;
  readonly statistic: Statistic;
  /** The label of the kind of window. */
  readonly window: string;
  /** The series that are drawn in any chart. */
  readonly shown: readonly string[];
  readonly hidden: ReadonlySet<string>;
}

/** The thresholds of a chart that are about what it draws. */
export function thresholdsOf(
  rules: readonly AlertInfo[],
  { spec, statistic, window, shown }: Drawn,
): Threshold[] {
  const { metrics, unit } = spec;
  const isAboutIt = (rule: AlertInfo): boolean =>
    rule.field === statistic &&
    // A longer window counts more; its average stands beside that of a shorter one.
    (rule.field !== 'count' || rule.window === window) &&
    metrics.some((one) => matches(rule.metric, one)) &&
    shown.some((series) => matches(rule.series, series) && isFor(spec, series));
  return rules.filter(isAboutIt).flatMap(({ name, above, below }) =>
    (
      [
        ['above', above],
        ['below', below],
      ] as const
    ).flatMap(([side, value]) =>
      typeof value === 'number'
        ? [{ value, text: `${name}: ${side} ${formatDrawn(value, statistic, unit)}` }]
        : [],
    ),
  );
}

/** What is marked in a chart. */
export function marksOf(
  { spec, statistic, shown, hidden }: Drawn,
  annotations: readonly Annotation[],
  anomalies: readonly Anomaly[],
): Mark[] {
  const isDrawn = (series: string): boolean =>
    shown.includes(series) && !hidden.has(series) && isFor(spec, series);
  const happened = annotations.map(({ at, until, kind, text }) => ({
    ...{ at, until, value: null },
    text: `${kind}: ${text}`,
  }));
  const numbers = {
    value: (value: number) => formatQuantity(value, spec.unit),
    times: (times: number) => formatDecimal(times, 1),
  };
  const odd = anomalies
    .filter(({ metric, series }) => spec.metrics.includes(metric) && isDrawn(series))
    .map(({ start, series, ...judgement }) => ({
      // It is the average that is unusual: beside another line a ring would hang in the air.
      ...{ at: start, until: null, value: statistic === 'avg' ? judgement.avg : null },
      text: `unusual: ${series}: ${reasonFor(judgement, numbers)}`,
    }));
  return [...happened, ...odd];
}

/** The alerts of a chart that are not over. */
export function alertsOf(alerts: readonly AlertState[], stream: string, spec: ChartSpec): AlertState[] {
  return alerts.filter(
    (alert) =>
      alert.stream === stream &&
      spec.metrics.includes(alert.metric) &&
      isFor(spec, alert.series) &&
      alert.state !== 'resolved',
  );
}

/** Draws thresholds, and at the edge those that are out of sight, with their names. */
export function drawThresholds(plot: uPlot, thresholds: readonly Threshold[], color: string): void {
  inside(plot, color, (ctx, { left, top, width, height }) => {
    ctx.setLineDash([8, 5].map((length) => length * uPlot.pxRatio));
    for (const { value, text } of thresholds) {
      const y = plot.valToPos(value, 'y', true);
      const at = Math.min(top + height, Math.max(top, y));
      ctx.beginPath();
      ctx.moveTo(left, at);
      ctx.lineTo(left + width, at);
      ctx.stroke();
      const arrow = y < top ? '↑ ' : y > top + height ? '↓ ' : '';
      ctx.textBaseline = at - top < 16 * uPlot.pxRatio ? 'top' : 'bottom';
      ctx.fillText(`${arrow}${text}`, left + 6 * uPlot.pxRatio, at);
    }
  });
}

/** Draws what happened: a line at its begin, a band as long as it lasted, a ring around a value. */
export function drawMarks(plot: uPlot, marks: readonly Mark[], color: string): void {
  inside(plot, color, (ctx, { top, height }) => {
    for (const { at, until, value } of marks) {
      const x = plot.valToPos(at / 1000, 'x', true);
      ctx.beginPath();
      if (value === null) {
        ctx.setLineDash([2, 3].map((length) => length * uPlot.pxRatio));
        ctx.moveTo(x, top);
        ctx.lineTo(x, top + height);
        ctx.stroke();
        ctx.fillText('▼', x - 5 * uPlot.pxRatio, top + 10 * uPlot.pxRatio);
      } else {
        ctx.setLineDash([]);
        ctx.arc(x, plot.valToPos(value, 'y', true), ANOMALY_RADIUS * uPlot.pxRatio, 0, 2 * Math.PI);
        ctx.stroke();
      }
      if (until !== null) {
        ctx.globalAlpha = 0.12;
        ctx.fillRect(x, top, plot.valToPos(until / 1000, 'x', true) - x, height);
        ctx.globalAlpha = 1;
      }
    }
  });
}

function inside(
  { ctx, bbox }: uPlot,
  color: string,
  draw: (ctx: CanvasRenderingContext2D, bbox: uPlot.BBox) => void,
): void {
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  ctx.strokeStyle = color;
  ctx.fillStyle = color;
  ctx.lineWidth = 1.5 * uPlot.pxRatio;
  ctx.font = FONT.replace('11', String(11 * uPlot.pxRatio));
  draw(ctx, bbox);
  ctx.restore();
}

import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { EXACT_PERCENTILES, PARTIAL_MEANING } from '../../shared/window.ts';
import type { PointValue } from '../../shared/merge.ts';
import type { Resolution } from '../../shared/resolution.ts';
import { LATER_STATISTICS } from '../../shared/generated/window.ts';
import type { Dashboard } from '../dashboard.ts';
import { element, setText } from '../dom.ts';
import { formatAge, formatAxisTime, formatClock, formatSpan } from '../format.ts';
import { lineStyle } from '../palette.ts';
import { formatStatistic } from '../statistics.ts';
import { lastSettled, type Columns } from '../store.ts';
import { formatMarks, formatQuantity } from '../units.ts';
import { emptyText } from './empty.ts';
import { resolutionText, subtitleOf } from './resolution-words.ts';
import { drawGrowing, settledPath } from './growing.ts';
import type { Panel } from './panel.ts';
import { drawPartial } from './partial.ts';
import { drawSpans, isolated, POINT_SIZE } from './points.ts';

const HEIGHT = 240;
/** A chart that is alone has room for more. */
const HEIGHT_ALONE = 340;
/** How near the pointer must be to a line to ask for it, in pixels. */
const PROXIMITY = 24;
const AXIS_FONT = '12px system-ui, sans-serif';
/** Between two labels of the time axis, in pixels. */
const LABEL_GAP = 22;
/** Steps of the time axis, in seconds. The shortest range is minutes long: no label needs seconds. */
const TIME_STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 180, 240, 360, 720, 1440, 2880, 7200].map(
  (minutes) => minutes * 60,
);
/** More newest values than this make a description that nobody listens to. */
const MAX_DESCRIBED = 5;

/** One chart per metric of the stream, one line per series. */
export function chartsPanel(host: HTMLElement, dashboard: Dashboard): Panel {
  let charts: Chart[] = [];
  let drawn = '';
  host.className = 'charts';

  const rebuild = (): void => {
    charts.forEach((chart) => {
      chart.destroy();
    });
    charts = (dashboard.stream?.metrics ?? []).map((metric) => new Chart(host, dashboard, metric));
  };
  const update = (): void => {
    const { stream, window, span } = dashboard.selection;
    const wanted = JSON.stringify([stream, window, span]);
    if (wanted !== drawn) {
      drawn = wanted;
      rebuild();
    }
    charts.forEach((chart) => {
      chart.update();
    });
  };
  // The colours of a chart are fixed when it is made.
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
    drawn = '';
    update();
  });

  return {
    update,
    tick: () => {
      charts.forEach((chart) => {
        chart.tick();
      });
    },
  };
}

class Chart {
  readonly #dashboard: Dashboard;
  readonly #metric: string;
  readonly #unit: string;
  readonly #card: HTMLElement;
  readonly #plotHost = element('div', 'plot');
  readonly #subtitle = element('span', 'unit');
  readonly #age = element('span', 'age');
  readonly #empty = element('p', 'empty');
  readonly #legend = element('p', 'legend');
  readonly #tooltip = element('div', 'tooltip');
  readonly #resize: ResizeObserver;
  #plot: uPlot | undefined;
  #shape = '';
  #columns: Columns = { starts: [], rows: new Map() };
  #newest = 0;

  constructor(host: HTMLElement, dashboard: Dashboard, metric: string) {
    this.#dashboard = dashboard;
    this.#metric = metric;
    this.#unit = dashboard.stream?.units[metric] ?? '';
    const title = element('h2', '', metric);
    this.#card = element('section', 'card chart', element('header', '', title, this.#subtitle, this.#age));
    this.#card.append(this.#plotHost, this.#legend, this.#empty);
    this.#card.dataset.metric = metric;
    this.#plotHost.setAttribute('role', 'img');
    this.#plotHost.append(this.#tooltip);
    this.#tooltip.hidden = true;
    host.append(this.#card);
    this.#resize = new ResizeObserver(() => {
      this.#plot?.setSize({ width: this.#plotHost.clientWidth, height: this.#height });
    });
    this.#resize.observe(this.#plotHost);
  }

  update(): void {
    const { store, shown } = this.#dashboard;
    this.#columns = store.columns(this.#metric, shown);
    setText(this.#subtitle, subtitleOf(this.#unit, this.#dashboard));
    this.#subtitle.title = resolutionText(this.#dashboard.resolution, this.#dashboard.selection.window);
    const values = [...this.#columns.rows.values()].flat();
    this.#newest = values.reduce((newest, window) => Math.max(newest, window?.last_event ?? 0), 0);
    this.#card.dataset.points = String(values.filter((window) => window !== undefined).length);
    this.#card.dataset.newestEvent = String(this.#newest);
    const partial = values.filter((window) => window?.partial === true).length;
    this.#card.dataset.partial = String(partial);
    this.#legend.hidden = partial === 0;
    setText(this.#legend, `◇ ${partialText(partial)}`);
    const isEmpty = this.#columns.starts.length === 0;
    this.#card.dataset.empty = String(isEmpty);
    this.#empty.hidden = !isEmpty;
    this.#plotHost.hidden = isEmpty;
    if (isEmpty) {
      setText(this.#empty, emptyText(this.#dashboard, this.#metric));
    } else {
      this.#draw(shown);
      this.#plotHost.setAttribute('aria-label', this.#describe(partial));
    }
    this.tick();
  }

  tick(): void {
    const { freshness, connection } = this.#dashboard;
    const now = this.#dashboard.now();
    const stale = connection !== 'live' || freshness.isStale(now);
    this.#card.dataset.stale = String(stale);
    const isPast = this.#dashboard.selection.span !== undefined;
    setText(
      this.#age,
      this.#newest === 0 || isPast ? '' : `newest point ${formatAge(now - this.#newest)} old`,
    );
  }

  /** What the chart shows, in words, for those who cannot see it. */
  #describe(partial: number): string {
    const { shown, resolution } = this.#dashboard;
    const newest = shown.flatMap((name) => {
      const window = this.#dashboard.newestOf(this.#metric, name).complete;
      return window === undefined ? [] : [`${name} ${formatQuantity(window.avg, this.#unit)}`];
    });
    const more = newest.length > MAX_DESCRIBED ? ` and ${newest.length - MAX_DESCRIBED} more` : '';
    const values = `${newest.slice(0, MAX_DESCRIBED).join(', ')}${more}`;
    const marked = partial > 0 ? `; ${partialText(partial)}` : '';
    const average = `${this.#metric}, average per ${resolution.window.label}`;
    return `${average}, last complete windows: ${values || 'none yet'}${marked}`;
  }

  destroy(): void {
    this.#resize.disconnect();
    this.#plot?.destroy();
    this.#card.remove();
  }

  get #height(): number {
    return this.#dashboard.stream?.metrics.length === 1 ? HEIGHT_ALONE : HEIGHT;
  }

  #draw(shown: readonly string[]): void {
    const positions = shown.map((name) => this.#dashboard.position(name));
    const shape = JSON.stringify([shown, positions]);
    const data = alignedData(this.#columns, shown);
    if (this.#plot === undefined || shape !== this.#shape) {
      this.#shape = shape;
      this.#plot?.destroy();
      this.#plot = new uPlot(this.#options(shown, positions), data, this.#plotHost);
    } else {
      this.#plot.setData(data);
    }
  }

  #options(shown: readonly string[], positions: readonly number[]): uPlot.Options {
    const style = getComputedStyle(document.documentElement);
    const ground = style.getPropertyValue('--card');
    const axis = {
      font: AXIS_FONT,
      stroke: style.getPropertyValue('--muted'),
      grid: { stroke: style.getPropertyValue('--line'), width: 1 },
    };
    const growing = { settled: (line: number) => this.#settled(shown[line - 1]) };
    const paths = settledPath(growing);
    const lines = shown.map((name, index): uPlot.Series => {
      const { color, dash } = lineStyle(positions[index] ?? index);
      return { label: name, stroke: color, width: 2, dash, paths, spanGaps: false };
    });
    const alone = lines.length === 1 ? bandOf(lineStyle(positions[0] ?? 0).color) : null;
    return {
      width: this.#plotHost.clientWidth,
      height: this.#height,
      legend: { show: false },
      // A single point makes no line, so it is marked, and so are the few points of a short history.
      series: [
        {},
        ...lines.map((line) => ({ ...line, points: this.#points(shown, line.stroke) })),
        ...(alone?.series ?? []),
      ],
      ...(alone && { bands: alone.bands }),
      axes: [
        { ...axis, size: 34, incrs: TIME_STEPS, space: timeSpace, values: timeValues },
        { ...axis, size: valueAxisSize, values: (_, splits) => formatMarks(splits, this.#unit) },
      ],
      scales: { x: { range: () => this.#span() } },
      cursor: {
        focus: { prox: PROXIMITY },
        drag: { x: true, y: false, setScale: false },
        // Else it takes the fill of the line's own points and cannot be told from the ground.
        points: { fill: (_, line) => lineStyle(positions[line - 1] ?? 0).color },
      },
      focus: { alpha: 0.25 },
      hooks: {
        drawSeries: [
          (plot, line) => {
            if (line <= shown.length) {
              if (alone !== null) {
                drawSpans(plot, isolated(plot.data[line] ?? [], Infinity), [2, 3]);
              }
              drawGrowing(plot, line, growing, ground);
              drawPartial(plot, line, this.#columns.rows.get(shown[line - 1] ?? '') ?? [], ground);
            }
          },
        ],
        setSelect: [
          (plot) => {
            this.#zoom(plot);
          },
        ],
        setCursor: [
          (plot) => {
            this.#point(plot);
          },
        ],
      },
    };
  }

  /** Full circles, since hollow ones are windows that still grow. */
  #points(shown: readonly string[], color: uPlot.Series['stroke']): uPlot.Series.Points {
    return {
      show: fewPoints,
      size: POINT_SIZE,
      ...(color !== undefined && { fill: color }),
      filter: (plot, line, show) =>
        show ? null : isolated(plot.data[line] ?? [], this.#settled(shown[line - 1])),
    };
  }

  /** The whole range that was asked for, whether or not there is something in all of it. */
  #span(): [number, number] {
    const { from, to } = this.#dashboard.span;
    return [from / 1000, to / 1000];
  }

  /** Shows what was dragged over. */
  #zoom(plot: uPlot): void {
    const { left, width } = plot.select;
    if (width > 0) {
      this.#dashboard.zoom(plot.posToVal(left, 'x') * 1000, plot.posToVal(left + width, 'x') * 1000);
    }
  }

  #settled(series = ''): number {
    return lastSettled(this.#columns.rows.get(series) ?? [], this.#dashboard.freshness.newest);
  }

  #point(plot: uPlot): void {
    const { idx, left = 0, top = 0 } = plot.cursor;
    const names = [...this.#columns.rows.keys()];
    const position = nearest(plot, names.length, idx ?? null, top);
    const name = position === null ? undefined : names[position];
    const window = name === undefined ? undefined : this.#columns.rows.get(name)?.[idx ?? -1];
    this.#tooltip.hidden = name === undefined || window === undefined;
    if (name !== undefined && window !== undefined) {
      this.#tooltip.replaceChildren(...tooltipLines(name, window, this.#unit, this.#dashboard));
      const flip = left > plot.over.clientWidth / 2;
      this.#tooltip.style.left = `${plot.over.offsetLeft + left + (flip ? -12 : 12)}px`;
      this.#tooltip.style.top = `${plot.over.offsetTop + top}px`;
      this.#tooltip.classList.toggle('flipped', flip);
    }
  }
}

function fewPoints(plot: uPlot): boolean {
  return plot.data[0].length < 30;
}

/** One row of values per line, and for a single line also its greatest and least values. */
function alignedData({ starts, rows }: Columns, shown: readonly string[]): uPlot.AlignedData {
  const pick = (name: string, field: 'avg' | 'min' | 'max'): (number | null)[] =>
    (rows.get(name) ?? []).map((window) => window?.[field] ?? null);
  const [only] = shown;
  const band = shown.length === 1 && only !== undefined ? [pick(only, 'max'), pick(only, 'min')] : [];
  return [starts, ...shown.map((name) => pick(name, 'avg')), ...band];
}

function bandOf(color: string): { series: uPlot.Series[]; bands: uPlot.Band[] } {
  const edge = (label: string): uPlot.Series => ({
    label,
    stroke: `${color}55`,
    width: 1,
    points: { show: false },
  });
  return { series: [edge('max'), edge('min')], bands: [{ series: [2, 3], fill: `${color}22` }] };
}

/** The line that is nearest to the pointer at this index, if one is near enough. */
function nearest(plot: uPlot, lines: number, idx: number | null, top: number): number | null {
  let best: { position: number; distance: number } | null = null;
  for (let position = 0; idx !== null && position < lines; position += 1) {
    const value = plot.data[position + 1]?.[idx];
    const distance = typeof value === 'number' ? Math.abs(plot.valToPos(value, 'y') - top) : Infinity;
    if (distance <= PROXIMITY && distance < (best?.distance ?? Infinity)) {
      best = { position, distance };
    }
  }
  return best?.position ?? null;
}

function partialText(count: number): string {
  return count === 1
    ? `1 window is partial: it ${PARTIAL_MEANING}`
    : `${count} windows are partial: each ${PARTIAL_MEANING}`;
}

function tooltipLines(name: string, point: PointValue, unit: string, dashboard: Dashboard): HTMLElement[] {
  const { start, end, avg, min, max, sum, stddev, count, last_event: last, partial } = point;
  const value = (of: number): string => formatQuantity(of, unit);
  const later = LATER_STATISTICS.map((field) => `${field.name} ${formatStatistic(field, point, unit)}`);
  const lines = [
    formatSpan(start, end, dashboard.now()),
    `average ${value(avg)}`,
    `min ${value(min)} · max ${value(max)}`,
    `sum ${value(sum)} · stddev ${value(stddev)}`,
    percentilesText(point, unit, dashboard.resolution),
    later.join(' · '),
    `${count === 1 ? '1 record' : `${count} records`} · newest ${formatClock(last)}`,
    partial ? `◇ partial: ${PARTIAL_MEANING}` : '',
  ];
  return [
    element('strong', '', name),
    ...lines.filter((line) => line !== '').map((line) => element('span', '', line)),
  ];
}

function percentilesText(
  { p50, p95, p99, count, merged = 1 }: PointValue,
  unit: string,
  { step, stride }: Resolution,
): string {
  if (p50 === null || p95 === null || p99 === null) {
    return `merged from ${merged} of ${Math.round(step / stride)} windows: no percentiles`;
  }
  const precision = count > EXACT_PERCENTILES ? 'within 1 %' : 'exact';
  const value = (of: number): string => formatQuantity(of, unit);
  return `p50 ${value(p50)} · p95 ${value(p95)} · p99 ${value(p99)} (${precision})`;
}

function timeValues(_: uPlot, splits: number[]): string[] {
  return splits.map((at) => formatAxisTime(at * 1000));
}

/** How far apart the labels of the time axis must be, by their width. */
function timeSpace(plot: uPlot): number {
  return widest(plot, ['00:00', '30 Nov']) + LABEL_GAP;
}

/** How wide the value axis must be, by its labels. */
function valueAxisSize(plot: uPlot, labels: readonly string[] | null): number {
  return Math.ceil(widest(plot, labels ?? [])) + 20;
}

function widest({ ctx }: uPlot, labels: readonly string[]): number {
  ctx.save();
  ctx.font = AXIS_FONT;
  const widths = labels.map((label) => ctx.measureText(label).width);
  ctx.restore();
  return Math.max(0, ...widths);
}

import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import type { WindowValue } from '../../shared/window.ts';
import type { Dashboard } from '../dashboard.ts';
import { element, setText } from '../dom.ts';
import { formatAge, formatValue } from '../format.ts';
import { lineStyle } from '../palette.ts';
import type { Columns } from '../store.ts';
import type { Panel } from './panel.ts';

const HEIGHT = 300;
/** How near the pointer must be to a line to ask for it, in pixels. */
const PROXIMITY = 24;

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
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', rebuild);

  return {
    update: () => {
      const wanted = `${dashboard.selection.stream}|${dashboard.selection.window}`;
      if (wanted !== drawn) {
        drawn = wanted;
        rebuild();
      }
      charts.forEach((chart) => {
        chart.update();
      });
    },
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
  readonly #card: HTMLElement;
  readonly #plotHost = element('div', 'plot');
  readonly #age = element('span', 'age');
  readonly #empty = element('p', 'empty');
  readonly #tooltip = element('div', 'tooltip');
  readonly #resize: ResizeObserver;
  #plot: uPlot | undefined;
  #shape = '';
  #columns: Columns = { starts: [], rows: new Map() };
  #newest = 0;

  constructor(host: HTMLElement, dashboard: Dashboard, metric: string) {
    this.#dashboard = dashboard;
    this.#metric = metric;
    const { unit = '' } = dashboard.stream ?? {};
    const title = element('h2', '', metric);
    const subtitle = element(
      'span',
      'unit',
      [unit, `average per ${dashboard.selection.window}`].filter(Boolean).join(' · '),
    );
    this.#card = element('section', 'card chart', element('header', '', title, subtitle, this.#age));
    this.#card.append(this.#plotHost, this.#empty);
    this.#card.dataset.metric = metric;
    this.#plotHost.append(this.#tooltip);
    this.#tooltip.hidden = true;
    host.append(this.#card);
    this.#resize = new ResizeObserver(() => {
      this.#plot?.setSize({ width: this.#plotHost.clientWidth, height: HEIGHT });
    });
    this.#resize.observe(this.#plotHost);
  }

  update(): void {
    const { store, shown } = this.#dashboard;
    this.#columns = store.columns(this.#metric, shown);
    const values = [...this.#columns.rows.values()].flat();
    this.#newest = values.reduce((newest, window) => Math.max(newest, window?.last_event ?? 0), 0);
    this.#card.dataset.points = String(values.filter((window) => window !== undefined).length);
    this.#card.dataset.newestEvent = String(this.#newest);
    const isEmpty = this.#columns.starts.length === 0;
    this.#empty.hidden = !isEmpty;
    this.#plotHost.hidden = isEmpty;
    if (isEmpty) {
      setText(this.#empty, emptyText(this.#dashboard));
    } else {
      this.#draw(shown);
    }
    this.tick();
  }

  tick(): void {
    const { freshness, connection } = this.#dashboard;
    const now = this.#dashboard.now();
    const stale = connection !== 'live' || freshness.isStale(now);
    this.#card.dataset.stale = String(stale);
    setText(this.#age, this.#newest === 0 ? '' : `newest point ${formatAge(now - this.#newest)} old`);
  }

  destroy(): void {
    this.#resize.disconnect();
    this.#plot?.destroy();
    this.#card.remove();
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
    const axis = {
      stroke: style.getPropertyValue('--muted'),
      grid: { stroke: style.getPropertyValue('--line'), width: 1 },
    };
    const lines = shown.map((name, index): uPlot.Series => {
      const { color, dash } = lineStyle(positions[index] ?? index);
      return { label: name, stroke: color, width: 2, dash, points: { show: false }, spanGaps: false };
    });
    const alone = lines.length === 1 ? bandOf(lineStyle(positions[0] ?? 0).color) : null;
    return {
      width: this.#plotHost.clientWidth,
      height: HEIGHT,
      legend: { show: false },
      // A single point makes no line, so the few points of a short history are marked.
      series: [
        {},
        ...lines.map((line) => ({ ...line, points: { show: fewPoints, size: 6 } })),
        ...(alone?.series ?? []),
      ],
      ...(alone && { bands: alone.bands }),
      axes: [
        { ...axis, size: 34, values: timeValues },
        { ...axis, size: 64, values: (_, splits) => splits.map(axisValue) },
      ],
      scales: { x: { range: () => this.#span() } },
      cursor: { focus: { prox: PROXIMITY }, drag: { x: false, y: false } },
      focus: { alpha: 0.25 },
      hooks: {
        setCursor: [
          (plot) => {
            this.#point(plot);
          },
        ],
      },
    };
  }

  /** The whole range, as far as there is something in it: an hour's chart with a minute in it would show nothing. */
  #span(): [number, number] {
    const end = this.#dashboard.now() / 1000;
    const first = this.#columns.starts[0] ?? end;
    const range = this.#dashboard.selection.range / 1000;
    return [Math.max(end - range, Math.min(first, end - 60)), end];
  }

  #point(plot: uPlot): void {
    const { idx, left = 0, top = 0 } = plot.cursor;
    const names = [...this.#columns.rows.keys()];
    const position = nearest(plot, names.length, idx ?? null, top);
    const name = position === null ? undefined : names[position];
    const window = name === undefined ? undefined : this.#columns.rows.get(name)?.[idx ?? -1];
    this.#tooltip.hidden = name === undefined || window === undefined;
    if (name !== undefined && window !== undefined) {
      this.#tooltip.replaceChildren(...tooltipLines(name, window, this.#dashboard.stream?.unit ?? ''));
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

function emptyText(dashboard: Dashboard): string {
  if (dashboard.problem !== '') {
    return `no windows to show: ${dashboard.problem}`;
  }
  const { stream, window } = dashboard.selection;
  return dashboard.loading
    ? 'loading…'
    : `no windows yet: nothing has come in for ${stream} in windows of ${window} within the range`;
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

function tooltipLines(name: string, window: WindowValue, unit: string): HTMLElement[] {
  const time = (at: number): string => new Date(at).toLocaleTimeString();
  const value = (of: number): string => `${formatValue(of)} ${unit}`.trim();
  return [
    element('strong', '', name),
    element('span', '', `${time(window.start)} – ${time(window.end)}`),
    element('span', '', `average ${value(window.avg)}`),
    element('span', '', `min ${value(window.min)} · max ${value(window.max)}`),
    element(
      'span',
      '',
      `p50 ${formatValue(window.p50)} · p95 ${formatValue(window.p95)} · p99 ${formatValue(window.p99)}`,
    ),
    element('span', '', `${window.count} records`),
  ];
}

/** The reader's own way to write a time, with seconds only where they differ. */
function timeValues(_: uPlot, splits: number[], __: number, ___: number, step: number): string[] {
  const seconds = step < 60 ? ({ second: '2-digit' } as const) : {};
  return splits.map((at) =>
    new Date(at * 1000).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit', ...seconds }),
  );
}

function axisValue(value: number): string {
  return value.toLocaleString('en', {
    maximumSignificantDigits: 6,
    notation: Math.abs(value) >= 1e5 ? 'compact' : 'standard',
  });
}

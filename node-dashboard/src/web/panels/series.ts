import { MAX_SHOWN, type Dashboard } from '../dashboard.ts';
import { element, setText } from '../dom.ts';
import { formatAge, formatValue } from '../format.ts';
import { lineStyle } from '../palette.ts';
import type { Panel } from './panel.ts';

const MAX_ROWS = 200;
const SEARCH_DELAY = 250;

/** The series of the stream with their newest values; a click on one shows it alone or with the other chosen ones. */
export function seriesPanel(host: HTMLElement, dashboard: Dashboard): Panel {
  const search = element('input');
  search.type = 'search';
  search.placeholder = 'Find a series';
  search.setAttribute('aria-label', 'Find a series');
  const all = element('button', '', 'Show all');
  const note = element('span', 'unit');
  const head = element('thead');
  const body = element('tbody');
  host.className = 'card series';
  host.append(
    element('header', '', element('h2', '', 'Series'), note, search, all),
    element('div', 'scroll', element('table', '', head, body)),
  );
  let timer: ReturnType<typeof setTimeout> | undefined;
  search.addEventListener('input', () => {
    clearTimeout(timer);
    timer = setTimeout(() => void dashboard.find(search.value), SEARCH_DELAY);
  });
  all.addEventListener('click', () => {
    dashboard.select({ ...dashboard.selection, series: [] });
  });
  return {
    update: () => {
      const shown = dashboard.shown;
      const rows = listed(dashboard, shown);
      if (document.activeElement !== search) {
        search.value = dashboard.search;
      }
      all.hidden = dashboard.selection.series.length === 0;
      setText(
        note,
        rows.length > shown.length
          ? `${shown.length} of ${rows.length} shown, at most ${MAX_SHOWN} at once`
          : '',
      );
      head.replaceChildren(headRow(dashboard));
      body.replaceChildren(...rows.map((name) => seriesRow(dashboard, name, shown.indexOf(name))));
    },
  };
}

function listed(dashboard: Dashboard, shown: readonly string[]): string[] {
  const wanted = dashboard.search.toLowerCase();
  const others = wanted === '' ? dashboard.known : dashboard.found;
  // Rows that stay in place are easier to click; among very many, though, the drawn ones must not get lost.
  const known = new Set(others.length > MAX_SHOWN ? [...shown, ...others] : [...others, ...shown]);
  return [...known].filter((name) => name.toLowerCase().includes(wanted)).slice(0, MAX_ROWS);
}

function headRow({ stream }: Dashboard): HTMLElement {
  const metrics = stream?.metrics ?? [];
  const columns = metrics.length === 1 ? ['average', 'min', 'max', 'p95', 'records'] : metrics;
  return element('tr', '', ...['series', ...columns, 'newest'].map((name) => element('th', '', name)));
}

function seriesRow(dashboard: Dashboard, name: string, position: number): HTMLElement {
  const metrics = dashboard.stream?.metrics ?? [];
  const windows = metrics.map((metric) => (position < 0 ? undefined : dashboard.store.latest(metric, name)));
  const [only] = windows;
  const value = (of: number | undefined): string => (of === undefined ? '–' : formatValue(of));
  const values =
    metrics.length === 1
      ? [
          value(only?.avg),
          value(only?.min),
          value(only?.max),
          value(only?.p95),
          only?.count.toString() ?? '–',
        ]
      : windows.map((window) => value(window?.avg));
  const newest = Math.max(...windows.map((window) => window?.last_event ?? 0));
  const age = newest > 0 ? `${formatAge(dashboard.now() - newest)} ago` : '–';
  const row = element(
    'tr',
    position < 0 ? 'hidden-series' : '',
    element('td', '', nameButton(dashboard, name, position)),
  );
  row.append(...[...values, age].map((text) => element('td', '', text)));
  return row;
}

function nameButton(dashboard: Dashboard, name: string, position: number): HTMLElement {
  const swatch = element('span', 'swatch');
  if (position >= 0) {
    const { color, dash } = lineStyle(dashboard.position(name));
    swatch.style.borderTopColor = color;
    swatch.style.borderTopStyle = dash.length > 0 ? 'dashed' : 'solid';
  }
  const button = element('button', 'name', swatch, name);
  button.setAttribute('aria-pressed', String(dashboard.selection.series.includes(name)));
  // Rows are made anew several times a second: a click would begin on one and end on another.
  button.addEventListener('pointerdown', () => {
    dashboard.toggle(name);
  });
  button.addEventListener('keydown', ({ key }) => {
    if (key === 'Enter' || key === ' ') {
      dashboard.toggle(name);
    }
  });
  return button;
}

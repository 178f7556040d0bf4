import { PARTIAL_MEANING, PERCENTILE_MEANING, type WindowValue } from '../../shared/window.ts';
import { LATER_STATISTICS, type WindowField } from '../../shared/generated/window.ts';
import { MAX_SHOWN, type Dashboard } from '../dashboard.ts';
import { element, setText } from '../dom.ts';
import { formatAge } from '../format.ts';
import { lineStyle } from '../palette.ts';
import { formatStatistic } from '../statistics.ts';
import type { Panel } from './panel.ts';

const MAX_ROWS = 200;
const SEARCH_DELAY = 250;

const AVERAGE: WindowField = { name: 'avg', kind: 'number' };
/** What the table shows of the windows of a single metric, beside their average. */
const STATISTICS: readonly WindowField[] = [
  { name: 'min', kind: 'number' },
  { name: 'max', kind: 'number' },
  { name: 'p95', kind: 'number' },
  ...LATER_STATISTICS,
  { name: 'count', kind: 'count' },
];

/** The series of the stream with their newest values; a click on one shows it alone or with the other chosen ones. */
export function seriesPanel(host: HTMLElement, dashboard: Dashboard): Panel {
  const search = element('input');
  search.type = 'search';
  search.placeholder = 'Find a series';
  search.setAttribute('aria-label', 'Find a series');
  const all = element('button', '', 'Show all');
  const note = element('span', 'unit');
  const headRow = element('tr');
  const head = element('thead', '', headRow);
  const body = element('tbody');
  host.className = 'card series';
  host.append(
    element('header', '', element('h2', '', 'Series'), note, search, all),
    element('div', 'scroll', element('table', '', head, body)),
  );
  let rows = new Map<string, Row>();
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
      const names = listed(dashboard, shown);
      if (document.activeElement !== search) {
        search.value = dashboard.search;
      }
      all.hidden = dashboard.selection.series.length === 0;
      setText(
        note,
        names.length > shown.length
          ? `${shown.length} of ${names.length} shown, at most ${MAX_SHOWN} at once`
          : '',
      );
      setCells(headRow, 'th', headings(dashboard), 0);
      const known = rows;
      rows = new Map(names.map((name) => [name, known.get(name) ?? new Row(dashboard, name)]));
      place(
        body,
        [...rows.values()].map((row) => row.element),
      );
      rows.forEach((row) => {
        row.update(shown.includes(row.name));
      });
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

function headings({ stream }: Dashboard): Cell[] {
  const metrics = stream?.metrics ?? [];
  const statistics = STATISTICS.map(({ name }) => (name === 'count' ? 'records' : name));
  const columns = metrics.length === 1 ? ['average', ...statistics] : metrics;
  return ['series', ...columns, 'newest'].map((text) =>
    metrics.length === 1 && text === 'p95' ? { text, title: PERCENTILE_MEANING } : { text },
  );
}

/** What a cell shows, and what more when the pointer rests on it. */
interface Cell {
  readonly text: string;
  readonly title?: string;
}

/** One series of the table. Its elements stay while its texts change, so that it keeps the keyboard's focus. */
class Row {
  readonly name: string;
  readonly element = element('tr');
  readonly #dashboard: Dashboard;
  readonly #swatch = element('span', 'swatch');
  readonly #button: HTMLButtonElement;
  readonly #first = element('td');

  constructor(dashboard: Dashboard, name: string) {
    this.name = name;
    this.#dashboard = dashboard;
    this.#button = element('button', 'name', this.#swatch, name);
    this.#button.addEventListener('click', () => {
      dashboard.toggle(name);
    });
    this.#first.append(this.#button);
    this.element.append(this.#first);
  }

  update(isShown: boolean): void {
    this.element.className = isShown ? '' : 'hidden-series';
    const { color, dash } = lineStyle(Math.max(0, this.#dashboard.position(this.name)));
    this.#swatch.style.borderTopColor = isShown ? color : 'transparent';
    this.#swatch.style.borderTopStyle = dash.length > 0 ? 'dashed' : 'solid';
    const isChosen = this.#dashboard.selection.series.includes(this.name);
    this.#button.setAttribute('aria-pressed', String(isChosen));
    setCells(this.element, 'td', this.#cells(isShown), 1);
  }

  #cells(isShown: boolean): Cell[] {
    const { store, stream } = this.#dashboard;
    const metrics = stream?.metrics ?? [];
    const windows = metrics.map((metric) => (isShown ? store.latest(metric, this.name) : undefined));
    const unit = (metric = ''): string => stream?.units[metric] ?? '';
    const average = (window: WindowValue | undefined, metric?: string): Cell => {
      const text = formatStatistic(AVERAGE, window, unit(metric));
      return window?.partial === true ? { text: `◇ ${text} (partial)`, title: PARTIAL_MEANING } : { text };
    };
    const values = windows.map((window, index) => average(window, metrics[index]));
    if (metrics.length === 1) {
      const text = (field: WindowField) => formatStatistic(field, windows[0], unit(metrics[0]));
      values.push(...STATISTICS.map((field) => ({ text: text(field) })));
    }
    const newest = Math.max(...windows.map((window) => window?.last_event ?? 0));
    const age = newest > 0 ? `${formatAge(this.#dashboard.now() - newest)} ago` : '–';
    return [...values, { text: age }];
  }
}

/** Makes a row's cells from the one at `first` on show these texts. */
function setCells(row: Element, cell: 'th' | 'td', cells: readonly Cell[], first: number): void {
  while (row.children.length > first + cells.length) {
    row.lastElementChild?.remove();
  }
  cells.forEach(({ text, title = '' }, index) => {
    const target = (row.children[first + index] ?? row.appendChild(element(cell))) as HTMLElement;
    setText(target, text);
    target.title = title;
  });
}

/** Makes these the children, in this order, and touches none that is in its place: a moved element loses the focus. */
function place(parent: Element, children: readonly Element[]): void {
  const wanted = new Set(children);
  for (const child of [...parent.children]) {
    if (!wanted.has(child)) {
      child.remove();
    }
  }
  children.forEach((child, index) => {
    if (parent.children[index] !== child) {
      parent.insertBefore(child, parent.children[index] ?? null);
    }
  });
}

import { PARTIAL_MEANING, PERCENTILE_MEANING, type WindowValue } from '../../shared/window.ts';
import { LATER_STATISTICS, type WindowField } from '../../shared/generated/window.ts';
import { MAX_SHOWN, type Dashboard } from '../dashboard.ts';
import { element, setText } from '../dom.ts';
import { LAG_MEANING } from '../event-lag.ts';
import { formatAge, formatClock, formatCount } from '../format.ts';
import { lineStyle } from '../palette.ts';
import { formatStatistic } from '../statistics.ts';
import type { NewestWindows } from '../store.ts';
import type { Panel } from './panel.ts';

const MAX_ROWS = 200;
const SEARCH_DELAY = 250;

const GROWING_MEANING = 'the window that still grows: what it holds so far';

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
  note.setAttribute('role', 'status');
  const headRow = element('tr');
  const head = element('thead', '', headRow);
  const body = element('tbody');
  host.className = 'card series';
  host.append(
    element('header', '', element('h2', '', 'Series'), note, search, all),
    element('div', 'scroll', element('table', '', head, body)),
  );
  const none = element('p', 'empty');
  host.append(none);
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
      const matching = listed(dashboard, shown);
      const names = matching.slice(0, MAX_ROWS);
      if (document.activeElement !== search) {
        search.value = dashboard.search;
      }
      all.hidden = dashboard.selection.series.length === 0;
      setText(note, noteOf(dashboard, matching.length));
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
      none.hidden = names.length > 0;
      setText(none, noneText(dashboard));
    },
    tick: () => {
      rows.forEach((row) => {
        row.tick();
      });
    },
  };
}

/** How many series there are, if not all of them are drawn or listed. */
function noteOf({ shown, search, truncated }: Dashboard, matching: number): string {
  const total = `${truncated ? 'at least ' : ''}${formatCount(matching)}`;
  const drawn =
    matching > shown.length && search === ''
      ? [`${formatCount(shown.length)} of ${total} shown, at most ${formatCount(MAX_SHOWN)} at once`]
      : [];
  const listedOnly =
    matching > MAX_ROWS || truncated
      ? [`${formatCount(Math.min(matching, MAX_ROWS))} of ${total} listed: search for the others`]
      : [];
  return [...drawn, ...listedOnly].join('; ');
}

/** Why no series is listed. */
function noneText({ search, found, loading, selection, problem }: Dashboard): string {
  if (problem !== '') {
    return `no series to list: ${problem}`;
  }
  if (loading || (search !== '' && found === null)) {
    return 'loading…';
  }
  return search === ''
    ? `stream ${selection.stream} has no series yet`
    : `no series of stream ${selection.stream} has ${JSON.stringify(search)} in its name`;
}

function listed(dashboard: Dashboard, shown: readonly string[]): string[] {
  const wanted = dashboard.search.toLowerCase();
  const others = wanted === '' ? dashboard.known : (dashboard.found ?? []);
  // Rows that stay in place are easier to click; among very many, though, the drawn ones must not get lost.
  const known = new Set(others.length > MAX_SHOWN ? [...shown, ...others] : [...others, ...shown]);
  return [...known].filter((name) => name.toLowerCase().includes(wanted));
}

function headings({ stream }: Dashboard): Cell[] {
  const metrics = stream?.metrics ?? [];
  const statistics = STATISTICS.map(({ name }) => (name === 'count' ? 'records' : name));
  const columns = metrics.length === 1 ? ['average', ...statistics] : metrics;
  const meaning = (place: number, text: string): string =>
    metrics.length === 1 && text === 'p95'
      ? PERCENTILE_MEANING
      : place === columns.length + 1
        ? LAG_MEANING
        : '';
  return ['series', ...columns, 'lag', 'newest'].map((text, place) => ({
    text,
    title: meaning(place, text),
  }));
}

/** What a cell shows, and what more when the pointer rests on it. */
interface Cell {
  readonly text: string;
  readonly title?: string;
  /** What stands behind the text, of less weight. */
  readonly aside?: string;
  readonly asideTitle?: string;
}

/** One series of the table. Its elements stay while its texts change, so that it keeps the keyboard's focus. */
class Row {
  readonly name: string;
  readonly element = element('tr');
  readonly #dashboard: Dashboard;
  readonly #swatch = element('span', 'swatch');
  readonly #button: HTMLButtonElement;
  readonly #first = element('td');
  /** Event time of the newest reading; 0 when there is none. */
  #newest = 0;

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

  /** Brings the age up to date. */
  tick(): void {
    const age = this.element.lastElementChild;
    if (age instanceof HTMLTableCellElement && age.cellIndex > 0) {
      show(age, { text: this.#age() });
    }
  }

  #cells(isShown: boolean): Cell[] {
    const { stream } = this.#dashboard;
    const metrics = stream?.metrics ?? [];
    const newest = metrics.map((metric) =>
      isShown ? this.#dashboard.newestOf(metric, this.name) : { complete: undefined, growing: undefined },
    );
    const unit = (metric = ''): string => stream?.units[metric] ?? '';
    const values = newest.map((windows, index) => averageCell(windows, unit(metrics[index])));
    if (metrics.length === 1) {
      const text = (field: WindowField) => formatStatistic(field, newest[0]?.complete, unit(metrics[0]));
      values.push(...STATISTICS.map((field) => ({ text: text(field) })));
    }
    const events = newest.flatMap(({ complete, growing }) => [complete, growing]);
    this.#newest = Math.max(...events.map((window) => window?.last_event ?? 0));
    const lag = this.#dashboard.lag.of(this.name);
    return [...values, { text: lag === null ? '–' : formatAge(lag) }, { text: this.#age() }];
  }

  #age(): string {
    if (this.#newest === 0) {
      return '–';
    }
    // Of a span of the past, the newest reading is not the newest one that there is.
    const isPast = this.#dashboard.selection.span !== undefined;
    return isPast ? formatClock(this.#newest) : `${formatAge(this.#dashboard.now() - this.#newest)} ago`;
  }
}

/** The average of the last complete window, and behind it that of the one which still grows. */
function averageCell({ complete, growing }: NewestWindows, unit: string): Cell {
  const text = formatStatistic(AVERAGE, complete, unit);
  const behind = growing === undefined ? {} : growingAside(growing, unit);
  return complete?.partial === true
    ? { text: `◇ ${text} (partial)`, title: PARTIAL_MEANING, ...behind }
    : { text, ...behind };
}

function growingAside(growing: WindowValue, unit: string): Pick<Cell, 'aside' | 'asideTitle'> {
  const text = `${formatStatistic(AVERAGE, growing, unit)} so far`;
  return growing.partial === true
    ? { aside: ` ○ ◇ ${text} (partial)`, asideTitle: `${GROWING_MEANING}; it ${PARTIAL_MEANING}` }
    : { aside: ` ○ ${text}`, asideTitle: GROWING_MEANING };
}

/** Makes a row's cells from the one at `first` on show these texts. */
function setCells(row: Element, cell: 'th' | 'td', cells: readonly Cell[], first: number): void {
  while (row.children.length > first + cells.length) {
    row.lastElementChild?.remove();
  }
  cells.forEach((wanted, index) => {
    const target = (row.children[first + index] ?? row.appendChild(element(cell))) as HTMLElement;
    show(target, wanted);
  });
}

function show(target: HTMLElement, { text, title = '', aside = '', asideTitle = '' }: Cell): void {
  const [
    main = target.appendChild(element('span')),
    behind = target.appendChild(element('span', 'growing')),
  ] = target.children;
  setText(main, text);
  setText(behind, aside);
  (behind as HTMLElement).title = asideTitle;
  target.title = title;
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

import type { ComponentHealth, HealthAnswer } from '../../shared/api.ts';
import { getHealth } from '../client.ts';
import { element } from '../dom.ts';
import { formatAge, formatCount, formatRate } from '../format.ts';
import type { Panel } from './panel.ts';

const POLL_INTERVAL = 2000;
const NONE = '–';

/** A column of the table: what it says of a component, and what more when the pointer rests on it. */
interface Column {
  readonly name: string;
  readonly text: (health: ComponentHealth) => string;
  readonly detail?: (health: ComponentHealth) => string;
}

const COLUMNS: readonly Column[] = [
  {
    name: 'component',
    text: ({ component, stream }) => (stream === null ? component : `${component} · ${stream}`),
    detail: ({ instance }) => instance,
  },
  { name: 'state', text: stateOf, detail: ({ last_error }) => last_error ?? '' },
  { name: 'in', text: (health) => rate(health, 'records_in') },
  { name: 'out', text: (health) => rate(health, 'records_out') },
  { name: 'lag', text: ({ lag }) => optional(lag, formatCount) },
  { name: 'batch', text: ({ batch_duration_ms }) => optional(batch_duration_ms, (time) => `${time} ms`) },
  { name: 'rejected', text: ({ rejected }) => optional(rejected, formatCount) },
  {
    name: 'late',
    text: ({ late }) => optional(late, formatCount),
    detail: ({ late_by_window = {} }) => listed(late_by_window),
  },
  {
    name: 'errors',
    text: (health) => formatCount(total(errorsOf(health))),
    detail: (health) => listed(errorsOf(health)),
  },
];

/** The parts of the pipeline: what goes through them, how far they are behind, and whether they have gone silent. */
export function pipelinePanel(host: HTMLElement): Panel {
  const body = element('tbody');
  const head = element('thead', '', element('tr', '', ...COLUMNS.map(({ name }) => headCell(name))));
  host.className = 'card pipeline';
  const title = element('h2', '', 'Pipeline');
  title.id = 'pipeline-title';
  host.append(element('header', '', title), scrollable(element('table', '', head, body), title.id));
  const poll = async (): Promise<void> => {
    try {
      body.replaceChildren(...rowsOf(await getHealth()));
    } catch (error) {
      body.replaceChildren(wide(error instanceof Error ? error.message : String(error), 'warning'));
    }
    setTimeout(() => void poll(), POLL_INTERVAL);
  };
  void poll();
  return { update: () => undefined };
}

function headCell(name: string): HTMLElement {
  const cell = element('th', '', name);
  cell.scope = 'col';
  return cell;
}

/** A table that may be wider or longer than its card, and can be scrolled from the keyboard. */
function scrollable(table: HTMLElement, labelledBy: string): HTMLElement {
  const box = element('div', 'scroll', table);
  box.tabIndex = 0;
  box.setAttribute('role', 'region');
  box.setAttribute('aria-labelledby', labelledBy);
  return box;
}

function rowsOf({ components, kafka, cassandra }: HealthAnswer): HTMLElement[] {
  const problems = [kafka, cassandra]
    .filter(({ connected }) => !connected)
    .map(({ message }) => wide(message, 'warning'));
  const rows = components.map(componentRow);
  return [...problems, ...(rows.length > 0 ? rows : [wide('no component has reported yet', '')])];
}

function componentRow(health: ComponentHealth): HTMLElement {
  const cells = COLUMNS.map(({ name, text, detail }) => {
    const cell = element('td', name === 'state' ? 'state' : '', text(health));
    cell.title = detail?.(health) ?? '';
    return cell;
  });
  const row = element('tr', health.stale || health.state === 'restarting' ? 'warning' : '', ...cells);
  row.dataset.component = health.component;
  row.dataset.stale = String(health.stale);
  return row;
}

function stateOf({ stale, age, state }: ComponentHealth): string {
  if (stale) {
    return `silent for ${formatAge(age)}`;
  }
  return state ?? 'reporting';
}

/** What a silent component did last says nothing about now. */
function rate({ rates, stale }: ComponentHealth, counter: 'records_in' | 'records_out'): string {
  return rates === null || stale ? NONE : formatRate(rates[counter]);
}

function optional<Value>(value: Value | null | undefined, write: (value: Value) => string): string {
  return value === null || value === undefined ? NONE : write(value);
}

/** Refused records have a column of their own, where a component counts them apart. */
function errorsOf({ errors, rejected }: ComponentHealth): Readonly<Record<string, number>> {
  const entries = Object.entries(errors).filter(([kind]) => kind !== 'rejected' || rejected === undefined);
  return Object.fromEntries(entries);
}

function total(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}

function listed(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts)
    .map(([name, count]) => `${name}: ${count}`)
    .join(', ');
}

function wide(text: string, className: string): HTMLElement {
  const cell = element('td', '', text);
  cell.colSpan = COLUMNS.length;
  return element('tr', className, cell);
}

import type { ComponentHealth, HealthAnswer } from '../../shared/api.ts';
import { getHealth } from '../client.ts';
import { element } from '../dom.ts';
import { formatCount, formatRate } from '../format.ts';
import {
  errorCountOf,
  errorDetailOf,
  isUnwell,
  listed,
  remarksOf,
  stateOf,
  type Remark,
} from '../health-words.ts';
import type { Panel } from './panel.ts';

const POLL_INTERVAL = 2000;
const NONE = '–';

/** A column of the table: what it says of a component, and what more when the pointer rests on it. */
interface Column {
  readonly name: string;
  /** What the column is, where its name does not say. */
  readonly meaning?: string;
  readonly text: (health: ComponentHealth, now: number) => string;
  readonly detail?: (health: ComponentHealth, now: number) => string;
}

const COLUMNS: readonly Column[] = [
  {
    name: 'component',
    text: ({ component, stream }) => (stream === null ? component : `${component} · ${stream}`),
    detail: ({ instance }) => instance,
  },
  { name: 'state', text: stateOf },
  { name: 'in', meaning: 'records read', text: (health) => rate(health, 'records_in') },
  { name: 'out', meaning: 'records written', text: (health) => rate(health, 'records_out') },
  { name: 'lag', meaning: 'records still to be read', text: ({ lag }) => optional(lag, formatCount) },
  {
    name: 'batch',
    meaning: 'how long the newest micro-batch took',
    text: ({ batch_duration_ms }) => optional(batch_duration_ms, (time) => `${formatCount(time)} ms`),
  },
  {
    name: 'rejected',
    meaning: 'records that could not be read, since the start',
    text: ({ rejected }) => optional(rejected, formatCount),
  },
  {
    name: 'late',
    meaning: 'records that came too late for a window, since the start',
    text: ({ late }) => optional(late, formatCount),
    detail: ({ late_by_window }) => listed(late_by_window ?? null),
  },
  {
    name: 'deleted',
    meaning: 'offsets that Kafka had deleted before they were read',
    text: ({ deleted_offsets }) => optional(deleted_offsets, formatCount),
  },
  {
    name: 'lost',
    meaning: 'offsets of a topic that was deleted, which were never read',
    text: ({ lost_offsets }) => optional(lost_offsets, formatCount),
  },
  {
    name: 'errors',
    meaning: 'since the start',
    text: (health, now) => errorCountOf(health, now) ?? NONE,
    detail: errorDetailOf,
  },
];

/** The parts of the pipeline: what goes through them, how far they are behind, and whether they have gone silent. */
export function pipelinePanel(host: HTMLElement): Panel {
  const body = element('tbody');
  const head = element('thead', '', element('tr', '', ...COLUMNS.map(headCell)));
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

function headCell({ name, meaning = '' }: Column): HTMLElement {
  const cell = element('th', '', name);
  cell.scope = 'col';
  cell.title = meaning;
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

function rowsOf({ components, kafka, cassandra, now }: HealthAnswer): HTMLElement[] {
  const problems = [kafka, cassandra]
    .filter(({ connected }) => !connected)
    .map(({ message }) => wide(message, 'warning'));
  const rows = components.flatMap((health) => [
    componentRow(health, now),
    ...remarksOf(health, now).map((remark) => remarkRow(health, remark)),
  ]);
  return [...problems, ...(rows.length > 0 ? rows : [wide('no component has reported yet', '')])];
}

function componentRow(health: ComponentHealth, now: number): HTMLElement {
  const cells = COLUMNS.map(({ name, text, detail }) => {
    const cell = element('td', name === 'state' ? 'state' : '', text(health, now));
    cell.title = detail?.(health, now) ?? '';
    return cell;
  });
  const row = element('tr', isUnwell(health) ? 'warning' : '', ...cells);
  row.dataset.component = health.component;
  row.dataset.stale = String(health.stale);
  return row;
}

function remarkRow({ component }: ComponentHealth, { kind, text }: Remark): HTMLElement {
  const row = wide(text, kind === 'now' ? 'remark warning' : 'remark');
  row.dataset.remarkOn = component;
  row.dataset.kind = kind;
  return row;
}

function rate({ rates }: ComponentHealth, counter: 'records_in' | 'records_out'): string {
  return optional(rates?.[counter], formatRate);
}

function optional<Value>(value: Value | null | undefined, write: (value: Value) => string): string {
  return value === null || value === undefined ? NONE : write(value);
}

function wide(text: string, className: string): HTMLElement {
  const cell = element('td', '', element('span', 'wide', text));
  cell.colSpan = COLUMNS.length;
  return element('tr', className, cell);
}

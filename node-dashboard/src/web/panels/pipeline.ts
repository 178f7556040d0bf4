import type { ComponentHealth, HealthAnswer } from '../../shared/api.ts';
import { getHealth } from '../client.ts';
import { element } from '../dom.ts';
import { formatAge, formatRate } from '../format.ts';
import type { Panel } from './panel.ts';

const POLL_INTERVAL = 2000;
/** A component reports every second. */
const SILENT_AFTER = 10_000;

/** The parts of the pipeline: what goes through them, how far they are behind, and since when they are silent. */
export function pipelinePanel(host: HTMLElement): Panel {
  const body = element('tbody');
  const columns = ['component', 'in', 'out', 'errors', 'lag', 'last report'];
  const head = element('thead', '', element('tr', '', ...columns.map((name) => element('th', '', name))));
  host.className = 'card pipeline';
  host.append(
    element('header', '', element('h2', '', 'Pipeline')),
    element('div', 'scroll', element('table', '', head, body)),
  );
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

function rowsOf({ components, kafka, cassandra }: HealthAnswer): HTMLElement[] {
  const problems = [kafka, cassandra]
    .filter(({ connected }) => !connected)
    .map(({ message }) => wide(message, 'warning'));
  const rows = components.map(componentRow);
  return [...problems, ...(rows.length > 0 ? rows : [wide('no component has reported yet', '')])];
}

function componentRow(health: ComponentHealth): HTMLElement {
  const { component, stream, rates, lag, age, errors } = health;
  const name = stream === null ? component : `${component} · ${stream}`;
  const cells = [
    name,
    rates === null ? '–' : formatRate(rates.records_in),
    rates === null ? '–' : formatRate(rates.records_out),
    String(Object.values(errors).reduce((sum, count) => sum + count, 0)),
    lag === null ? '–' : String(lag),
    `${formatAge(age)} ago`,
  ];
  return element('tr', age > SILENT_AFTER ? 'warning' : '', ...cells.map((text) => element('td', '', text)));
}

function wide(text: string, className: string): HTMLElement {
  const cell = element('td', '', text);
  cell.colSpan = 6;
  return element('tr', className, cell);
}

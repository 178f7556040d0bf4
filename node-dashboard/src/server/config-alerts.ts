import { windowNamed, type WindowSpec } from '../shared/window-spec.ts';
import type { StreamConfig } from './config-streams.ts';
import { possibleMetrics } from './config-charts.ts';
import { declared, Section, toList } from './config-section.ts';
import type { AlertField, Severity } from './generated/configuration.ts';

/** When the dashboard tells people that something is not as it should be. */
export interface AlertConfig {
  readonly name: string;
  readonly stream: string;
  /** The metrics that it watches, as a pattern. */
  readonly metric: string;
  /** The series that it watches, as a pattern. */
  readonly series: string;
  readonly window: WindowSpec;
  readonly field: AlertField;
  /** It rings when the field is greater, or less; one of the two is there. */
  readonly above?: number;
  readonly below?: number;
  /** For how long that has to be so, in milliseconds. */
  readonly lasting: number;
  readonly severity: Severity;
}

/** Reads the alerts on these streams. */
export function readAlerts(value: unknown, streams: readonly StreamConfig[]): AlertConfig[] {
  const names = new Set<string>();
  return toList(value, ['alert']).map((entry, index) => {
    const alert = new Section(['alert', index], entry, {});
    const read = readAlert(alert, streams);
    if (names.has(read.name)) {
      throw alert.wrong('name', `two alerts are called '${read.name}'; give each its own name`);
    }
    names.add(read.name);
    return read;
  });
}

function readAlert(alert: Section, streams: readonly StreamConfig[]): AlertConfig {
  const stream = streams.find(({ name }) => name === alert.present('stream'));
  if (stream === undefined) {
    const known = streams.map(({ name }) => name).join(', ');
    throw alert.wrong('stream', `there is no stream '${alert.present('stream')}'; there are: ${known}`);
  }
  const series = alert.present('series');
  if (series === '') {
    throw alert.wrong('series', 'has nothing in it; write what it means, or leave it out');
  }
  const field = alert.present('field') as AlertField;
  return {
    name: alert.present('name'),
    stream: stream.name,
    metric: possibleMetrics(alert, 'metric', [alert.present('metric')], stream.metrics)[0] ?? '',
    series,
    window: readWindow(alert, stream),
    field,
    ...readThreshold(alert, field),
    lasting: alert.duration('for'),
    severity: alert.present('severity') as Severity,
  };
}

function readWindow(alert: Section, { name, windows }: StreamConfig): WindowSpec {
  const text = alert.text('window');
  const window = text === undefined ? windows[0] : windowNamed(windows, text);
  if (window === undefined && text !== undefined) {
    const known = windows.map(({ label }) => label).join(', ');
    throw alert.wrong('window', `stream '${name}' has no window '${text}'; it has: ${known}`);
  }
  return declared(window, 'a window of the stream');
}

/** Refuses what is always so, or never. */
function readThreshold(alert: Section, field: AlertField): Pick<AlertConfig, 'above' | 'below'> {
  const above = alert.number('above');
  const below = alert.number('below');
  if (above !== undefined && below !== undefined) {
    throw alert.wrong('below', "stands beside 'above': write two alerts, one for each");
  }
  if (above !== undefined) {
    if (field === 'age' && above <= 0) {
      throw alert.wrong(
        'above',
        'is always so: an age is greater than zero; write how many seconds are too many',
      );
    }
    if (field === 'count' && above < 1) {
      throw alert.wrong('above', 'is always so: a window has at least one reading; write 1 or more');
    }
    return { above };
  }
  if (below === undefined) {
    throw alert.wrong('above', "is missing, and 'below' as well: write one of them");
  }
  if (field === 'age') {
    throw alert.wrong(
      'below',
      'does not go with field = "age": what comes in is young; write \'above\' with how many seconds are too many',
    );
  }
  if (field === 'count' && below <= 1) {
    throw alert.wrong(
      'below',
      'is never so: a window has at least one reading; write more than 1, or watch the age for none at all',
    );
  }
  return { below };
}

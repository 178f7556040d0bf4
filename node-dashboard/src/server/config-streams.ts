import {
  formatDuration,
  isOfDays,
  parseLengths,
  parseWindowSpec,
  readZone,
  type WindowSpec,
} from '../shared/window-spec.ts';
import { readCharts, type ChartConfig } from './config-charts.ts';
import { PlaceError, Section, toList } from './config-section.ts';
import { checkTopics, readTopics } from './config-topics.ts';
import { messageOf } from './errors.ts';
import { LONGEST_WINDOW, MAX_METRIC_BYTES, MOST_OVERLAPPING, MOST_PANES } from './generated/configuration.ts';

/** A stream that the dashboard shows. */
export interface StreamConfig {
  readonly name: string;
  /** The topics that have its records, where they are somebody else's, or several; also patterns. */
  readonly topics: readonly string[];
  readonly title: string;
  readonly unit: string | null;
  readonly units: Readonly<Record<string, string>>;
  readonly metrics: readonly string[];
  readonly windows: readonly WindowSpec[];
  readonly lateness: number;
  readonly charts: readonly ChartConfig[];
}

const METRIC_RULE = `it is empty, has more than ${MAX_METRIC_BYTES} bytes, a '|' or a control character`;

/** Reads the streams of the file, where topics have that prefix: there is at least one. */
export function readStreams(value: unknown, topicPrefix: string): StreamConfig[] {
  const tables = toList(value, ['stream']);
  if (tables.length === 0) {
    throw new PlaceError(['stream'], 'there is none: write at least one [[stream]]');
  }
  const names = new Map<string, string>();
  const streams = tables.map((entry, index) => {
    // The environment overrides no key of a stream: there may be many.
    const section = new Section(['stream', index], entry, {});
    const stream = readStream(section);
    refuseCollidingName(section, stream.name, names);
    return [section, stream] as const;
  });
  checkTopics(topicPrefix, streams);
  return streams.map(([, stream]) => stream);
}

/** Kafka keeps its metrics under names in which '.' and '_' are one, and takes no such pair of topics. */
function refuseCollidingName(stream: Section, name: string, names: Map<string, string>): void {
  const ofMetrics = name.replaceAll('.', '_');
  const other = names.get(ofMetrics);
  if (other !== undefined) {
    throw stream.wrong(
      'name',
      other === name
        ? `two streams are called '${name}'; give each its own name`
        : `Kafka takes no topics whose names differ in '.' and '_' only, such as those of '${other}'; ` +
            'choose another name',
    );
  }
  names.set(ofMetrics, name);
}

function readStream(stream: Section): StreamConfig {
  const name = stream.present('name');
  const metrics = Object.keys(stream.textsByName('values') ?? {});
  if (metrics.length === 0) {
    throw stream.wrong('values', 'name at least one metric, such as { temperature = "temp" }');
  }
  const illegal = metrics.find((metric) => !isMetric(metric));
  if (illegal !== undefined) {
    throw stream.wrong('values', `${JSON.stringify(illegal)} is no name for a metric: ${METRIC_RULE}`);
  }
  return {
    name,
    topics: readTopics(stream),
    title: stream.text('title') ?? name,
    ...readUnits(stream, metrics),
    metrics,
    windows: readWindows(stream),
    lateness: stream.duration('lateness'),
    charts: readCharts(stream, metrics),
  };
}

/** Keys of messages join a metric with other names by '|'. */
function isMetric(name: string): boolean {
  return name !== '' && Buffer.byteLength(name) <= MAX_METRIC_BYTES && !/[|\p{Cc}]/u.test(name);
}

function readWindows(stream: Section): WindowSpec[] {
  const texts = stream.texts('windows') ?? [];
  const zone = readWindowZone(stream);
  const windows: WindowSpec[] = [];
  for (const text of texts) {
    const window = possibleWindow(stream, text, zone);
    if (windows.some(({ label }) => label === window.label)) {
      throw stream.wrong('windows', `'${text}' is there twice`);
    }
    windows.push(window);
  }
  if (windows.length === 0) {
    throw stream.wrong('windows', 'name at least one, such as "10s"');
  }
  if (zone !== undefined && !windows.some(isOfDays)) {
    throw stream.wrong(
      'window_zone',
      'has no effect: it is for windows of whole days, such as "1d"; shorter ones are the same in all zones, or ' +
        'begin as much later as is said, such as "1h@30m"',
    );
  }
  return windows;
}

function readWindowZone(stream: Section): string | undefined {
  const text = stream.text('window_zone');
  try {
    return text === undefined ? undefined : readZone(text);
  } catch (error) {
    throw stream.wrong('window_zone', messageOf(error));
  }
}

/** The bounds that `freshet-core` declares: the Spark job refuses what lies beyond them. */
function possibleWindow(stream: Section, text: string, zone: string | undefined): WindowSpec {
  const { size, slide } = placingErrors(stream, () => parseLengths(text));
  if (size > LONGEST_WINDOW || Math.floor(size / slide) > MOST_OVERLAPPING) {
    throw stream.wrong(
      'windows',
      `'${text}' is not a window: write a size such as '10s', or a size and a shorter slide such as '5m/1m', of at ` +
        `most ${formatDuration(LONGEST_WINDOW)} and with at most ${MOST_OVERLAPPING} slides in a size`,
    );
  }
  const pane = greatestCommonDivisor(size, slide);
  if (size / pane > MOST_PANES) {
    throw stream.wrong(
      'windows',
      `'${text}' is not a window to work with: size and slide are multiples of ${pane} ms only, which is less than a ` +
        `${MOST_PANES}th of the size; choose a slide of which the size is a multiple`,
    );
  }
  return placingErrors(stream, () => parseWindowSpec(text, zone));
}

function placingErrors<Read>(stream: Section, read: () => Read): Read {
  try {
    return read();
  } catch (error) {
    throw stream.wrong('windows', messageOf(error));
  }
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}

/** One unit for all metrics, or a table with the unit of each. */
function readUnits(stream: Section, metrics: readonly string[]): Pick<StreamConfig, 'unit' | 'units'> {
  const unit = stream.textsByName('unit');
  if (unit === undefined) {
    return { unit: null, units: {} };
  }
  if (typeof unit === 'string') {
    return { unit, units: Object.fromEntries(metrics.map((metric) => [metric, unit])) };
  }
  const unknown = Object.keys(unit).find((metric) => !metrics.includes(metric));
  if (unknown !== undefined) {
    throw stream.wrong('unit', `there is no metric '${unknown}'; there are: ${metrics.join(', ')}`);
  }
  return { unit: null, units: unit };
}

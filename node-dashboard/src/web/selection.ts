import type { StreamInfo } from '../shared/api.ts';
import { absentTexts, addressProblem, type Choices } from './missing.ts';
import { VIEW_CHOICES } from './view.ts';
import { windowOf } from '../shared/window-spec.ts';
import { isZone } from '../shared/zoned.ts';

/** A span of time, `[from, to)`, in milliseconds since the epoch. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/** What the page shows; kept in its address, so that it can be shared and survives a reload. */
export interface Selection {
  readonly stream: string;
  readonly window: string;
  /** How far back the charts reach, in milliseconds. */
  readonly range: number;
  /** The chosen series; none means all, up to a limit. */
  readonly series: readonly string[];
  /** What the charts show instead of the range up to now. */
  readonly span?: Span;
}

/** The ranges to choose from. */
export const RANGES: readonly { readonly label: string; readonly milliseconds: number }[] = [
  { label: '5 minutes', milliseconds: 300_000 },
  { label: '15 minutes', milliseconds: 900_000 },
  { label: '1 hour', milliseconds: 3_600_000 },
  { label: '6 hours', milliseconds: 21_600_000 },
  { label: '24 hours', milliseconds: 86_400_000 },
  { label: '7 days', milliseconds: 604_800_000 },
  { label: '30 days', milliseconds: 2_592_000_000 },
];
const DEFAULT_RANGE = 900_000;

/** The parameters of the address that say what is selected. */
export const SELECTED: readonly string[] = ['stream', 'window', 'range', 'series', 'from', 'to'];
/** Those that say how it is shown. */
const VIEW: readonly string[] = [
  ...['page', 'zone', 'token', 'draw', 'statistic', 'band', 'top', 'by', 'sort', 'hide', 'table', 'metric'],
];
/** Those of pages that name what a stream has. */
export const OF_A_STREAM: readonly string[] = [
  ...['advanced.series', 'advanced.metric', 'advanced.against', 'advanced.other', 'fleet.metric'],
];
/** The parameters of a page's own, which begin with its name; the page looks after what they say. */
const OF_PAGES: readonly string[] = [
  ...OF_A_STREAM,
  ...['advanced.before', 'fleet.search', 'fleet.group', 'fleet.sort'],
  ...['pipeline.stream', 'pipeline.reason', 'pipeline.letters'],
];
const KNOWN = new Set([...SELECTED, ...VIEW, ...OF_PAGES]);

/** What in the address selects nothing, for the user; empty when all of it counts. */
export function problemOf(query: string, streams: readonly StreamInfo[]): string {
  const parameters = new URLSearchParams(query);
  const selected = readSelection(query, streams);
  const stream = streams.find(({ name }) => name === selected?.stream);
  const choices: Choices = [
    ['stream', streams.map(({ name }) => name)],
    ['window', namesOf(stream?.windows ?? [], parameters.get('window') ?? '')],
    ['range', RANGES.map(({ milliseconds }) => String(milliseconds))],
  ];
  const unknown = new Set([...parameters.keys()].filter((name) => !KNOWN.has(name)));
  const problems = [
    ...[...unknown].map((name) => `parameter "${name}"; there are: ${SELECTED.join(', ')}`),
    ...absentTexts(parameters, choices),
    ...spanProblem(parameters),
  ];
  return addressProblem(problems);
}

/** The names of kinds of windows, and the given one if it means one of them. */
function namesOf(windows: StreamInfo['windows'], given: string): string[] {
  const labels = windows.map(({ label }) => label);
  return windowOf(windows, given) === undefined ? labels : [...labels, given];
}

/** What in the address says in vain how it is shown, for the user; empty when all of it counts. */
export function viewProblemOf(query: string): string {
  const parameters = new URLSearchParams(query);
  return addressProblem([...absentTexts(parameters, VIEW_CHOICES), ...zoneProblem(parameters)]);
}

function spanProblem(parameters: URLSearchParams): string[] {
  const given = [...parameters.entries()].filter(([name]) => name === 'from' || name === 'to');
  return given.length === 0 || readSpan(parameters) !== null
    ? []
    : [
        `${given.map(([name, value]) => `${name} "${value}"`).join(', ')}; both take milliseconds since the ` +
          'epoch, or ISO 8601 with a time zone, and from is the earlier one',
      ];
}

function zoneProblem(parameters: URLSearchParams): string[] {
  const name = parameters.get('zone') ?? '';
  return name === '' || isZone(name) ? [] : [`zone "${name}"; it takes UTC, or a name such as Europe/Berlin`];
}

function readSpan(parameters: URLSearchParams): Span | null {
  const [from = NaN, to = NaN] = ['from', 'to'].map((name) => readTime(parameters.get(name) ?? ''));
  return from < to ? { from, to } : null;
}

function readTime(text: string): number {
  if (/^\d{1,15}$/.test(text)) {
    return Number(text);
  }
  return /^\d{4}-\d\d-\d\dT.*(Z|[+-]\d\d:\d\d)$/.test(text) ? Date.parse(text) : NaN;
}

/** Reads the selection from the address; what is missing or unknown becomes the first of its kind. */
export function readSelection(query: string, streams: readonly StreamInfo[]): Selection | null {
  const parameters = new URLSearchParams(query);
  const stream = streams.find(({ name }) => name === parameters.get('stream')) ?? streams[0];
  const window = windowOf(stream?.windows ?? [], parameters.get('window') ?? '') ?? stream?.windows[0];
  if (stream === undefined || window === undefined) {
    return null;
  }
  const span = readSpan(parameters);
  const range = RANGES.find(({ milliseconds }) => milliseconds === Number(parameters.get('range')));
  return {
    stream: stream.name,
    window: window.label,
    range: range?.milliseconds ?? DEFAULT_RANGE,
    series: parameters.getAll('series'),
    ...(span !== null && { span }),
  };
}

/** Writes the selection as the query of an address. */
export function writeSelection({ stream, window, range, series, span }: Selection): string {
  const parameters = new URLSearchParams({ stream, window, range: String(range) });
  for (const name of series) {
    parameters.append('series', name);
  }
  if (span !== undefined) {
    parameters.set('from', String(span.from));
    parameters.set('to', String(span.to));
  }
  return `?${parameters.toString()}`;
}

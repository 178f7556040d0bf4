import { Type, type Static } from 'typebox';
import type { PointColumns } from './columns.ts';
import {
  HEALTH_FIELDS,
  SOURCE_FIELDS,
  STALE_AFTER,
  type HealthField,
  type HealthReport,
} from './generated/health.ts';
import {
  WINDOW_FIELDS,
  WINDOW_MEANINGS,
  type WindowField,
  type WindowFieldKind,
} from './generated/window.ts';
import {
  counts,
  flag,
  integer,
  list,
  nullable,
  number,
  oneOf,
  requiredOf,
  text,
  time,
  type Of,
} from './schema.ts';
import type { WindowValue } from './window.ts';

export type { HealthReport };

/** What every error answers with. */
export const ErrorAnswer = Type.Object({ statusCode: integer, error: text, message: text });

/** A kind of window of a stream. */
const WindowInfo = Type.Object({
  label: text,
  size: Type.Integer({ description: 'length in ms, but for what the clocks of its zone are set' }),
  slide: Type.Integer({ description: 'distance between the starts of two windows in ms, likewise' }),
  offset: Type.Optional(
    Type.Integer({
      description: 'how much later than at multiples of the slide windows begin, in ms; 0 without',
    }),
  ),
  zone: Type.Optional(Type.String({ description: 'the zone whose days windows are; UTC without' })),
});

/** What the page draws on one axis. */
const ChartInfo = Type.Object({
  title: text,
  metrics: list(text, { description: 'patterns, in which * stands for any characters' }),
  series: Type.Unsafe<readonly string[] | null>({
    type: ['array', 'null'],
    items: { type: 'string' },
    description: 'patterns; null for all series',
  }),
  unit: nullable(text, { description: 'the unit of its axis; null for that of the metrics' }),
});

/** What an alert compares, for drawing its threshold. */
const AlertInfo = Type.Object({
  name: text,
  metric: Type.String({ description: 'a pattern, in which * stands for any characters' }),
  field: oneOf(['avg', 'min', 'max', 'count', 'p50', 'p95', 'p99', 'age']),
  above: Type.Optional(number),
  below: Type.Optional(number),
  for_ms: integer,
  series: Type.String({ description: 'a pattern' }),
  window: text,
  severity: oneOf(['warning', 'critical']),
});
export type AlertInfo = Of<typeof AlertInfo>;

/** A stream as `/api/streams` tells it. */
export const StreamInfo = Type.Object({
  name: text,
  title: text,
  unit: nullable(text, { description: 'the one unit of all metrics; null where each has its own' }),
  units: Type.Record(Type.String(), Type.String(), { description: 'by metric, its unit where it has one' }),
  metrics: list(text),
  windows: list(WindowInfo),
  lateness: Type.Integer({ description: 'how long a window waits for stragglers, in ms' }),
  charts: list(ChartInfo, { description: 'which metrics and series belong together; empty when none are' }),
  alerts: list(AlertInfo),
});
export type StreamInfo = Of<typeof StreamInfo>;

/** Answer of `/api/streams`; `now` is the server's clock, by which the page tells ages. */
export const StreamsAnswer = Type.Object({ now: time, streams: list(StreamInfo) });
export type StreamsAnswer = Of<typeof StreamsAnswer>;

/** A series of a stream, as `/api/series` lists it. */
export const SeriesInfo = Type.Object({
  series: text,
  metrics: list(text),
  last_seen: nullable(time, {
    description: 'when its newest window was stored, in ms since the epoch; null when that is not known',
  }),
});
export type SeriesInfo = Of<typeof SeriesInfo>;

/** Answer of `/api/series`. */
export const SeriesAnswer = Type.Object({
  series: list(SeriesInfo),
  truncated: Type.Boolean({ description: 'whether more series match than are listed' }),
});
export type SeriesAnswer = Of<typeof SeriesAnswer>;

const JSON_TYPES: Readonly<Record<Exclude<WindowFieldKind, 'flag'>, string>> = {
  text: 'string',
  time: 'integer',
  count: 'integer',
  number: 'number',
};

/** A field of a window: one that is not known is null, and only a flag that is set is there. */
function windowField({ kind, optional }: WindowField, meaning: string): object {
  if (kind === 'flag') {
    return { const: true, description: `${meaning}; left out where it is not` };
  }
  const type = JSON_TYPES[kind];
  return { type: optional ? [type, 'null'] : type, description: meaning };
}

const windowFields = Object.entries(WINDOW_MEANINGS).flatMap(([name, meaning]) => {
  const field = WINDOW_FIELDS.find((other) => other.name === name);
  return field === undefined ? [] : [{ field, schema: windowField(field, meaning) }];
});

/** A window, by the declaration of its fields. */
const Window = Type.Unsafe<WindowValue>({
  type: 'object',
  required: windowFields.flatMap(({ field }) => (field.kind === 'flag' ? [] : [field.name])),
  properties: Object.fromEntries(windowFields.map(({ field, schema }) => [field.name, schema])),
});

/** Answer of `/api/windows`. */
export const WindowsAnswer = Type.Object({ windows: list(Window) });
export type WindowsAnswer = Of<typeof WindowsAnswer>;

/** The fields of a point. */
export const POINT_FIELDS: readonly string[] = [...Object.keys(WINDOW_MEANINGS), 'merged'];

/** Points by field. */
export const Points = Type.Unsafe<PointColumns>({
  type: 'object',
  description: 'by field, its value in each point; a field that is not known of any is left out',
  required: ['start'],
  properties: Object.fromEntries(
    POINT_FIELDS.map((field) => [field, { type: 'array', items: { type: ['number', 'boolean', 'null'] } }]),
  ),
  additionalProperties: false,
});

/** A series and metric in an answer of `/api/history`. */
export const HistoryChart = Type.Object({ series: text, metric: text, points: Points });
export type HistoryChart = Of<typeof HistoryChart>;

/** Answer of `/api/history`, of what starts in `[from, to)`. */
export const HistoryAnswer = Type.Object({
  now: time,
  from: time,
  to: time,
  window: Type.String({ description: 'the kind of window that was read' }),
  step: Type.Integer({
    description: 'distance between the starts of two points, in ms, but for what clocks are set',
  }),
  stride: Type.Integer({ description: 'distance between the starts of the windows in the points, likewise' }),
  charts: list(HistoryChart),
});
export type HistoryAnswer = Of<typeof HistoryAnswer>;

/** The schemas of declared fields, by the schema of each kind. */
function fieldsOf(
  fields: Readonly<Record<string, HealthField>>,
  kinds: Readonly<Record<HealthField['kind'], object>>,
): Record<string, object> {
  const entries = Object.entries(fields).map(([name, { kind, presence, description }]) => {
    const { type, ...more } = kinds[kind] as { readonly type: string };
    return [name, { type: presence === 'required' ? type : [type, 'null'], ...more, description }] as const;
  });
  return Object.fromEntries(entries);
}

const plainSchemas = { text, integer, counts, lines: list(text) };

/** What is known of a source; whatever else a newer producer tells of it is passed on. */
const Source = {
  type: 'object',
  properties: fieldsOf(SOURCE_FIELDS, { ...plainSchemas, sources: counts }),
  required: Object.entries(SOURCE_FIELDS)
    .filter(([, { presence }]) => presence === 'required')
    .map(([name]) => name),
  additionalProperties: true,
};

/** What components tell of themselves, as it is declared. */
const healthFields = fieldsOf(HEALTH_FIELDS, {
  ...plainSchemas,
  sources: { type: 'object', additionalProperties: Source },
});

/** Totals since a component started, as it reports them on the `health` topic. */
export type HealthCounters = Pick<HealthReport, 'records_in' | 'records_out' | 'bytes_in' | 'bytes_out'>;

const Rates = Type.Object({
  records_in: number,
  records_out: number,
  bytes_in: number,
  bytes_out: number,
  errors: nullable(number),
});

/** What the dashboard computes from the recent reports of a component. */
const Judged = Type.Object({
  age: Type.Number({ description: 'milliseconds since the report' }),
  stale: Type.Boolean({
    description: `no report for more than ${STALE_AFTER / 1000} s, and it has not said that it ends`,
  }),
  rates: nullable(Rates, {
    description: 'per second, over the last ten seconds; null when they are not known',
  }),
});

/** What only some components tell is not required of the others. */
const always = Object.entries(HEALTH_FIELDS).filter(([, { presence }]) => presence !== 'optional');

/** One component's latest report with what the dashboard computed from its recent ones; a silent one has no lag. */
export type ComponentHealth = HealthReport & Of<typeof Judged>;
export const ComponentHealth = Type.Unsafe<ComponentHealth>({
  type: 'object',
  required: [...always.map(([name]) => name), ...requiredOf(Judged)],
  properties: { ...healthFields, ...Judged.properties },
  // Whatever else a newer component tells of itself.
  additionalProperties: true,
});

/** Whether the dashboard reaches a service, and if not, why. */
export const ConnectionHealth = Type.Object({ connected: flag, message: text });
export type ConnectionHealth = Of<typeof ConnectionHealth>;

/** Answer of `/api/health`. */
export const HealthAnswer = Type.Object({
  now: time,
  components: list(ComponentHealth),
  kafka: ConnectionHealth,
  cassandra: ConnectionHealth,
});
export type HealthAnswer = Of<typeof HealthAnswer>;

/** Answer of `/ready`. */
export const ReadyAnswer = Type.Object({
  ready: flag,
  waiting_for: list(text, { description: 'the services that do not answer' }),
});
export type ReadyAnswer = Static<typeof ReadyAnswer>;

/** An alert on one series and metric, as it is now. */
const AlertState = Type.Object({
  name: text,
  stream: text,
  series: Type.String({ description: 'empty when the whole stream is missed' }),
  metric: text,
  window: text,
  field: oneOf(['avg', 'min', 'max', 'count', 'p50', 'p95', 'p99', 'age']),
  severity: oneOf(['warning', 'critical']),
  state: oneOf(['pending', 'firing', 'resolved'], {
    description: '`pending` until it has lasted for long enough; what is resolved stays for a day',
  }),
  since: time,
  value: Type.Number({ description: 'the value that was compared last' }),
  threshold: number,
  silenced_until: nullable(time, { description: 'nobody is told until then; null when people are' }),
  text: Type.String({ description: 'what it says, in words' }),
});
export type AlertState = Of<typeof AlertState>;

/** Answer of `/api/alerts`, and data of the event `alerts`. */
export const AlertsAnswer = Type.Object({
  count: Type.Integer({ description: 'how many there are; of very many, not all are listed' }),
  alerts: list(AlertState),
});
export type AlertsAnswer = Of<typeof AlertsAnswer>;

/** Something that is marked on the time axis. */
export const Annotation = Type.Object({
  id: text,
  at: time,
  until: nullable(time, { description: 'when it was over; null for a moment, and for what goes on' }),
  kind: oneOf(['note', 'restart', 'deployment', 'alert']),
  stream: nullable(text, { description: 'the stream that it is about; null for all' }),
  text,
});
export type Annotation = Of<typeof Annotation>;

/** Answer of `/api/annotations`. */
export const AnnotationsAnswer = Type.Object({ annotations: list(Annotation) });
export type AnnotationsAnswer = Of<typeof AnnotationsAnswer>;

/** A window that lies far outside of its own series' last day. */
export const Anomaly = Type.Object({
  series: text,
  metric: text,
  start: time,
  avg: number,
  score: Type.Number({ description: 'the modified z-score of its average' }),
  median: Type.Number({ description: 'of the averages of the day before' }),
  spread: Type.Number({ description: 'their spread, on the scale of a standard deviation' }),
  text: Type.String({ description: 'why it is marked, in words, with numbers as JSON writes them' }),
});
export type Anomaly = Of<typeof Anomaly>;

/** Answer of `/api/anomalies`. */
export const AnomaliesAnswer = Type.Object({
  anomalies: list(Anomaly),
  examined: Type.Integer({
    description: 'of how many series and metrics the windows were judged; 0 where that is switched off',
  }),
});
export type AnomaliesAnswer = Of<typeof AnomaliesAnswer>;

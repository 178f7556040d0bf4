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
import { counts, flag, integer, list, nullable, number, requiredOf, text, time, type Of } from './schema.ts';
import type { WindowValue } from './window.ts';

export type { HealthReport };

/** What every error answers with. */
export const ErrorAnswer = Type.Object({ statusCode: integer, error: text, message: text });

/** A kind of window of a stream. */
const WindowInfo = Type.Object({ label: text, size: integer, slide: integer });

/** A stream as `/api/streams` tells it. */
export const StreamInfo = Type.Object({
  name: text,
  title: text,
  unit: nullable(text, { description: 'the one unit of all metrics; null where each has its own' }),
  units: Type.Record(Type.String(), Type.String(), { description: 'by metric, its unit where it has one' }),
  metrics: list(text),
  windows: list(WindowInfo),
  lateness: Type.Integer({ description: 'how long a window waits for stragglers, in ms' }),
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

const pointFields = [...Object.keys(WINDOW_MEANINGS), 'merged'];

/** Points by field. */
export const Points = Type.Unsafe<PointColumns>({
  type: 'object',
  description: 'by field, its value in each point; a field that is not known of any is left out',
  required: ['start'],
  properties: Object.fromEntries(
    pointFields.map((field) => [field, { type: 'array', items: { type: ['number', 'boolean', 'null'] } }]),
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
  step: Type.Integer({ description: 'distance between the starts of two points, in ms' }),
  stride: Type.Integer({ description: 'distance between the starts of the windows in the points, in ms' }),
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

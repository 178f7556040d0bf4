import { HEALTH_FIELDS, SOURCE_FIELDS, STALE_AFTER, type HealthField } from '../shared/generated/health.ts';
import {
  WINDOW_FIELDS,
  WINDOW_MEANINGS,
  type WindowField,
  type WindowFieldKind,
} from '../shared/generated/window.ts';
import { MAX_NAMES } from '../shared/limits.ts';
import { MAX_ID_LENGTH } from './resume-ids.ts';
import { TIME_FORMAT } from './routes/time.ts';

const time = { type: 'integer', description: 'milliseconds since the epoch' } as const;
const number = { type: 'number' } as const;
const text = { type: 'string' } as const;

const name = { type: 'string', minLength: 1, maxLength: 1024 } as const;
const queryTime = (what: string) => ({ ...name, description: `${what}: ${TIME_FORMAT}` });

const object = <Properties extends object>(properties: Properties, more = {}) => ({
  type: 'object',
  required: Object.keys(properties),
  properties,
  ...more,
});

const list = (items: object) => ({ type: 'array', items });

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

const window = {
  type: 'object',
  required: windowFields.flatMap(({ field }) => (field.kind === 'flag' ? [] : [field.name])),
  properties: Object.fromEntries(windowFields.map(({ field, schema }) => [field.name, schema])),
};

const historyFields = {
  ...{ now: time, from: time, to: time },
  window: { ...text, description: 'the kind of window that was read' },
  step: { type: 'integer', description: 'distance between the starts of two points, in ms' },
  stride: { type: 'integer', description: 'distance between the starts of the windows in the points, in ms' },
} as const;

const pointFields = [...Object.keys(WINDOW_MEANINGS), 'merged'];

const historyChart = object({
  series: text,
  metric: text,
  points: {
    type: 'object',
    description: 'by field, its value in each point; a field that is not known of any is left out',
    required: ['start'],
    properties: Object.fromEntries(
      pointFields.map((field) => [field, list({ type: ['number', 'boolean', 'null'] })]),
    ),
    additionalProperties: false,
  },
});

const stream = object({
  name: text,
  title: text,
  unit: { type: ['string', 'null'], description: 'the one unit of all metrics; null where each has its own' },
  units: { type: 'object', additionalProperties: text, description: 'by metric, its unit where it has one' },
  metrics: list(text),
  windows: list(object({ label: text, size: { type: 'integer' }, slide: { type: 'integer' } })),
  lateness: { type: 'integer', description: 'how long a window waits for stragglers, in ms' },
});

const series = object({
  series: text,
  metrics: list(text),
  last_seen: { ...time, type: ['integer', 'null'] },
});

const integer = { type: 'integer' } as const;
const counts = { type: 'object', additionalProperties: integer } as const;
const plainSchemas = { text, integer, counts, lines: list(text) };

/** What is known of a source; whatever else a newer producer tells of it is passed on. */
const source = {
  type: 'object',
  properties: fieldsOf(SOURCE_FIELDS, { ...plainSchemas, sources: counts }),
  required: Object.entries(SOURCE_FIELDS)
    .filter(([, { presence }]) => presence === 'required')
    .map(([name]) => name),
  additionalProperties: true,
} as const;

/** What components tell of themselves, as it is declared. */
const healthFields = fieldsOf(HEALTH_FIELDS, {
  ...plainSchemas,
  sources: { type: 'object', additionalProperties: source },
});

/** The schemas of declared fields, by the schema of each kind. */
function fieldsOf(
  fields: Readonly<Record<string, HealthField>>,
  kinds: Readonly<Record<HealthField['kind'], { readonly type: string; readonly [more: string]: unknown }>>,
): Record<string, object> {
  const entries = Object.entries(fields).map(([name, { kind, presence, description }]) => {
    const { type, ...more } = kinds[kind];
    return [name, { type: presence === 'required' ? type : [type, 'null'], ...more, description }] as const;
  });
  return Object.fromEntries(entries);
}

const counters = { records_in: number, records_out: number, bytes_in: number, bytes_out: number };

const judged = object({
  age: { ...number, description: 'milliseconds since the report' },
  stale: {
    type: 'boolean',
    description: `no report for more than ${STALE_AFTER / 1000} s, and it has not said that it ends`,
  },
  rates: {
    ...object({ ...counters, errors: { type: ['number', 'null'] } }),
    type: ['object', 'null'],
    description: 'per second, over the last ten seconds; null when they are not known',
  },
});

/** What only some components tell is not required of the others. */
const always = Object.entries(HEALTH_FIELDS).filter(([, { presence }]) => presence !== 'optional');

const component = {
  ...judged,
  required: [...always.map(([name]) => name), ...judged.required],
  properties: { ...healthFields, ...judged.properties },
  // Whatever else a newer component tells of itself.
  additionalProperties: true,
};

const connection = object({ connected: { type: 'boolean' }, message: text });

/** What every error answers with. */
export const errorAnswer = object({ statusCode: { type: 'integer' }, error: text, message: text });

const refusals = { 400: errorAnswer, 401: errorAnswer, 421: errorAnswer };
const errors = { ...refusals, 503: errorAnswer };

const readiness = object({
  ready: { type: 'boolean' },
  waiting_for: { ...list(text), description: 'the services that do not answer' },
});

/** The schemas of every route: they check the queries, write the answers and make up `/openapi.json`. */
export const schemas = {
  healthz: {
    summary: 'Whether the dashboard itself runs, whatever Kafka and Cassandra do',
    response: { 200: object({ status: { const: 'ok' } }), 400: errorAnswer, 421: errorAnswer },
    security: [],
  },
  ready: {
    summary: 'Whether the dashboard reaches Kafka and Cassandra',
    response: { 200: readiness, 400: errorAnswer, 421: errorAnswer, 503: readiness },
    security: [],
  },
  streams: {
    summary: 'The streams with their metrics and windows',
    response: { 200: object({ now: time, streams: list(stream) }), ...refusals },
  },
  series: {
    summary: 'The series of a stream',
    querystring: {
      type: 'object',
      required: ['stream'],
      properties: {
        stream: name,
        q: {
          type: 'string',
          maxLength: 1024,
          default: '',
          description: 'part of the series name, in any case',
        },
      },
    },
    response: { 200: object({ series: list(series), truncated: { type: 'boolean' } }), ...errors },
  },
  windows: {
    summary: 'The stored windows that start in [from, to), ascending by start',
    querystring: {
      type: 'object',
      required: ['stream', 'series', 'metric', 'window'],
      properties: {
        stream: name,
        series: name,
        metric: name,
        window: { ...name, description: 'one of the windows of the stream, such as 10s or 5m/1m' },
        from: queryTime('an hour before `to` by default'),
        to: queryTime('now by default'),
      },
    },
    response: { 200: object({ windows: list(window) }), ...errors },
  },
  history: {
    summary: 'The history of several series and metrics, with not too many points',
    description:
      'What starts in [from, to), ascending by start, for each of the series and metrics. With `points` there are at ' +
      'most about so many for each: of the kind of window that is asked for if those are few enough, else of a ' +
      'coarser tumbling kind that the stream has, else merged from windows that do not overlap (of sliding windows ' +
      'some are left out instead, as long as the others hold all readings). There are more points only of sliding ' +
      'windows whose size is no multiple of their slide, which cannot be merged, if the stream has no coarser ' +
      'tumbling kind. `window`, `stride` and `step` say which. ' +
      'A point says in `merged` of how many windows it is; the percentiles of merged ones are not known. The newest ' +
      'points are windows as they are, whatever the step, since they still change.',
    querystring: {
      type: 'object',
      required: ['stream', 'series', 'metric', 'window'],
      properties: {
        stream: name,
        series: { type: 'array', items: name, maxItems: MAX_NAMES, description: 'repeat it for several' },
        metric: { type: 'array', items: name, maxItems: MAX_NAMES, description: 'repeat it for several' },
        window: { ...name, description: 'the finest window to take, such as 10s or 5m/1m' },
        from: queryTime('an hour before `to` by default'),
        to: queryTime('now by default'),
        points: {
          ...{ type: 'integer', minimum: 1, maximum: 100_000 },
          description: 'how many points to show the span with; every window as it is without it',
        },
        digits: {
          ...{ type: 'integer', minimum: 3, maximum: 17 },
          description: 'how many significant digits broken numbers are rounded to; none are without it',
        },
      },
    },
    response: { 200: object({ ...historyFields, charts: list(historyChart) }), ...errors },
  },
  live: {
    summary: 'The windows of a stream as they grow, as Server-Sent Events',
    description:
      'Events: `window` (a message of the windows topic, JSON: a window, with the stream, series, metric and window ' +
      'that it is of; its id resumes after it), `reset` (windows were missed that cannot be sent again: load the ' +
      'history anew), `status` (whether new windows can come). A fresh ' +
      'client is first sent the newest version of every window that the server remembers. A client that comes ' +
      'back with the header Last-Event-ID, or the parameter last_event_id, is sent what it missed; an id that is ' +
      'none of this stream is refused in the parameter, and a fresh start with `reset` in the header, since ' +
      'browsers send that by themselves.',
    querystring: {
      type: 'object',
      required: ['stream'],
      properties: {
        stream: name,
        series: {
          type: 'array',
          items: name,
          maxItems: 1000,
          description: 'repeat it for several; all by default',
        },
        window: {
          type: 'array',
          items: name,
          maxItems: MAX_NAMES,
          description: 'only this kind of window; repeat it for several; all by default',
        },
        last_event_id: {
          ...name,
          maxLength: MAX_ID_LENGTH,
          description: 'the id of the last event that came',
        },
      },
    },
    response: {
      200: { description: 'the events', content: { 'text/event-stream': { schema: text } } },
      ...errors,
      429: errorAnswer,
    },
  },
  health: {
    summary: 'The parts of the pipeline: their latest reports, rates and lag',
    response: {
      200: object({ now: time, components: list(component), kafka: connection, cassandra: connection }),
      ...refusals,
    },
  },
  metrics: {
    summary: 'What the dashboard counts, for Prometheus',
    response: {
      200: { description: "Prometheus' text format", content: { 'text/plain': { schema: text } } },
      ...refusals,
    },
  },
} as const;

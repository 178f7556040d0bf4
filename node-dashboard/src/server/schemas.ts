const time = { type: 'integer', description: 'milliseconds since the epoch' } as const;
const number = { type: 'number' } as const;
const text = { type: 'string' } as const;

const queryTime = { type: 'integer', minimum: 0, maximum: 8_640_000_000_000_000 } as const;
const name = { type: 'string', minLength: 1, maxLength: 1024 } as const;

const object = <Properties extends object>(properties: Properties, more = {}) => ({
  type: 'object',
  required: Object.keys(properties),
  properties,
  ...more,
});

const list = (items: object) => ({ type: 'array', items });

const window = object({
  start: time,
  end: time,
  count: { type: 'integer' },
  ...{ sum: number, avg: number, min: number, max: number, stddev: number },
  ...{ p50: number, p95: number, p99: number },
  last_event: { ...time, description: 'event time of the newest record in the window, in ms' },
  generation: { type: 'integer' },
  revision: { type: 'integer', description: 'orders the versions of a window within a generation' },
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

const series = object({ series: text, metrics: list(text), last_seen: time });

const counters = { records_in: number, records_out: number, bytes_in: number, bytes_out: number };
const nullable = (type: string) => ({ type: [type, 'null'] });

const componentFields = object(
  {
    component: text,
    instance: text,
    stream: nullable('string'),
    since: time,
    time,
    ...counters,
    errors: { type: 'object', additionalProperties: number },
    lag: nullable('number'),
    age: { ...number, description: 'milliseconds since the report' },
    stale: { type: 'boolean', description: 'no report for more than 5 s' },
    rates: {
      ...object({ ...counters, errors: number }),
      type: ['object', 'null'],
      description: 'per second, over the last ten seconds',
    },
  },
  // Whatever else a component tells of itself, such as Spark's watermark.
  { additionalProperties: true },
);

/** What only some components tell is not required of the others. */
const component = {
  ...componentFields,
  properties: {
    ...componentFields.properties,
    rejected: { ...number, description: 'spark-job: records that were refused' },
    late: {
      ...number,
      description: 'spark-job: records that came too late: the largest number of late_by_window',
    },
    late_by_window: {
      type: 'object',
      additionalProperties: number,
      description: 'spark-job: by window, records that came too late for it',
    },
    batch_duration_ms: { ...nullable('number'), description: 'spark-job: of the newest micro-batch' },
    state: {
      enum: ['starting', 'running', 'restarting'],
      description:
        'spark-job: restarting when the query of the stream has failed and waits to be started again',
    },
    restarts: { ...number, description: 'spark-job: how often the query has failed and was started again' },
    last_error: { ...nullable('string'), description: 'spark-job: why the query failed last' },
    skipped_offsets: {
      ...number,
      description:
        'spark-job: offsets without a record: what Kafka had deleted before it was read, and the gaps that ' +
        'transactions and compaction leave',
    },
  },
};

const connection = object({ connected: { type: 'boolean' }, message: text });

/** What every error answers with. */
export const errorAnswer = object({ statusCode: { type: 'integer' }, error: text, message: text });

const errors = { 400: errorAnswer, 401: errorAnswer, 503: errorAnswer };

/** The schemas of every route: they check the queries, write the answers and make up `/openapi.json`. */
export const schemas = {
  healthz: {
    summary: 'Whether the dashboard itself runs, whatever Kafka and Cassandra do',
    response: { 200: object({ status: { const: 'ok' } }) },
    security: [],
  },
  streams: {
    summary: 'The streams with their metrics and windows',
    response: { 200: object({ now: time, streams: list(stream) }), 401: errorAnswer },
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
        from: { ...queryTime, description: 'in ms since the epoch; an hour before `to` by default' },
        to: { ...queryTime, description: 'in ms since the epoch; now by default' },
      },
    },
    response: { 200: object({ windows: list(window) }), ...errors },
  },
  live: {
    summary: 'The windows of a stream as they grow, as Server-Sent Events',
    description:
      'Events: `window` (a message of the windows topic, JSON; its id resumes after it), `reset` (windows were ' +
      'missed that cannot be sent again: load the history anew), `status` (whether new windows can come). A fresh ' +
      'client is first sent the newest version of every window that the server remembers. A client that comes ' +
      'back with the header Last-Event-ID, or the parameter last_event_id, is sent what it missed.',
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
        last_event_id: { type: 'string', maxLength: 100_000 },
      },
    },
    response: {
      200: { description: 'the events', content: { 'text/event-stream': { schema: text } } },
      ...errors,
    },
  },
  health: {
    summary: 'The parts of the pipeline: their latest reports, rates and lag',
    response: {
      200: object({ now: time, components: list(component), kafka: connection, cassandra: connection }),
      401: errorAnswer,
    },
  },
} as const;

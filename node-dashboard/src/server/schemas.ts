import { Type } from 'typebox';
import {
  AlertsAnswer,
  Annotation,
  AnnotationsAnswer,
  AnomaliesAnswer,
  ErrorAnswer,
  HealthAnswer,
  HistoryAnswer,
  POINT_FIELDS,
  ReadyAnswer,
  SeriesAnswer,
  StreamsAnswer,
  WindowsAnswer,
} from '../shared/api.ts';
import { LatestAnswer, PAST_WINDOWS } from '../shared/latest-api.ts';
import { DeadLettersAnswer, PipelineAnswer } from '../shared/pipeline-api.ts';
import { oneOf } from '../shared/schema.ts';
import { MAX_NAMES } from '../shared/limits.ts';
import { MAX_LETTERS } from './dead-letters.ts';
import { MAX_ID_LENGTH } from './resume-ids.ts';
import { TIME_FORMAT } from './routes/time.ts';

const name = (description?: string) =>
  Type.String({ minLength: 1, maxLength: 1024, ...(description !== undefined && { description }) });
const names = (maxItems: number, description: string) => Type.Array(name(), { maxItems, description });
const queryTime = (what: string) => Type.Optional(name(`${what}: ${TIME_FORMAT}`));
const span = { from: queryTime('an hour before `to` by default'), to: queryTime('now by default') };

const refusals = { 400: ErrorAnswer, 401: ErrorAnswer, 421: ErrorAnswer };
const errors = { ...refusals, 503: ErrorAnswer };
const changeErrors = { ...errors, 403: ErrorAnswer, 413: ErrorAnswer, 415: ErrorAnswer, 429: ErrorAnswer };
const bodyTime = (what: string) =>
  Type.Optional(Type.Union([Type.Integer(), Type.String()], { description: `${what}: ${TIME_FORMAT}` }));
const strict = { additionalProperties: false };
const silenced = {
  alert: name('the name of an alert'),
  stream: Type.Optional(name()),
  series: Type.Optional(
    Type.String({
      maxLength: 1024,
      description: 'only of this series; of all by default, and when it is empty',
    }),
  ),
};

/** What is no JSON, by its media type. */
const plain = (description: string, type: string) => ({
  description,
  content: { [type]: { schema: { type: 'string' } } },
});

/** The schemas of every route: they check the queries, write the answers and make up `/openapi.json`. */
export const schemas = {
  healthz: {
    summary: 'Whether the dashboard itself runs, whatever Kafka and Cassandra do',
    response: { 200: Type.Object({ status: Type.Literal('ok') }), 400: ErrorAnswer, 421: ErrorAnswer },
    security: [],
  },
  ready: {
    summary: 'Whether the dashboard reaches Kafka and Cassandra',
    response: { 200: ReadyAnswer, 400: ErrorAnswer, 421: ErrorAnswer, 503: ReadyAnswer },
    security: [],
  },
  streams: {
    summary: 'The streams with their metrics and windows',
    response: { 200: StreamsAnswer, ...refusals },
  },
  series: {
    summary: 'The series of a stream',
    querystring: Type.Object({
      stream: name(),
      q: Type.String({ maxLength: 1024, default: '', description: 'part of the series name, in any case' }),
    }),
    response: { 200: SeriesAnswer, ...errors },
  },
  windows: {
    summary: 'The stored windows that start in [from, to), ascending by start',
    querystring: Type.Object({
      stream: name(),
      series: name(),
      metric: name(),
      window: name('one of the windows of the stream, such as 10s or 5m/1m'),
      ...span,
    }),
    response: { 200: WindowsAnswer, ...errors },
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
    querystring: Type.Object({
      stream: name(),
      series: names(MAX_NAMES, 'repeat it for several'),
      metric: names(MAX_NAMES, 'repeat it for several'),
      window: name('the finest window to take, such as 10s or 5m/1m'),
      ...span,
      points: Type.Optional(
        Type.Integer({
          minimum: 1,
          maximum: 100_000,
          description: 'how many points to show the span with; every window as it is without it',
        }),
      ),
      digits: Type.Optional(
        Type.Integer({
          minimum: 3,
          maximum: 17,
          description: 'how many significant digits broken numbers are rounded to; none are without it',
        }),
      ),
      fields: Type.Optional(
        Type.Array(oneOf(POINT_FIELDS), {
          maxItems: POINT_FIELDS.length,
          description:
            'only this field of the points, beside their start; repeat it for several; all by default',
        }),
      ),
      deltas: Type.Optional(
        Type.Boolean({
          description:
            'with `true`, each time of a column but the first is its difference from the one before',
        }),
      ),
      derived: Type.Optional(
        Type.Boolean({
          description:
            'with `false`, what follows from other fields is left out: the sum, which is the average times the count',
        }),
      ),
    }),
    response: { 200: HistoryAnswer, ...errors },
  },
  live: {
    summary: 'The windows of a stream as they grow, as Server-Sent Events',
    description:
      'Events: `alerts` (what /api/alerts answers, when something about it has changed), `window` (a message ' +
      'of the windows topic, JSON: a window, with the stream, series, metric and window that it is of; ' +
      'its id resumes after it), `reset` (windows were missed that cannot be sent again: load the ' +
      'history anew), `status` (whether new windows can come). A fresh ' +
      'client is first sent the newest version of every window that the server remembers. A client that comes ' +
      'back with the header Last-Event-ID, or the parameter last_event_id, is sent what it missed; an id that is ' +
      'none of this stream is refused in the parameter, and a fresh start with `reset` in the header, since ' +
      'browsers send that by themselves.',
    querystring: Type.Object({
      stream: name(),
      series: Type.Optional(names(1000, 'repeat it for several; all by default')),
      window: Type.Optional(
        names(MAX_NAMES, 'only this kind of window; repeat it for several; all by default'),
      ),
      last_event_id: Type.Optional(
        Type.String({
          minLength: 1,
          maxLength: MAX_ID_LENGTH,
          description: 'the id of the last event that came',
        }),
      ),
    }),
    response: { 200: plain('the events', 'text/event-stream'), ...errors, 429: ErrorAnswer },
  },
  health: {
    summary: 'The parts of the pipeline: their latest reports, rates and lag',
    response: { 200: HealthAnswer, ...refusals },
  },
  latest: {
    summary: 'The newest complete window of each series of a stream',
    description:
      'Of the windows that have come in since the dashboard was started; stored series of which none has are listed ' +
      'without one. A window is complete when an event of the stream has reached its end. Of windows that overlap ' +
      'more than twelvefold some are left out.',
    querystring: Type.Object({
      stream: name(),
      metric: name(),
      window: name('one of the windows of the stream, such as 10s or 5m/1m'),
      search: Type.String({
        maxLength: 1024,
        default: '',
        description: 'part of the series name, in any case',
      }),
      group: Type.Optional(
        Type.Integer({
          minimum: 1,
          maximum: 20,
          description: 'group by this part of the series name, from 1 on; parts are separated by /',
        }),
      ),
      past: Type.Integer({
        minimum: 0,
        maximum: PAST_WINDOWS,
        default: 0,
        description: 'the averages of how many windows of the past to give as well',
      }),
    }),
    response: { 200: LatestAnswer, ...errors },
  },
  deadLetters: {
    summary: 'The newest dead letters: rejected records, with the reason',
    querystring: Type.Object({
      stream: Type.Optional(name('only letters of this stream; of all, and of none, by default')),
      reason: Type.Optional(name('only letters with this reason code; all by default')),
      limit: Type.Integer({
        minimum: 1,
        maximum: MAX_LETTERS,
        default: 100,
        description: 'how many at most',
      }),
    }),
    response: { 200: DeadLettersAnswer, ...refusals },
  },
  pipeline: {
    summary: 'What the parts of the pipeline did in the last half hour',
    response: { 200: PipelineAnswer, ...refusals },
  },
  alerts: {
    summary: 'The alerts that are pending, firing, or were resolved in the last day',
    response: { 200: AlertsAnswer, ...refusals },
  },
  silence: {
    summary: 'Tells nobody of an alert for a while; it goes on being shown',
    body: Type.Object(
      {
        ...silenced,
        minutes: Type.Number({ exclusiveMinimum: 0, maximum: 43_200, description: 'for how long' }),
      },
      strict,
    ),
    response: {
      200: Type.Object({
        alert: Type.String(),
        stream: Type.String(),
        series: Type.String(),
        until: Type.Integer({ description: 'milliseconds since the epoch' }),
      }),
      ...changeErrors,
    },
  },
  unsilence: {
    summary: 'Tells people of an alert again',
    querystring: Type.Object(silenced),
    response: { 204: Type.Null({ description: 'they are told again' }), ...changeErrors },
  },
  annotations: {
    summary: 'What is marked on the time axis in [from, to), ascending by time',
    querystring: Type.Object({
      ...span,
      stream: Type.Optional(name('only what is about this stream, or about all')),
    }),
    response: { 200: AnnotationsAnswer, ...errors },
  },
  annotate: {
    summary: 'Marks something on the time axis',
    body: Type.Object(
      {
        at: bodyTime('when it was, or began; now by default'),
        until: bodyTime('when it was over'),
        stream: Type.Optional(name('the stream that it is about; all by default')),
        text: Type.String({ minLength: 1, maxLength: 500, pattern: '\\S', description: 'what it was' }),
      },
      strict,
    ),
    response: { 201: Annotation, ...changeErrors },
  },
  anomalies: {
    summary: "The windows that start in [from, to) and lie far outside of their own series' last day",
    description:
      'A window is judged by the modified z-score of its average (Iglewicz and Hoaglin 1993) among those of the day ' +
      'before the hour in which it starts; docs/dashboard.md has the constants.',
    querystring: Type.Object({
      stream: name(),
      window: name('one of the windows of the stream, such as 10s or 5m/1m'),
      series: Type.Optional(names(MAX_NAMES, 'repeat it for several; all by default')),
      metric: Type.Optional(names(MAX_NAMES, 'repeat it for several; all by default')),
      ...span,
    }),
    response: { 200: AnomaliesAnswer, ...errors },
  },
  badge: {
    summary: 'The state of a stream, or the newest value of a series, as a picture',
    querystring: Type.Object({
      stream: name(),
      series: Type.Optional(name('with `metric`: the newest complete window of this series')),
      metric: Type.Optional(name()),
    }),
    response: { 200: plain('the picture', 'image/svg+xml'), ...refusals, 403: ErrorAnswer, 429: ErrorAnswer },
  },
  metrics: {
    summary: 'What the dashboard counts, for Prometheus',
    response: { 200: plain("Prometheus' text format", 'text/plain'), ...refusals },
  },
} as const;

import type { HealthAnswer, HistoryAnswer, SeriesAnswer, StreamsAnswer } from '../shared/api.ts';
import { fromColumns, PAGE_COLUMNS, withoutDeltas } from '../shared/columns.ts';
import type { LatestAnswer } from '../shared/latest-api.ts';
import type { PointValue } from '../shared/merge.ts';
import type { DeadLettersAnswer, PipelineAnswer } from '../shared/pipeline-api.ts';
import { token } from './token.ts';

/** After so many milliseconds a server does not answer: it may be stopped, and still be connected. */
const ANSWER_TIMEOUT = 30_000;
const HEALTH_TIMEOUT = 5000;

/** The server answered that it cannot, or did not answer at all. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  /** The HTTP status; 0 when there was no answer. */
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** The streams and the server's clock. */
export function getStreams(): Promise<StreamsAnswer> {
  return get('api/streams', []);
}

/** The series of a stream. */
export function getSeries(stream: string, q: string): Promise<SeriesAnswer> {
  return get('api/series', [
    ['stream', stream],
    ['q', q],
  ]);
}

/** The history of some series and metrics. */
export interface History extends Pick<HistoryAnswer, 'window' | 'step' | 'stride'> {
  readonly charts: readonly {
    readonly series: string;
    readonly metric: string;
    readonly points: readonly PointValue[];
  }[];
}

/** The history of every one of these series and metrics. */
export async function getHistory(query: {
  readonly stream: string;
  readonly series: readonly string[];
  readonly metrics: readonly string[];
  readonly window: string;
  readonly from: number;
  readonly to: number;
  readonly points: number;
  /** Only these fields of a point, and its start; all of them when it is left out. */
  readonly fields?: readonly string[];
}): Promise<History> {
  const { stream, series, metrics, window, from, to, points, fields = [] } = query;
  const answer = await get<HistoryAnswer>('api/history', [
    ...Object.entries({ stream, window, from, to, points, ...PAGE_COLUMNS }).map(
      ([name, value]) => [name, String(value)] as const,
    ),
    ...series.map((name) => ['series', name] as const),
    ...metrics.map((name) => ['metric', name] as const),
    ...fields.map((name) => ['fields', name] as const),
  ]);
  const charts = answer.charts.map((chart) => ({
    ...chart,
    points: fromColumns(withoutDeltas(chart.points)),
  }));
  return { ...answer, charts };
}

/** The parts of the pipeline. */
export function getHealth(): Promise<HealthAnswer> {
  return get('api/health', [], HEALTH_TIMEOUT);
}

/** What the parts of the pipeline did in the last half hour. */
export function getPipeline(): Promise<PipelineAnswer> {
  return get('api/pipeline', [], HEALTH_TIMEOUT);
}

/** The newest dead letters; an empty stream or reason stands for all. */
export function getDeadLetters(query: {
  readonly stream: string;
  readonly reason: string;
  readonly limit: number;
}): Promise<DeadLettersAnswer> {
  const given = Object.entries(query).map(([name, value]) => [name, String(value)] as const);
  return get(
    'api/dead-letters',
    given.filter(([, value]) => value !== ''),
    HEALTH_TIMEOUT,
  );
}

/** The newest complete window of each series whose name contains the search. */
export function getLatest(query: {
  readonly stream: string;
  readonly metric: string;
  readonly window: string;
  readonly search: string;
  readonly group: number | null;
  readonly past: number;
}): Promise<LatestAnswer> {
  const given = Object.entries(query).flatMap(([name, value]) =>
    value === null ? [] : [[name, String(value)] as const],
  );
  return get('api/latest', given);
}

/** Asks the server for something. */
export function ask<Answer>(
  path: string,
  query: Readonly<Record<string, string | readonly string[]>>,
): Promise<Answer> {
  const pairs = Object.entries(query).flatMap(([name, value]) =>
    [value].flat().map((one) => [name, one] as const),
  );
  return get(path, pairs);
}

/** Tells the server something, as JSON. */
export async function send(method: 'POST' | 'DELETE', path: string, body?: object): Promise<void> {
  await answerOf(path, {
    method,
    ...(body !== undefined && {
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    }),
    signal: AbortSignal.timeout(ANSWER_TIMEOUT),
  });
}

async function get<Answer>(
  path: string,
  query: readonly (readonly [string, string])[],
  timeout = ANSWER_TIMEOUT,
): Promise<Answer> {
  const address = `${path}?${new URLSearchParams(query.map(([name, value]) => [name, value])).toString()}`;
  return (await answerOf(address, { signal: AbortSignal.timeout(timeout) })) as Answer;
}

async function answerOf(address: string, request: RequestInit): Promise<unknown> {
  const headers = new Headers(request.headers);
  if (token !== '') {
    headers.set('authorization', `Bearer ${token}`);
  }
  let response: Response;
  try {
    response = await fetch(address, { ...request, headers });
  } catch {
    throw new ApiError(0, 'the dashboard server does not answer');
  }
  const body = (await response.json().catch(() => ({}))) as { message?: string };
  if (!response.ok) {
    throw new ApiError(response.status, body.message ?? `the server answered ${response.status}`);
  }
  return body;
}

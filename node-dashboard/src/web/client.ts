import type { HealthAnswer, SeriesAnswer, StreamsAnswer, WindowsAnswer } from '../shared/api.ts';

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
  return get('api/streams', {});
}

/** The series of a stream. */
export function getSeries(stream: string, q: string): Promise<SeriesAnswer> {
  return get('api/series', { stream, q });
}

/** The stored windows of one series since a time. */
export function getWindows(query: {
  readonly stream: string;
  readonly series: string;
  readonly metric: string;
  readonly window: string;
  readonly from: string;
}): Promise<WindowsAnswer> {
  return get('api/windows', query);
}

/** The parts of the pipeline. */
export function getHealth(): Promise<HealthAnswer> {
  return get('api/health', {}, HEALTH_TIMEOUT);
}

async function get<Answer>(
  path: string,
  query: Readonly<Record<string, string>>,
  timeout = ANSWER_TIMEOUT,
): Promise<Answer> {
  let response: Response;
  try {
    const address = `${path}?${new URLSearchParams(query).toString()}`;
    response = await fetch(address, { signal: AbortSignal.timeout(timeout) });
  } catch {
    throw new ApiError(0, 'the dashboard server does not answer');
  }
  const body = (await response.json().catch(() => ({}))) as { message?: string };
  if (!response.ok) {
    throw new ApiError(response.status, body.message ?? `the server answered ${response.status}`);
  }
  return body as Answer;
}

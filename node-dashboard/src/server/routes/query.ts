import { windowOf, windowsIn, type WindowSpec } from '../../shared/window-spec.ts';
import type { Config, StreamConfig } from '../config.ts';
import { BadRequestError } from '../errors.ts';
import { parseTime } from './time.ts';

/** Most windows that one request may span; the answer is held in memory. */
export const MAX_WINDOWS = 50_000;
/** How far back a request reaches that does not say from when. */
export const DEFAULT_SPAN = 3_600_000;

/** The configured stream of that name. */
export function findStream(config: Config, name: string): StreamConfig {
  const stream = config.streams.find((candidate) => candidate.name === name);
  if (stream === undefined) {
    throw new BadRequestError(
      `there is no stream "${name}"; there are: ${listed(config.streams.map((s) => s.name))}`,
    );
  }
  return stream;
}

/** The metric, if the stream has it. */
export function findMetric(stream: StreamConfig, metric: string): string {
  if (!stream.metrics.includes(metric)) {
    throw new BadRequestError(
      `stream "${stream.name}" has no metric "${metric}"; it has: ${listed(stream.metrics)}`,
    );
  }
  return metric;
}

/** The window of that label, with or without its zone, if the stream has it. */
export function findWindow(stream: StreamConfig, label: string): WindowSpec {
  const window = windowOf(stream.windows, label);
  if (window === undefined) {
    const labels = listed(stream.windows.map((candidate) => candidate.label));
    throw new BadRequestError(`stream "${stream.name}" has no window "${label}"; it has: ${labels}`);
  }
  return window;
}

/** The time span `[from, to)` of a request, with defaults and within limits. */
export function spanOf(
  window: WindowSpec,
  query: { readonly from?: string; readonly to?: string },
  now: number,
): { from: number; to: number } {
  const { from, to } = timesOf(query, now);
  const windows = windowsIn(window, from, to);
  if (windows > MAX_WINDOWS) {
    throw new BadRequestError(
      `[from, to) spans ${windows} windows of ${window.label}, more than the ${MAX_WINDOWS} a request may span: ` +
        'ask for a shorter time or a longer window',
    );
  }
  return { from, to };
}

/** The time span `[from, to)` of a request, with defaults. */
export function timesOf(
  query: { readonly from?: string; readonly to?: string },
  now: number,
): { from: number; to: number } {
  const to = query.to === undefined ? now : parseTime('to', query.to);
  const from = query.from === undefined ? Math.max(0, to - DEFAULT_SPAN) : parseTime('from', query.from);
  if (from >= to) {
    throw new BadRequestError(`from (${from}) must be before to (${to})`);
  }
  return { from, to };
}

function listed(names: readonly string[]): string {
  return names.join(', ');
}

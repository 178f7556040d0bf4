import type { ComponentHealth } from '../shared/api.ts';
import type { Connection, SourceHealth } from '../shared/generated/health.ts';
import { formatAge, formatCount } from './format.ts';
import type { Remark } from './health-words.ts';

/** In these a source gives nothing. */
const UNWELL: readonly string[] = ['reconnecting', 'failed'] satisfies Connection[];

/** A line for each source of the producer: its state, and every kind of loss as a number. */
export function sourceRemarks({ sources, stale }: ComponentHealth, now: number): Remark[] {
  return Object.entries(sources ?? {}).map(([name, source]) => {
    const isLossy = source.dropped > 0 || source.gaps > 0;
    const isUnwell = stale || isLossy || UNWELL.includes(source.connection);
    return { kind: isUnwell ? 'now' : 'note', text: `source ${name}: ${words(source, stale, now)}` };
  });
}

function words(source: SourceHealth, stale: boolean, now: number): string {
  const { connection, connection_since, rejected, dropped, gaps, last_error, last_error_time } = source;
  const state = stale
    ? `last known to be ${connection}`
    : `${connection} for ${formatAge(now - connection_since)}`;
  const losses = `${formatCount(rejected)} rejected, ${formatCount(dropped)} dropped, ${formatCount(gaps)} gaps`;
  const when = typeof last_error_time === 'number' ? `${formatAge(now - last_error_time)} ago` : 'earlier';
  const error = typeof last_error === 'string' ? [`error ${when}: ${last_error}`] : [];
  return [state, losses, ...error].join('; ');
}

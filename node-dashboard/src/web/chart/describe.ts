import { PARTIAL_MEANING } from '../../shared/window.ts';
import { formatCount } from '../format.ts';
import { formatDrawn } from '../statistics.ts';
import { STATISTICS } from '../view.ts';
import type { LineValue } from './data.ts';
import type { Scene } from './scene.ts';

/** More newest values than this make a description that nobody listens to. */
const MAX_DESCRIBED = 5;

/** What a chart shows, in words, for those who cannot see it. */
export function describe(
  { spec, statistic }: Scene,
  values: readonly LineValue[],
  window: string,
  partial: number,
): string {
  const newest = values.flatMap(({ line, value }) =>
    value === null ? [] : [`${line.label} ${formatDrawn(value, statistic, spec.unit)}`],
  );
  const more = newest.length > MAX_DESCRIBED ? ` and ${formatCount(newest.length - MAX_DESCRIBED)} more` : '';
  const listed = `${newest.slice(0, MAX_DESCRIBED).join(', ')}${more}`;
  const marked = partial > 0 ? `; ${partialText(partial)}` : '';
  const what = `${spec.title}, ${STATISTICS[statistic]} per ${window}`;
  return `${what}, last complete windows: ${listed || 'none yet'}${marked}`;
}

/** What is said of partial windows. */
export function partialText(count: number): string {
  return count === 1
    ? `1 window is partial: it ${PARTIAL_MEANING}`
    : `${formatCount(count)} windows are partial: each ${PARTIAL_MEANING}`;
}

import type { Dashboard } from '../dashboard.ts';
import { formatAge, formatCount } from '../format.ts';
import { RANGES } from '../selection.ts';

/** So many series are named that have what those on the page lack. */
const MAX_NAMED = 3;

/** Why a chart has nothing to draw. */
export function emptyText(dashboard: Dashboard, metric: string): string {
  if (dashboard.problem !== '') {
    return `no windows to show: ${dashboard.problem}`;
  }
  if (dashboard.loading) {
    return 'loading…';
  }
  return lackingText(dashboard, metric) ?? missingText(dashboard, metric);
}

/** What is said when none of the series on the page has the metric; null when one has, or may have. */
function lackingText(dashboard: Dashboard, metric: string): string | null {
  const infos = dashboard.shown.map((name) => dashboard.infoOf(name));
  if (infos.length === 0 || infos.some((info) => info === undefined || info.metrics.includes(metric))) {
    return null;
  }
  const [only] = infos;
  const subject =
    infos.length === 1 && only !== undefined
      ? `${only.series} has no ${metric}, it has ${only.metrics.join(', ')}`
      : `none of the series shown has ${metric}`;
  const others = dashboard.seriesWith(metric);
  const more = others.length > MAX_NAMED ? ` and ${formatCount(others.length - MAX_NAMED)} more` : '';
  return others.length === 0
    ? `${subject}; nothing has come in for it yet`
    : `${subject}; ${metric} is there for ${others.slice(0, MAX_NAMED).join(', ')}${more}`;
}

/** What is said when a series of the page has the metric, and no window within the range. */
function missingText(dashboard: Dashboard, metric: string): string {
  const { range, span } = dashboard.selection;
  const label = RANGES.find(({ milliseconds }) => milliseconds === range)?.label ?? 'range';
  const seen = dashboard.shown.map((name) => dashboard.infoOf(name)?.last_seen ?? 0);
  const newest = Math.max(0, ...seen);
  const hint =
    newest === 0
      ? 'nothing has come in yet'
      : `the newest window of what is shown was stored ${formatAge(dashboard.now() - newest)} ago`;
  const when = span === undefined ? `the last ${label}` : 'this span of time';
  return `no windows of ${dashboard.resolution.window.label} of ${metric} in ${when}: ${hint}`;
}

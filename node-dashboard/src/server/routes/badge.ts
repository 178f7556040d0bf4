import type { FastifyRequest } from 'fastify';
import { badge, COLOURS, formatNumber } from '../badge.ts';
import { BadRequestError, ForbiddenError } from '../errors.ts';
import type { StreamConfig } from '../config.ts';
import type { LatestWindows } from '../latest-windows.ts';
import type { Pipeline } from '../pipeline.ts';
import { limitedTo, MAX_BADGES } from '../plugins/rate-limit.ts';
import { schemas } from '../schemas.ts';
import type { TypedApp } from '../typed-app.ts';
import { findMetric, findStream } from './query.ts';

/** Beyond a stream's lateness and its shortest window, its newest event may be this old, in milliseconds. */
const GRACE = 30_000;

interface Shown {
  readonly value: string;
  readonly colour: string;
}

/** `GET /badge` */
export function badgeRoute(app: TypedApp, { config, latest, alerts }: Pipeline): void {
  const { embedOrigins } = config.dashboard;
  const isForAll = embedOrigins.length > 0;
  const options = {
    schema: schemas.badge,
    config: limitedTo(MAX_BADGES),
    ...(isForAll && { helmet: { crossOriginResourcePolicy: { policy: 'cross-origin' as const } } }),
  };
  app.get('/badge', options, async (request, reply) => {
    refuseOtherPages(request, embedOrigins);
    const { query } = request;
    const stream = findStream(config, query.stream);
    if ((query.series === undefined) !== (query.metric === undefined)) {
      throw new BadRequestError('the parameters "series" and "metric" go together: give both, or neither');
    }
    const now = Date.now();
    const newest = latest.get(stream.name);
    const firing = alerts
      .answer(now)
      .alerts.filter((alert) => alert.stream === stream.name && alert.state === 'firing').length;
    const shown =
      query.series === undefined || query.metric === undefined
        ? stateOf(stream, newest, firing, now)
        : valueOf(stream, newest, query.series, findMetric(stream, query.metric), now);
    return reply
      .type('image/svg+xml; charset=utf-8')
      .header('Cache-Control', 'no-store')
      .send(badge(query.series ?? stream.title, shown.value, shown.colour));
  });
}

/** A browser says which page shows the picture; one that is not listed may not. */
function refuseOtherPages({ headers }: FastifyRequest, origins: readonly string[]): void {
  const site = headers['sec-fetch-site'];
  if (site === undefined || ['same-origin', 'none'].includes(site)) {
    return;
  }
  const page = URL.canParse(headers.referer ?? '') ? new URL(headers.referer ?? '').origin : undefined;
  if (page === undefined || !origins.includes(page)) {
    throw new ForbiddenError(
      `${page ?? 'a page that does not say where it is'} may not show badges: add its origin to ` +
        'dashboard.embed_origins, and let it send its origin as the referrer',
    );
  }
}

function stateOf(
  stream: StreamConfig,
  latest: LatestWindows | undefined,
  firing: number,
  now: number,
): Shown {
  const lastEvent = latest?.newestEvent ?? null;
  if (lastEvent === null) {
    return { value: 'nothing known', colour: COLOURS.unknown };
  }
  const late = lateBy(stream, lastEvent, now);
  if (late !== null) {
    return { value: `${ageInWords(now - lastEvent)} late`, colour: COLOURS.bad };
  }
  return firing > 0
    ? { value: firing === 1 ? '1 alert' : `${firing} alerts`, colour: COLOURS.bad }
    : { value: 'live', colour: COLOURS.good };
}

function valueOf(
  stream: StreamConfig,
  latest: LatestWindows | undefined,
  series: string,
  metric: string,
  now: number,
): Shown {
  const window = latest?.shortestComplete(series, metric);
  if (window === undefined) {
    return { value: 'nothing known', colour: COLOURS.unknown };
  }
  const unit = stream.units[metric];
  const value = `${formatNumber(window.avg)}${unit === undefined ? '' : ` ${unit}`}`;
  const late = lateBy(stream, window.last_event, now);
  return late === null
    ? { value, colour: COLOURS.good }
    : { value: `${value}, ${ageInWords(now - window.last_event)} ago`, colour: COLOURS.bad };
}

/** How much later than it may be the newest event is; null when it is not. */
function lateBy({ windows, lateness }: StreamConfig, lastEvent: number, now: number): number | null {
  const shortest = windows.reduce((least, { slide }) => Math.min(least, slide), Infinity);
  const late = now - lastEvent - lateness - shortest - GRACE;
  return late > 0 ? late : null;
}

function ageInWords(milliseconds: number): string {
  const seconds = Math.round(milliseconds / 1000);
  if (seconds < 120) {
    return `${seconds} s`;
  }
  const minutes = Math.round(seconds / 60);
  return minutes < 120 ? `${minutes} min` : `${Math.round(minutes / 60)} h`;
}

import { medianOf } from '../../shared/numbers.ts';
import type { StreamInfo } from '../../shared/api.ts';
import type { PointValue } from '../../shared/merge.ts';
import type { LatestAnswer } from '../../shared/latest-api.ts';
import { endAfter } from '../../shared/alignment.ts';
import type { WindowSpec } from '../../shared/window-spec.ts';
import { getHistory, getLatest, getSeries } from '../client.ts';
import { formatCount } from '../format.ts';
import { historyRequests } from '../history-requests.ts';
import { liveliest } from '../series-order.ts';

/** What a tile looks back on, in milliseconds, and in how many points. */
const SPAN = 900_000;
const POINTS = 90;
/** A tile is about so many series at most. */
const MAX_SERIES = 20;
/** Of more series than this, asking for the newest windows of all is more than asking for the lines of a tile again. */
const FEW_SERIES = 100;
/** So many of the newest windows are asked for when a tile goes on. */
const NEWEST = 6;
/** The lines of very many series are asked for anew after this many milliseconds. */
const ANEW_AFTER = 30_000;
/** Never late before this long: what is stored is some seconds behind, and is asked for every few seconds. */
const LEAST = 40_000;
/** So many windows may be missing before a stream counts as late. */
const PATIENCE = 4;

/** What a tile needs of a point. */
export type TilePoint = Pick<PointValue, 'start' | 'end' | 'avg'>;
const FIELDS = ['end', 'avg', 'last_event'];

/** The points of a series and metric. */
export interface TileLine {
  readonly series: string;
  readonly metric: string;
  readonly points: readonly TilePoint[];
}

/** What a tile shows of a stream. */
export interface TileData {
  readonly lines: readonly TileLine[];
  readonly span: { readonly from: number; readonly to: number };
  /** The distance between two points, in milliseconds. */
  readonly step: number;
  /** Event time of the newest event; 0 when none is known. */
  readonly newest: number;
  /** After so many milliseconds without a newer event the stream is late. */
  readonly patience: number;
  /** How many series there are, if not all of them are in the lines; a lower limit where there are more. */
  readonly series: number;
  readonly problem: string;
}

/**
 * What a tile shows, at this time by the server's clock: the stored windows at first, and from then on the newest ones,
 * which the server has at hand.
 */
export async function loadTile(
  stream: StreamInfo,
  now: number,
  before: TileData | undefined,
): Promise<TileData> {
  const since = now - (before?.span.to ?? -Infinity);
  const isKnown = before?.problem === '' && before.lines.length > 0;
  const [window] = stream.windows;
  const isFollowed =
    isKnown &&
    before.series <= FEW_SERIES &&
    before.step === window?.slide &&
    since < (NEWEST - 2) * before.step;
  if (isFollowed) {
    return (await follow(stream, window, now, before)) ?? loadWhole(stream, now);
  }
  return isKnown && before.series > FEW_SERIES && since < ANEW_AFTER ? before : loadWhole(stream, now);
}

/** The tile with the windows that are complete since; null when there are other series than it has lines for. */
async function follow(
  stream: StreamInfo,
  window: WindowSpec,
  now: number,
  before: TileData,
): Promise<TileData | null> {
  const metrics = [...new Set(before.lines.map(({ metric }) => metric))];
  const ask = { stream: stream.name, window: window.label, search: '', group: null, past: NEWEST };
  const answers = await Promise.all(stream.metrics.map((metric) => getLatest({ ...ask, metric })));
  const byMetric = new Map(stream.metrics.map((metric, index) => [metric, answers[index]]));
  const names = new Set(answers.flatMap(({ series }) => series));
  const isOther =
    names.size !== before.series ||
    answers.some(({ series }, index) => series.length > 0 && !metrics.includes(stream.metrics[index] ?? ''));
  if (isOther) {
    return null;
  }
  const span = { from: now - SPAN, to: now };
  const lines = before.lines.map((line): TileLine => {
    const answer = byMetric.get(line.metric);
    return { ...line, points: joined(line.points, pastOf(answer, line.series, window), span.from) };
  });
  const newest = Math.max(before.newest, ...answers.map(({ newest_event: event }) => event ?? 0));
  return { ...before, lines, span, newest };
}

/** The newest complete windows of a series in an answer. */
function pastOf(answer: LatestAnswer | undefined, series: string, window: WindowSpec): TilePoint[] {
  const row = answer?.past.avg[answer.series.indexOf(series)] ?? [];
  return (answer?.past.starts ?? []).flatMap((start, index) => {
    const avg = row[index] ?? null;
    return avg === null ? [] : [{ start, end: endAfter(window, start, window.size), avg }];
  });
}

/** The points from a time on; of two that start at the same time the one that has come in later. */
function joined(before: readonly TilePoint[], since: readonly TilePoint[], from: number): TilePoint[] {
  const byStart = new Map([...before, ...since].map((point) => [point.start, point]));
  return [...byStart.values()].filter(({ end }) => end >= from).sort((a, b) => a.start - b.start);
}

async function loadWhole(stream: StreamInfo, now: number): Promise<TileData> {
  const { series } = await getSeries(stream.name, '');
  const names = liveliest(series).slice(0, MAX_SERIES);
  const [window] = stream.windows;
  const metricsOf = new Map(series.map((info) => [info.series, info.metrics]));
  const has = (name: string, metric: string): boolean => metricsOf.get(name)?.includes(metric) === true;
  const [from, to] = [now - SPAN, now];
  const each = Math.ceil(SPAN / (window?.slide ?? SPAN));
  const requests = historyRequests(stream.metrics, names, has, each).filter((one) => one.series.length > 0);
  const ask = { stream: stream.name, window: window?.label ?? '', from, to, points: POINTS, fields: FIELDS };
  const answers = await Promise.all(requests.map((request) => getHistory({ ...ask, ...request })));
  const read = answers.flatMap(({ charts }) => charts);
  const newest = Math.max(...read.flatMap(({ points }) => points.map((point) => point.last_event)), ...[0]);
  const step = answers[0]?.step ?? window?.slide ?? SPAN;
  return {
    ...{ lines: read, span: { from, to }, step, newest, series: series.length, problem: '' },
    patience: Math.max(LEAST, PATIENCE * step),
  };
}

/** A tile of a stream of which nothing could be asked. */
export function failedTile(before: TileData | undefined, problem: string): TileData {
  const nothing = { lines: [], span: { from: 0, to: 1 }, step: 1, newest: 0, patience: LEAST, series: 0 };
  return { ...(before ?? nothing), problem };
}

/** A number of a tile: of one series, or of all of a metric. */
export interface Figure {
  readonly label: string;
  readonly metric: string;
  readonly value: number | null;
  /** From the least to the greatest, where it is of several series. */
  readonly range: readonly [least: number, greatest: number] | null;
  /** The value at each start, in milliseconds. */
  readonly spark: ReadonlyMap<number, number>;
}

/** More numbers than this are no overview. */
const MAX_FIGURES = 8;

/** The numbers of a tile: one for each line, or if these are too many, the middle one of each metric. */
export function figuresOf({ lines, newest }: Pick<TileData, 'lines' | 'newest'>): Figure[] {
  const filled = lines.filter(({ points }) => points.length > 0);
  if (filled.length <= MAX_FIGURES) {
    const isOneMetric = new Set(filled.map(({ metric }) => metric)).size === 1;
    return filled.map(({ series, metric, points }) => ({
      ...{ label: isOneMetric ? series : `${series} ${metric}`, metric, range: null },
      value: newestComplete(points, newest)?.avg ?? null,
      spark: new Map(points.map((point) => [point.start, point.avg])),
    }));
  }
  const metrics = [...new Set(filled.map(({ metric }) => metric))].slice(0, MAX_FIGURES);
  return metrics.map((metric) =>
    middle(
      metric,
      filled.filter((line) => line.metric === metric),
      newest,
    ),
  );
}

function middle(metric: string, lines: readonly TileLine[], newest: number): Figure {
  const values = lines.flatMap(({ points }) => newestComplete(points, newest)?.avg ?? []);
  const byStart = new Map<number, number[]>();
  for (const point of lines.flatMap(({ points }) => points)) {
    byStart.set(point.start, [...(byStart.get(point.start) ?? []), point.avg]);
  }
  return {
    label:
      lines.length === 1
        ? `${lines[0]?.series ?? ''} ${metric}`
        : `${metric}, median of ${formatCount(lines.length)} series`,
    metric,
    value: values.length === 0 ? null : medianOf(values),
    range: values.length > 1 ? [Math.min(...values), Math.max(...values)] : null,
    spark: new Map([...byStart].map(([start, all]) => [start, medianOf(all)])),
  };
}

function newestComplete(points: readonly TilePoint[], newest: number): TilePoint | undefined {
  return points.findLast(({ end }) => end <= newest) ?? points.at(-1);
}

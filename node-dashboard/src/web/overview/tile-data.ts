import { medianOf } from '../../shared/numbers.ts';
import type { StreamInfo } from '../../shared/api.ts';
import { fromColumns } from '../../shared/columns.ts';
import type { PointValue } from '../../shared/merge.ts';
import { getHistory, getSeries } from '../client.ts';
import { historyRequests } from '../history-requests.ts';
import { liveliest } from '../series-order.ts';

/** What a tile looks back on, in milliseconds, and in how many points. */
const SPAN = 900_000;
const POINTS = 60;
/** A tile is about so many series at most. */
const MAX_SERIES = 20;
/** Never late before this long: what is stored is some seconds behind, and is asked for every few seconds. */
const LEAST = 40_000;
/** So many windows may be missing before a stream counts as late. */
const PATIENCE = 4;

/** The points of a series and metric. */
export interface TileLine {
  readonly series: string;
  readonly metric: string;
  readonly points: readonly PointValue[];
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

/** Asks for what a tile shows, at this time by the server's clock. */
export async function loadTile(stream: StreamInfo, now: number): Promise<TileData> {
  const { series } = await getSeries(stream.name, '');
  const names = liveliest(series).slice(0, MAX_SERIES);
  const [window] = stream.windows;
  const metricsOf = new Map(series.map((info) => [info.series, info.metrics]));
  const has = (name: string, metric: string): boolean => metricsOf.get(name)?.includes(metric) === true;
  const [from, to] = [now - SPAN, now];
  const each = Math.ceil(SPAN / (window?.slide ?? SPAN));
  const requests = historyRequests(stream.metrics, names, has, each).filter((one) => one.series.length > 0);
  const answers = await Promise.all(
    requests.map((request) =>
      getHistory({ stream: stream.name, window: window?.label ?? '', from, to, points: POINTS, ...request }),
    ),
  );
  const lines = answers.flatMap(({ charts }) =>
    charts.map(({ series: name, metric, points }) => ({ series: name, metric, points: fromColumns(points) })),
  );
  const newest = Math.max(...lines.flatMap(({ points }) => points.map((point) => point.last_event)), ...[0]);
  const step = answers[0]?.step ?? window?.slide ?? SPAN;
  return {
    ...{ lines, span: { from, to }, step, newest, series: series.length, problem: '' },
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
        : `${metric}, median of ${lines.length} series`,
    metric,
    value: values.length === 0 ? null : medianOf(values),
    range: values.length > 1 ? [Math.min(...values), Math.max(...values)] : null,
    spark: new Map([...byStart].map(([start, all]) => [start, medianOf(all)])),
  };
}

function newestComplete(points: readonly PointValue[], newest: number): PointValue | undefined {
  return points.findLast(({ end }) => end <= newest) ?? points.at(-1);
}

import { setImmediate } from 'node:timers/promises';
import type { HistoryAnswer, HistoryChart } from '../../shared/api.ts';
import { toColumns } from '../../shared/columns.ts';
import { mergeBySteps, type PointValue } from '../../shared/merge.ts';
import { isOnStride, placeOf, stepAt, stepOfStart, type Alignment } from '../../shared/alignment.ts';
import { resolutionFor, type Resolution } from '../../shared/resolution.ts';
import { longestOf, windowsIn, type WindowSpec } from '../../shared/window-spec.ts';
import type { WindowValue } from '../../shared/window.ts';
import type { WindowsQuery } from '../cassandra-history.ts';
import { BadRequestError } from '../errors.ts';
import type { Pipeline } from '../pipeline.ts';
import { schemas } from '../schemas.ts';
import { Turns } from '../turns.ts';
import type { TypedApp } from '../typed-app.ts';
import { findMetric, findStream, findWindow, timesOf } from './query.ts';
import { MAX_CHARTS, MAX_READ } from '../../shared/limits.ts';

/** How many charts are read at once for all clients: what a chart is made from is held in memory. */
const CHARTS_AT_ONCE = 6;
/** Two of the largest requests: one alone has to fit, or it would be told in vain to come again. */
const CHARTS_WAITING = 2 * MAX_CHARTS;
/** Beyond a stream's lateness, windows may be this much later in Cassandra, in milliseconds. */
const SETTLING = 60_000;
/** How many windows are merged before others get their turn. */
const MERGED_AT_ONCE = 10_000;

/** `GET /api/history` */
export function historyRoute(app: TypedApp, { config, history }: Pipeline): void {
  const turns = new Turns(CHARTS_AT_ONCE, CHARTS_WAITING);
  // A serializer that checks every number against its type would take longer than Cassandra.
  const options = { schema: schemas.history, serializerCompiler: () => JSON.stringify };
  app.get('/api/history', options, async ({ query, raw }) => {
    const stream = findStream(config, query.stream);
    const metrics = unique(query.metric).map((metric) => findMetric(stream, metric));
    const now = Date.now();
    const span = timesOf(query, now);
    const resolution = resolutionOf(stream.windows, findWindow(stream, query.window), span, query.points);
    const { window, step } = resolution;
    const charts = unique(query.series).flatMap((series) => metrics.map((metric) => ({ series, metric })));
    checkWeight(window, span, charts.length);
    const settled = now - stream.lateness - SETTLING - longestOf(window);
    const failed = new AbortController();
    const read = async (chart: { series: string; metric: string }): Promise<HistoryChart> => {
      // Nobody waits any more for what a client has asked for that has left, or that gets an error instead.
      const isInVain = raw.socket.destroyed || failed.signal.aborted;
      const wanted: WindowsQuery = { stream: stream.name, window, ...span, ...chart };
      const windows = isInVain ? [] : await abortingOnError(failed, () => history.windows(wanted));
      return { ...chart, points: toColumns(await pointsOf(windows, resolution, settled), query) };
    };
    const answer: HistoryAnswer = {
      ...{ now, ...span, window: window.label, step, stride: resolution.stride },
      charts: await abortingOnError(failed, () =>
        Promise.all(charts.map((chart) => turns.take(() => read(chart)))),
      ),
    };
    return answer;
  });
}

async function abortingOnError<Result>(
  failed: AbortController,
  work: () => Promise<Result>,
): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    failed.abort();
    throw error;
  }
}

/** What is not settled stays as it is, so that whoever listens as well can go on merging. */
async function pointsOf(
  windows: readonly WindowValue[],
  { window, stride, step }: Resolution,
  settled: number,
): Promise<readonly PointValue[]> {
  const used = windows.filter(({ start }) => isOnStride(window, start, stride));
  if (step === stride) {
    return used;
  }
  const boundary = stepAt(window, placeOf(window, settled), step);
  return [
    ...(await mergedInTurns(
      used.filter(({ start }) => start < boundary),
      step,
      window,
    )),
    ...used.filter(({ start }) => start >= boundary),
  ];
}

/** Merges windows, ascending by start, a part at a time: who listens does not wait for all of a large chart. */
async function mergedInTurns(
  windows: readonly WindowValue[],
  step: number,
  alignment: Alignment,
): Promise<PointValue[]> {
  const points: PointValue[] = [];
  for (let begin = 0; begin < windows.length;) {
    const end = stepEnd(windows, begin + MERGED_AT_ONCE, step, alignment);
    points.push(...mergeBySteps(windows.slice(begin, end), step, alignment));
    begin = end;
    await setImmediate();
  }
  return points;
}

/** The first index from `index` on at which another step begins: what is merged to one point stays together. */
function stepEnd(windows: readonly WindowValue[], index: number, step: number, alignment: Alignment): number {
  const stepOf = (at: number): number => stepOfStart(alignment, windows[at]?.start ?? 0, step);
  let end = Math.min(index, windows.length);
  while (end < windows.length && stepOf(end) === stepOf(end - 1)) {
    end += 1;
  }
  return end;
}

function resolutionOf(
  windows: readonly WindowSpec[],
  wanted: WindowSpec,
  { from, to }: { from: number; to: number },
  points: number | undefined,
): Resolution {
  return points === undefined
    ? { window: wanted, stride: wanted.slide, step: wanted.slide }
    : resolutionFor(windows, wanted, to - from, points);
}

function checkWeight(window: WindowSpec, { from, to }: { from: number; to: number }, charts: number): void {
  if (charts > MAX_CHARTS) {
    throw new BadRequestError(
      `${charts} charts are more than the ${MAX_CHARTS} that a request may ask for: ask for fewer series and metrics`,
    );
  }
  const windows = windowsIn(window, from, to);
  if (windows * charts > MAX_READ) {
    const what = charts === 1 ? '1 chart' : `${charts} charts`;
    throw new BadRequestError(
      `${what} of ${windows} windows of ${window.label} are more than the ${MAX_READ} windows that a request may ` +
        'read: ask for fewer series and metrics, a shorter time, or a longer window',
    );
  }
}

function unique(names: readonly string[]): string[] {
  return [...new Set(names)];
}

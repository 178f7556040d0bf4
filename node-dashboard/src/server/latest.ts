import { MAX_LATEST, partOf, type LatestAnswer, type SeriesGroup } from '../shared/latest-api.ts';
import { toColumns } from '../shared/columns.ts';
import { mergeWindows, type PointValue } from '../shared/merge.ts';
import type { WindowSpec } from '../shared/window-spec.ts';
import type { WindowValue } from '../shared/window.ts';
import type { LatestWindows, Line } from './latest-windows.ts';
import type { StoredSeries } from './series-list.ts';

/** No number on the page has more digits than this. */
const DIGITS = 7;

/** What is asked for. */
export interface LatestQuestion {
  readonly metric: string;
  readonly window: WindowSpec;
  /** Part of the series' names, in any case. */
  readonly search: string;
  /** By which part of their names they are grouped, from 1 on; null for not at all. */
  readonly group: number | null;
  /** How many windows of the past are wanted. */
  readonly past: number;
}

interface Row {
  readonly series: string;
  readonly lastSeen: number | null;
  readonly line: Line | undefined;
  readonly window: WindowValue | undefined;
}

/** The newest complete window of each series: of those that come in, and of those that are stored. */
export function latestAnswer(
  question: LatestQuestion,
  latest: LatestWindows,
  stored: StoredSeries,
): Omit<LatestAnswer, 'now'> {
  const { metric, window, search, group, past } = question;
  const kind = { metric, window: window.label };
  const names = knownSeries(latest.lines(kind), stored, metric);
  const wanted = search.toLowerCase();
  const matching = [...names.keys()].filter((name) => name.toLowerCase().includes(wanted)).sort();
  const rows = matching.map((series): Row => {
    const line = latest.lines(kind).get(series);
    const value = line === undefined ? undefined : latest.complete(line);
    return { series, lastSeen: names.get(series) ?? null, line, window: value };
  });
  const listed = rows.slice(0, MAX_LATEST);
  const starts = latest.starts(kind, window.size, past);
  return {
    newest_event: latest.newestEvent,
    total: names.size,
    matched: matching.length,
    problem: problemOf(stored, latest),
    series: listed.map(({ series }) => series),
    last_seen: listed.map(({ lastSeen }) => lastSeen),
    points: toColumns(
      listed.map(({ window: value }) => (value ?? {}) as PointValue),
      { digits: DIGITS },
    ),
    lag: listed.map(({ line }) => line?.lag ?? null),
    groups: group === null ? [] : groupsOf(rows, group),
    past: {
      starts,
      avg: past === 0 ? [] : listed.map(({ line }) => averagesOf(latest, line, kind, starts)),
    },
  };
}

function averagesOf(
  latest: LatestWindows,
  line: Line | undefined,
  kind: { readonly metric: string; readonly window: string },
  starts: readonly number[],
): (number | null)[] {
  const averages = line === undefined ? starts.map(() => null) : latest.averages(line, kind, starts);
  return averages.map((value) => (value === null ? null : Number(value.toPrecision(4))));
}

/** The series that have the metric, and when each was last stored. */
function knownSeries(
  lines: ReadonlyMap<string, Line>,
  { series }: StoredSeries,
  metric: string,
): Map<string, number | null> {
  const names = new Map<string, number | null>();
  for (const { series: name, metrics, last_seen: lastSeen } of series) {
    if (metrics.includes(metric)) {
      names.set(name, lastSeen);
    }
  }
  for (const name of lines.keys()) {
    names.set(name, names.get(name) ?? null);
  }
  return names;
}

function problemOf({ problem }: StoredSeries, { forgotten }: LatestWindows): string {
  const full =
    forgotten > 0
      ? 'there are more series than the dashboard remembers: the newest values of some are left out'
      : '';
  return [problem, full].filter((text) => text !== '').join('; ');
}

function groupsOf(rows: readonly Row[], part: number): SeriesGroup[] {
  const groups = new Map<string, Row[]>();
  for (const row of rows) {
    const name = partOf(row.series, part);
    const others = groups.get(name);
    if (others === undefined) {
      groups.set(name, [row]);
    } else {
      others.push(row);
    }
  }
  return [...groups]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, members]) => ({ name, series: members.length, ...together(members) }));
}

/** What the members of a group have in the newest window that one of them has: windows of other times do not mix. */
function together(members: readonly Row[]): Omit<SeriesGroup, 'name' | 'series'> {
  const windows = members.flatMap(({ window }) => window ?? []);
  const start = windows.reduce((newest, window) => Math.max(newest, window.start), -Infinity);
  const same = windows.filter((window) => window.start === start);
  const merged = mergeWindows(same, start, same[0]?.end ?? start);
  return {
    reporting: same.length,
    start: merged === null ? null : start,
    count: merged?.count ?? null,
    avg: merged?.avg ?? null,
    min: merged?.min ?? null,
    max: merged?.max ?? null,
  };
}

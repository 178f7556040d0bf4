import type uPlot from 'uplot';
import type { PointValue } from '../../shared/merge.ts';
import type { Columns, Row } from '../table.ts';
import type { Rank, Statistic, View } from '../view.ts';
import type { Line } from './specs.ts';

/** Beside the values of a line, those between which a band is drawn. */
const PER_BAND = 2;

/** The value of a point that a chart draws; null where it is not known. */
export function valueOf(point: PointValue | undefined, statistic: Statistic): number | null {
  return point?.[statistic] ?? null;
}

/** Whether the chart draws bands: from least to greatest value, around averages only. */
export function hasBands({ band, statistic }: View, lines: number): boolean {
  return statistic === 'avg' && lines > 0 && (band === 'all' || (band === 'one' && lines === 1));
}

/** The rows that uPlot draws: the starts, a row per line, and if there are bands two more per line. */
export function alignedData(
  { starts, rows }: Columns,
  lines: readonly Line[],
  { statistic }: View,
  bands: boolean,
): uPlot.AlignedData {
  const pick = (key: string, field: Statistic): (number | null)[] => pickedOf(rows.get(key) ?? [], field);
  const edges = bands ? lines.flatMap(({ key }) => [pick(key, 'max'), pick(key, 'min')]) : [];
  return [starts as number[], ...lines.map(({ key }) => pick(key, statistic)), ...edges];
}

/** What was picked of rows, which do not change. */
const picked = new WeakMap<Row, Partial<Record<Statistic, (number | null)[]>>>();

function pickedOf(row: Row, field: Statistic): (number | null)[] {
  const known = picked.get(row) ?? {};
  picked.set(row, known);
  return (known[field] ??= row.map((point) => valueOf(point, field)));
}

/** What can be said of all points of a row. */
export interface RowFacts {
  readonly first: PointValue | undefined;
  readonly count: number;
  /** How many of them are known to hold only a part of their readings. */
  readonly partial: number;
  /** Event time of the newest reading; 0 when there is none. */
  readonly newest: number;
}

const facts = new WeakMap<Row, RowFacts>();

/** What can be said of all points of a row; found out once for each row. */
export function factsOf(row: Row): RowFacts {
  const known = facts.get(row);
  if (known !== undefined) {
    return known;
  }
  let [count, partial, newest] = [0, 0, 0];
  for (const point of row) {
    count += Number(point !== undefined);
    partial += Number(point?.partial === true);
    newest = Math.max(newest, point?.last_event ?? 0);
  }
  const found = { first: row.find((point) => point !== undefined), count, partial, newest };
  facts.set(row, found);
  return found;
}

/** The row with the greatest values of a line; the one with the least follows it. */
export function bandRow(lines: number, line: number): number {
  return 1 + lines + (line - 1) * PER_BAND;
}

/** What a legend says of a line: its newest complete point, or the one under the cursor, and how far it has come. */
export interface LineValue {
  readonly line: Line;
  readonly point: PointValue | undefined;
  readonly value: number | null;
  /** Event time of its newest reading; 0 when there is none. */
  readonly newest: number;
  /** From the first point that is shown to this one; null where there are no two. */
  readonly change: number | null;
}

/** What a legend says of each line: at an index, or, where there is none, of the newest complete windows. */
export function lineValues(
  { rows }: Columns,
  lines: readonly Line[],
  statistic: Statistic,
  index: number | null,
  newestEvent: number,
): LineValue[] {
  return lines.map((line) => {
    const row = rows.get(line.key) ?? [];
    const point =
      index === null
        ? (row.findLast((one) => one !== undefined && one.end <= newestEvent) ??
          row.findLast((one) => one !== undefined))
        : row[index];
    const value = valueOf(point, statistic);
    const { first, newest } = factsOf(row);
    const from = valueOf(first, statistic);
    const isOne = first === point;
    return {
      line,
      point,
      value,
      newest,
      change: value === null || from === null || isOne ? null : value - from,
    };
  });
}

/** The keys of the lines that stand out: the first ones by their value, or by how much they have changed. */
export function leading(values: readonly LineValue[], top: number, by: Rank): ReadonlySet<string> {
  const rank = ({ value, change }: LineValue): number =>
    by === 'value' ? (value ?? -Infinity) : Math.abs(change ?? -1);
  const first = [...values].sort((a, b) => rank(b) - rank(a)).slice(0, top === 0 ? values.length : top);
  return new Set(first.map(({ line }) => line.key));
}

/** The lines in the order in which a legend lists them. */
export function ordered(values: readonly LineValue[], sort: View['sort']): LineValue[] {
  const by = (of: (value: LineValue) => number): LineValue[] => [...values].sort((a, b) => of(b) - of(a));
  switch (sort) {
    case 'value':
      return by(({ value }) => value ?? -Infinity);
    case 'change':
      return by(({ change }) => Math.abs(change ?? -1));
    case 'name':
      return [...values];
  }
}

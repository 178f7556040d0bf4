import type { Choices } from './missing.ts';

/** What of a window a chart can draw, and what it is called. */
export const STATISTICS = {
  avg: 'average',
  min: 'min',
  max: 'max',
  stddev: 'stddev',
  p50: 'p50',
  p95: 'p95',
  p99: 'p99',
  count: 'records',
} as const;
export type Statistic = keyof typeof STATISTICS;

/** Where the least and the greatest value are drawn around the average. */
export const BANDS = { one: 'of one', all: 'of all', none: 'of none' } as const;
export type Band = keyof typeof BANDS;

/** By what lines are ranked: their newest value, or how far it is from the first one that is shown. */
export const RANKS = { value: 'value', change: 'change' } as const;
export type Rank = keyof typeof RANKS;

/** How the lines of a chart are drawn: hundreds stay apart as the rows of a heat map. */
export const DRAWINGS = { lines: 'lines', heat: 'heat map' } as const;
export type Drawing = keyof typeof DRAWINGS;

export const SORTS = { name: 'name', value: 'value', change: 'change' } as const;
export type Sort = keyof typeof SORTS;

/** So many lines stand out, if not all do. */
export const TOPS: readonly number[] = [3, 5, 10, 20];

/** How the charts show what is selected: as the address says. */
export interface View {
  readonly draw: Drawing;
  readonly statistic: Statistic;
  readonly band: Band;
  /** So many lines stand out; 0 for all. */
  readonly top: number;
  readonly by: Rank;
  readonly sort: Sort;
  /** Series that are not drawn. */
  readonly hidden: ReadonlySet<string>;
  /** The chart behind which its table is open. */
  readonly table: string;
}

/** Reads from an address how the charts show what is selected; what is missing or unknown is as usual. */
export function readView(search: string): View {
  const parameters = new URLSearchParams(search);
  const choice = <Name extends string>(
    of: Readonly<Record<Name, string>>,
    name: string,
    usual: Name,
  ): Name => {
    const value = parameters.get(name);
    return value !== null && Object.hasOwn(of, value) ? (value as Name) : usual;
  };
  const top = Number(parameters.get('top'));
  return {
    draw: choice<Drawing>(DRAWINGS, 'draw', 'lines'),
    statistic: choice<Statistic>(STATISTICS, 'statistic', 'avg'),
    band: choice<Band>(BANDS, 'band', 'one'),
    top: TOPS.includes(top) ? top : 0,
    by: choice<Rank>(RANKS, 'by', 'value'),
    sort: choice<Sort>(SORTS, 'sort', 'name'),
    hidden: new Set(parameters.getAll('hide')),
    table: parameters.get('table') ?? '',
  };
}

/** What the parameters of the address that say how it is shown may say. */
export const VIEW_CHOICES: Choices = [
  ...Object.entries({ draw: DRAWINGS, statistic: STATISTICS, band: BANDS, by: RANKS, sort: SORTS }).map(
    ([name, choices]) => [name, Object.keys(choices)] as const,
  ),
  ['top', TOPS.map(String)],
];

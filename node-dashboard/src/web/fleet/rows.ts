import type { LatestAnswer } from '../../shared/latest-api.ts';
import { partOf } from '../../shared/latest-api.ts';

/** What the table can show and sort by; undefined is not known. */
export interface FleetRow {
  readonly id: string;
  /** The series, or the part of their names that a group has in common. */
  readonly name: string;
  /** How many series a group has; undefined for a series. */
  readonly series?: number;
  readonly avg?: number;
  readonly min?: number;
  readonly max?: number;
  readonly p95?: number;
  readonly stddev?: number;
  readonly count?: number;
  /** How old its newest reading is, in milliseconds. */
  readonly age?: number;
  /** How late its newest reading came, in milliseconds; of a group, that of the latest series. */
  readonly lag?: number;
  readonly subRows?: readonly FleetRow[];
}

/** The names of the numbers of a row. */
export const NUMBERS = ['avg', 'min', 'max', 'p95', 'stddev', 'count', 'lag', 'age'] as const;
export type NumberName = (typeof NUMBERS)[number];

/** The rows of an answer: its series, or its groups with their series below them. */
export function rowsOf(answer: LatestAnswer, part: number | null): FleetRow[] {
  const series = answer.series.map((name, index) => seriesRow(answer, name, index));
  if (part === null) {
    return series;
  }
  const members = new Map<string, FleetRow[]>();
  for (const row of series) {
    const group = partOf(row.name, part);
    const others = members.get(group);
    if (others === undefined) {
      members.set(group, [row]);
    } else {
      others.push(row);
    }
  }
  return answer.groups.map(({ name, series: size, avg, min, max, count }) => {
    const subRows = members.get(name) ?? [];
    const ages = subRows.flatMap(({ age }) => age ?? []);
    const lags = subRows.flatMap(({ lag }) => lag ?? []);
    return {
      ...{ id: `group ${name}`, name, series: size, subRows },
      ...known({ avg, min, max, count }),
      ...known({
        lag: lags.length === 0 ? null : Math.max(...lags),
        age: ages.length === 0 ? null : Math.min(...ages),
      }),
    };
  });
}

function seriesRow({ points, lag, now }: LatestAnswer, name: string, index: number): FleetRow {
  const numberOf = (field: string): number | null => {
    const value = points[field]?.[index] ?? null;
    return typeof value === 'number' ? value : null;
  };
  const lastEvent = numberOf('last_event');
  return {
    ...{ id: name, name },
    ...known({
      ...{ avg: numberOf('avg'), min: numberOf('min'), max: numberOf('max'), p95: numberOf('p95') },
      ...{ stddev: numberOf('stddev'), count: numberOf('count') },
      lag: lag[index] ?? null,
      age: lastEvent === null ? null : Math.max(0, now - lastEvent),
    }),
  };
}

/** Only what is known: the table puts what is not there last, whichever way it is sorted. */
function known(numbers: Partial<Record<NumberName, number | null>>): Partial<Record<NumberName, number>> {
  return Object.fromEntries(Object.entries(numbers).filter(([, value]) => value !== null));
}

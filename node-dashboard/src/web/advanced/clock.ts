import { offsetAt } from '../../shared/zoned.ts';

/** Clocks change at whole quarters of an hour, in every zone and year that the page shows. */
const QUARTER = 900_000;

/** How far the clocks of a zone are ahead of UTC; remembered, since a chart asks thousands of times. */
export function offsetsOf(zone: string): (time: number) => number {
  const known = new Map<number, number>();
  return (time) => {
    const quarter = Math.floor(time / QUARTER) * QUARTER;
    const offset = known.get(quarter) ?? offsetAt(quarter, zone);
    known.set(quarter, offset);
    return offset;
  };
}

/** A time as Plotly takes it to show it as it is on the wall of a zone: without a zone. */
export function wallTime(time: number, offset: (time: number) => number): string {
  return new Date(time + offset(time)).toISOString().slice(0, -1);
}

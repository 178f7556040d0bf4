import { describe, expect, it } from 'vitest';
import type { LatestAnswer } from '../src/shared/latest-api.ts';
import { Heat, heatColor, heatLines, heatRange, shareOf } from '../src/web/heat/heat.ts';
import { nextSorting, placedRows, readSorting } from '../src/web/fleet/model.ts';
import { rowsOf } from '../src/web/fleet/rows.ts';

const NONE: ReadonlySet<string> = new Set();

function answerOf(fields: Partial<LatestAnswer>): LatestAnswer {
  return {
    ...{ now: 100_000, newest_event: 99_000, total: 0, matched: 0, problem: '', series: [], last_seen: [] },
    ...{ points: { start: [] }, groups: [], past: { starts: [], avg: [] }, lag: [] },
    ...fields,
  };
}

const ANSWER = answerOf({
  series: ['hall/1', 'hall/10', 'hall/2', 'roof/1'],
  points: { start: [0, 0, null, 0], avg: [3, 1, null, 2], last_event: [90_000, 80_000, null, 99_000] },
  lag: [1500, 4000, null, null],
  groups: [
    { name: 'hall', series: 3, reporting: 2, start: 0, count: 5, avg: 2, min: 1, max: 3 },
    { name: 'roof', series: 1, reporting: 1, start: 0, count: 1, avg: 2.5, min: 2, max: 3 },
  ],
});

describe('the table of series', () => {
  const names = (sorting: string, part: number | null = null, open = NONE): string[] =>
    placedRows(rowsOf(ANSWER, part), readSorting(sorting), open).map(({ row }) => row.name);

  it('sorts by name as people count, and by each number', () => {
    expect(names('')).toEqual(['hall/1', 'hall/2', 'hall/10', 'roof/1']);
    expect(names('-name')).toEqual(['roof/1', 'hall/10', 'hall/2', 'hall/1']);
    expect(names('-lag')).toEqual(['hall/10', 'hall/1', 'hall/2', 'roof/1']);
    expect(names('age')).toEqual(['roof/1', 'hall/1', 'hall/10', 'hall/2']);
  });

  it.each(['avg', '-avg'])('puts what is not known last, sorted by %s', (sorting) => {
    expect(names(sorting).at(-1)).toBe('hall/2');
  });

  it('shows groups, and the series of those that are open below them, sorted too', () => {
    expect(names('-avg', 1)).toEqual(['roof', 'hall']);
    expect(names('-avg', 1, new Set(['group hall']))).toEqual([
      'roof',
      'hall',
      'hall/1',
      'hall/10',
      'hall/2',
    ]);
    const placed = placedRows(rowsOf(ANSWER, 1), readSorting(''), new Set(['group roof']));
    expect(placed.map(({ isMember }) => isMember)).toEqual([false, false, true]);
    expect(placed[0]?.row).toMatchObject({ series: 3, avg: 2, age: 10_000, lag: 4000 });
    // What is not known is not zero.
    expect(placed[1]?.row.lag).toBeUndefined();
  });

  it('begins with the greatest, and turns around', () => {
    const name = readSorting('name');
    expect(nextSorting(name, 'avg')).toBe('-avg');
    expect(nextSorting(readSorting('-avg'), 'avg')).toBe('avg');
    expect(nextSorting(name, 'name')).toBe('-name');
    expect(readSorting('-nope')).toEqual({ column: 'name', descending: false });
  });

  it('sorts 5,000 series in no time', () => {
    const series = Array.from({ length: 5000 }, (_, index) => `hall-${index % 50}/sensor-${index}`);
    const avg = series.map((_, index) => (index * 7919) % 5000);
    const rows = rowsOf(answerOf({ series, points: { start: avg, avg } }), null);
    const before = performance.now();
    expect(placedRows(rows, readSorting('-avg'), NONE)[0]?.row.avg).toBe(4999);
    expect(performance.now() - before).toBeLessThan(500);
  });
});

describe('the heat map', () => {
  const past = (starts: number[], ...avg: (number | null)[][]) => ({
    series: avg.map((_, index) => `s${index}`),
    past: { starts, avg },
  });

  it('asks for all windows at first, and for few as long as none is missed', () => {
    const heat = new Heat(5);
    expect(heat.wanted(2)).toBe(5);
    heat.take(past([0, 1, 2, 3, 4], [1, null, 3, 4, 5]));
    expect(heat.wanted(2)).toBe(2);
    heat.take(past([4, 5], [50, 6]));
    expect(heat.wanted(2)).toBe(2);
    expect(heat.starts).toEqual([1, 2, 3, 4, 5]);
    expect(heat.starts.map((start) => heat.valueAt('s0', start))).toEqual([null, 3, 4, 50, 6]);
    heat.take(past([8, 9], [9, 9]));
    expect(heat.wanted(2)).toBe(5);
  });

  it('asks again for all when the server knows nothing yet', () => {
    const heat = new Heat(5);
    heat.take(past([], []));
    expect(heat.wanted(2)).toBe(5);
  });

  it('shows the greatest of the series that share a line', () => {
    const heat = new Heat(2);
    heat.take(past([0, 1], [1, null], [2, null], [null, 7]));
    expect(heatLines(heat, ['s0', 's1', 's2'], 2)).toEqual([
      { series: ['s0', 's1'], values: [2, null] },
      { series: ['s2'], values: [null, 7] },
    ]);
    expect(heatLines(heat, ['s0', 's1', 's2'], 10)).toHaveLength(3);
  });

  it('is not led astray by one value that is far out', () => {
    const values = Array.from({ length: 100 }, (_, index) => index);
    expect(heatRange([{ series: ['a'], values: [...values, 1e9, null] }])).toEqual({ low: 2, high: 98 });
    expect(heatRange([{ series: ['a'], values: [null] }])).toBeNull();
    expect(shareOf(1e9, { low: 0, high: 10 })).toBe(1);
    expect(shareOf(5, { low: 5, high: 5 })).toBe(0.5);
  });

  it('goes from faint to strong', () => {
    expect(heatColor(0, 'light')).toBe('rgb(230 238 248)');
    expect(heatColor(1, 'light')).toBe('rgb(6 37 77)');
    expect(heatColor(0.125, 'dark')).toBe('rgb(30 68 105)');
  });
});

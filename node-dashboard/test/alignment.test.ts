import { describe, expect, it } from 'vitest';
import { LatestWindows } from '../src/server/latest-windows.ts';
import { mergeBySteps } from '../src/shared/merge.ts';
import { endAfter, isGap, isOnStride, later, placeOf, stepAt, stepOfStart } from '../src/shared/alignment.ts';
import { parseWindowSpec } from '../src/shared/window-spec.ts';
import { moved } from '../src/web/advanced/statistics.ts';
import { heatValuesOf } from '../src/web/chart/heat-values.ts';
import { WindowStore } from '../src/web/store.ts';
import { tableOf } from '../src/web/table.ts';
import { WINDOWS } from './generated/windows.ts';
import { windowMessage } from './messages.ts';

const DAY = 86_400_000;
const LONDON = parseWindowSpec('1d@Europe/London');
/** The days around the one that has 23 hours: it begins at 0:00 in UTC, the next one at 23:00. */
const STARTS = [
  '2026-03-27T00:00Z',
  '2026-03-28T00:00Z',
  '2026-03-29T00:00Z',
  '2026-03-29T23:00Z',
  '2026-03-30T23:00Z',
].map((time) => Date.parse(time));

const day = (index: number) =>
  windowMessage({
    ...{ window: LONDON.label, start: STARTS[index] ?? NaN, end: STARTS[index + 1] ?? NaN },
    ...{ avg: index, last_event: (STARTS[index] ?? NaN) + 1000 },
  });

describe('the place of windows', () => {
  it.each([...new Set(WINDOWS.map(([label]) => label))])('of %s is where the job has it', (label) => {
    const window = parseWindowSpec(label);
    const known = WINDOWS.filter(([name]) => name === label);
    const found = known.map(([, instant, start]) => [
      ...[label, instant, stepAt(window, placeOf(window, instant), window.slide)],
      ...[endAfter(window, start, window.size)],
    ]);
    expect(found).toEqual(known);
    expect(known.every(([, , start]) => isOnStride(window, start, window.slide))).toBe(true);
  });

  it('of a start that another database of zones has made is that of the nearest day', () => {
    const window = parseWindowSpec('7d@Mon@Europe/London');
    const monday = Date.parse('2026-03-29T23:00Z');
    expect(
      [0, -1, 1, -3].map((hours) => isOnStride(window, monday + hours * 3_600_000, window.slide)),
    ).toEqual([true, true, true, true]);
    expect(isOnStride(window, monday + DAY, window.slide)).toBe(false);
  });

  it('of times that `Date` does not know is told all the same', () => {
    expect(isOnStride(LONDON, 8.64e15, DAY)).toBe(true);
    expect(stepOfStart(LONDON, 8.64e15, 2 * DAY)).toBeGreaterThan(8.6e15);
  });

  it('in a zone that is not known here is that of UTC', () => {
    expect(placeOf({ zone: 'Europe/Atlantis' }, DAY + 1)).toBe(DAY);
  });

  it('is a day apart from the next one, however long the days are', () => {
    const places = STARTS.map((start) => placeOf(LONDON, start));
    expect(places.slice(1).map((place, index) => place - (places[index] ?? NaN))).toEqual([
      DAY,
      DAY,
      DAY,
      DAY,
    ]);
  });

  it('has a gap where a window is missing, and not where days are longer', () => {
    expect([23, 24, 25].map((hours) => isGap(hours * 3_600_000, DAY))).toEqual([false, false, false]);
    expect([47, 48].map((hours) => isGap(hours * 3_600_000, DAY))).toEqual([true, true]);
    expect([isGap(10_000, 10_000), isGap(20_000, 10_000)]).toEqual([false, true]);
  });
});

describe('windows of the days of a zone', () => {
  it('are merged by whole days of it', () => {
    const merged = mergeBySteps([day(0), day(1), day(2), day(3)], 2 * DAY, LONDON);
    expect(merged.map(({ start, end, merged: parts }) => [start, end, parts])).toEqual([
      [Date.parse('2026-03-26T00:00Z'), STARTS[1], 1],
      [STARTS[1], STARTS[3], 2],
      [STARTS[3], Date.parse('2026-03-31T23:00Z'), 1],
    ]);
  });

  it('are a line without a break on the page', () => {
    const store = new WindowStore({ step: DAY, stride: DAY, window: LONDON });
    [0, 1, 2, 3].forEach((index) => {
      store.add('usage', 'a', day(index));
    });
    const { starts } = tableOf(store, [{ key: 'a', metric: 'usage', series: 'a' }]);
    expect(starts).toEqual(STARTS.slice(0, 4).map((start) => start / 1000));
  });

  it('have each a column of a heat map', () => {
    const row = [day(0), day(1), day(2), day(3)];
    const scene = {
      lines: [{ key: 'a', metric: 'usage', series: 'a', label: 'a', position: 0 }],
      columns: { starts: STARTS.slice(0, 4), rows: new Map([['a', row]]) },
      ...{ statistic: 'avg' as const, newestEvent: Infinity },
    };
    const [from = 0, to = 0] = [STARTS[0], STARTS[4]];
    const heat = heatValuesOf(scene, { from, to }, DAY, LONDON);
    expect(heat.starts).toEqual(STARTS.slice(0, 4));
    expect(heat.starts.map((start) => heat.valueAt('a', start))).toEqual([0, 1, 2, 3]);
  });

  it('have a column of a heat map for the day in which the span ends, too', () => {
    const berlin = parseWindowSpec('1d@Europe/Berlin');
    const scene = {
      ...{ lines: [], columns: { starts: [], rows: new Map() }, statistic: 'avg' as const },
      newestEvent: Infinity,
    };
    const [from, to] = [Date.parse('2026-03-15T12:00Z'), Date.parse('2026-03-20T12:00Z')];
    const { starts } = heatValuesOf(scene, { from, to }, DAY, berlin);
    expect([starts.length, starts[0], starts.at(-1)]).toEqual([
      ...[6, Date.parse('2026-03-14T23:00Z'), Date.parse('2026-03-19T23:00Z')],
    ]);
  });

  it('are compared with those of the week before, also if clocks were set in between', () => {
    const berlin = parseWindowSpec('1d@Europe/Berlin');
    const week = moved([{ ...day(0), start: Date.parse('2026-03-23T23:00Z') }], 7 * DAY, berlin);
    expect(week[0]?.start).toBe(Date.parse('2026-03-30T22:00Z'));
    expect(later(berlin, Date.parse('2026-03-30T12:34Z'), -7 * DAY)).toBe(Date.parse('2026-03-23T13:34Z'));
  });

  it('are all in the past of a series', () => {
    const latest = new LatestWindows({ metrics: ['usage'], windows: [LONDON] });
    latest.take(
      day(0),
      day(1),
      day(2),
      day(3),
      windowMessage({ ...day(3), last_event: STARTS[4] ?? NaN, revision: 2 }),
    );
    const kind = { metric: 'usage', window: LONDON.label };
    const starts = latest.starts(kind, LONDON.size, 4);
    expect(starts).toEqual(STARTS.slice(0, 4));
    const line = latest.lines(kind).get('laptop/cpu');
    expect(line && latest.averages(line, kind, starts)).toEqual([0, 1, 2, 3]);
  });
});

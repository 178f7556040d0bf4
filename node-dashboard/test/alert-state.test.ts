import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CompleteWindows } from '../src/server/alerts/complete-windows.ts';
import { advance, isBad, type Comparison, type Watch } from '../src/server/alerts/state.ts';
import { matches } from '../src/shared/pattern.ts';
import { windowMessage } from './messages.ts';

const window = (at: number, bad: boolean): Comparison => ({ at, since: at, value: Number(bad), isBad: bad });

function run(lasting: number, comparisons: readonly Comparison[]): (Watch | undefined)[] {
  let watch: Watch | undefined;
  return comparisons.map((comparison) => (watch = advance(watch, lasting, comparison)));
}

/** Windows of 10 s one after the other: whether each is bad. */
const badness = fc.array(fc.boolean(), { maxLength: 60 });
const windows = (bad: readonly boolean[]): Comparison[] =>
  bad.map((one, index) => window((index + 1) * 10, one));

describe('an alert', () => {
  it('fires exactly while the last windows were bad for long enough, by an independent count', () => {
    fc.assert(
      fc.property(badness, fc.integer({ min: 0, max: 80 }), (bad, lasting) => {
        run(lasting, windows(bad)).forEach((watch, index) => {
          const lastGood = bad.slice(0, index + 1).lastIndexOf(false);
          const badWindows = index - lastGood;
          const expected = badWindows > 0 && (badWindows - 1) * 10 >= lasting;
          expect(watch?.state === 'firing').toBe(expected);
        });
      }),
    );
  });

  it('is resolved only after it fired, and pending only after it was not', () => {
    fc.assert(
      fc.property(badness, fc.integer({ min: 0, max: 80 }), (bad, lasting) => {
        const states = run(lasting, windows(bad)).map((watch) => watch?.state ?? 'fine');
        states.forEach((state, index) => {
          const before = states[index - 1] ?? 'fine';
          if (state === 'resolved') {
            expect(['firing', 'resolved']).toContain(before);
          }
          if (state === 'pending') {
            expect(before).not.toBe('firing');
          }
        });
      }),
    );
  });

  it('is the same whatever was seen twice, or again after a restart', () => {
    fc.assert(
      fc.property(badness, fc.integer({ min: 0, max: 80 }), fc.nat(60), (bad, lasting, place) => {
        const all = windows(bad);
        const once = run(lasting, all).at(-1);
        const again = run(lasting, [...all.slice(0, place), ...all]).at(-1);
        expect(again).toEqual(once);
      }),
    );
  });

  it('says since when, by the windows and not by when it was looked at', () => {
    const states = run(
      20,
      [false, true, true, true, true, false].map((bad, index) => window(index * 10, bad)),
    );
    expect(states.map((watch) => watch && [watch.state, watch.since])).toEqual([
      undefined,
      ['pending', 10],
      ['pending', 10],
      ['firing', 30],
      ['firing', 30],
      ['resolved', 50],
    ]);
  });

  it.each([
    [{ above: 5 }, 5, false],
    [{ above: 5 }, 5.1, true],
    [{ below: 5 }, 5, false],
    [{ below: 5 }, 4.9, true],
    [{ above: 5 }, NaN, false],
  ])('of %j takes %d for bad: %s', (rule, value, expected) => {
    expect(isBad(rule, value)).toBe(expected);
  });
});

const KINDS = new Set(['10s']);

describe('a window is compared', () => {
  const take = (windows: CompleteWindows): number[] => windows.take().map(({ end }) => end);

  it('once no straggler can change it any more, and then once', () => {
    const complete = new CompleteWindows(5000, KINDS);
    complete.add(windowMessage({ start: 0, end: 10_000, last_event: 9000 }));
    expect(take(complete)).toEqual([]);
    complete.add(windowMessage({ start: 10_000, end: 20_000, last_event: 14_999 }));
    expect(take(complete)).toEqual([]);
    complete.add(windowMessage({ series: 'other', start: 10_000, end: 20_000, last_event: 15_000 }));
    expect(take(complete)).toEqual([10_000]);
    expect(take(complete)).toEqual([]);
  });

  it('of the wanted kinds only, though the others say how far the stream is', () => {
    const complete = new CompleteWindows(0, KINDS);
    complete.add(windowMessage({ start: 0, end: 10_000, last_event: 9000 }));
    complete.add(windowMessage({ window: '1m', start: 0, end: 60_000, last_event: 10_000 }));
    complete.add(windowMessage({ window: '1m', start: 60_000, end: 120_000, last_event: 90_000 }));
    expect(take(complete)).toEqual([10_000]);
  });

  it('as its newest version is', () => {
    const complete = new CompleteWindows(0, KINDS);
    complete.add(windowMessage({ end: 10_000, avg: 3, revision: 3, last_event: 3000 }));
    complete.add(windowMessage({ end: 10_000, avg: 2, revision: 2, last_event: 2000 }));
    complete.add(windowMessage({ start: 10_000, end: 20_000, last_event: 10_000 }));
    expect(complete.take().map(({ avg }) => avg)).toEqual([3]);
  });

  it('in the order of event time, each exactly once, in whatever order they come', () => {
    const starts = fc.array(fc.integer({ min: 0, max: 30 }), { minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(starts, (found) => {
        const complete = new CompleteWindows(0, KINDS);
        for (const start of found) {
          complete.add(windowMessage({ start: start * 10, end: start * 10 + 10, last_event: start * 10 }));
        }
        complete.add(windowMessage({ start: 1000, end: 1010, last_event: 1000 }));
        expect(take(complete)).toEqual(
          [...new Set(found)].sort((a, b) => a - b).map((start) => start * 10 + 10),
        );
      }),
    );
  });
});

describe('a pattern', () => {
  it.each([
    ['load', 'load', true],
    ['load', 'loads', false],
    ['*', '', true],
    ['host/*', 'host/cpu', true],
    ['*/load', 'laptop/load', true],
    ['*/load', 'laptop/load/1', false],
    ['a*a', 'a', false],
    ['a*b*c', 'a-b-b-c', true],
    ['a*b*c', 'a-c-b', false],
    ['**', 'x', true],
    ['a.c', 'abc', false],
  ])('%s means %s: %s', (pattern, name, expected) => {
    expect(matches(pattern, name)).toBe(expected);
  });

  it('means what a regular expression does', () => {
    const word = fc.string({ unit: fc.constantFrom('a', 'b', '*'), maxLength: 8 });
    fc.assert(
      fc.property(word, word, (pattern, name) => {
        const expected = new RegExp(`^${pattern.replaceAll('*', '.*')}$`).test(name);
        expect(matches(pattern, name)).toBe(expected);
      }),
    );
  });
});

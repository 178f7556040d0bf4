import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import type { ComponentHealth } from '../src/shared/api.ts';
import { booksOf, jobOf, restartsText } from '../src/web/pipeline/books.ts';
import { sumOf } from '../src/shared/numbers.ts';
import { stepsOf, sumsOf } from '../src/web/pipeline/flow.ts';
import { ADVICE, adviceFor } from '../src/web/pipeline/reasons.ts';
import { sparklinePath } from '../src/web/pipeline/sparkline-path.ts';

const read = (file: string): string => readFileSync(path.join(import.meta.dirname, '../..', file), 'utf8');

function component(fields: Partial<ComponentHealth>): ComponentHealth {
  return {
    ...{ component: 'spark-job', instance: 'a:1', stream: 'host', since: 0, time: 1000 },
    ...{ records_in: 0, records_out: 0, bytes_in: 0, bytes_out: 0, errors: {}, lag: 0 },
    ...{ state: 'running', waiting_for: null, last_error: null, last_error_time: null },
    ...{ age: 0, stale: false, rates: null },
    ...fields,
  };
}

describe('what to do about a reason', () => {
  it('is said of every reason code that there is, and of no other', () => {
    const table = /<!-- generated: reason codes -->(.*?)<!-- end of generated -->/s.exec(
      read('docs/records.md'),
    );
    const codes = [...(table?.[1] ?? '').matchAll(/^\| `(\w+)`/gm)].map(([, code]) => code);
    expect(codes.length).toBeGreaterThan(10);
    expect(Object.keys(ADVICE).sort()).toEqual(codes.sort());
  });

  it('is one sentence, and names keys that there are', () => {
    const readme = read('README.md');
    for (const advice of Object.values(ADVICE)) {
      expect(advice).toMatch(/^[A-Z].*\.$/);
      for (const [key] of advice.matchAll(/\bstream\.[a-z_.]*[a-z]/g)) {
        expect(readme).toContain(`| \`${key}\` |`);
      }
    }
    expect(adviceFor('of_next_year')).toMatch(/does not know this reason/);
  });
});

describe('the restarts of a query', () => {
  it.each([
    [{ restarts: 0 }, 'none'],
    [{ restarts: 1204 }, '1,204, tried again from the checkpoint each time'],
    [{ restarts: null }, 'unknown'],
    [{}, 'unknown'],
    [{ restarts: 0, state: 'restarting' }, 'none; the query has failed and is about to be tried again'],
    [
      { restarts: 2, last_error: 'no broker', last_error_time: 1000 },
      /each time; last error, 1 min 00 s ago: no broker$/,
    ],
    [{ restarts: 2, last_error: 'no broker' }, /each time; last error: no broker$/],
  ] as const)('are told as they are known: %j', (fields, text) => {
    expect(restartsText(component(fields), 61_000)).toEqual(
      typeof text === 'string' ? text : expect.stringMatching(text),
    );
  });
});

describe('sums', () => {
  it('are unknown as long as a part is', () => {
    expect([sumOf([1, 2]), sumOf([1, null]), sumOf([]), sumOf([0])]).toEqual([3, null, null, 0]);
    expect(
      sumsOf([
        [1, null, 3],
        [1, 1, 1],
      ]),
    ).toEqual([2, null, 4]);
    expect(sumsOf([])).toEqual([]);
  });

  it('leave out instances that are silent', () => {
    const rates = { records_in: 10, records_out: 5, bytes_in: 0, bytes_out: 0, errors: 0 };
    const health = {
      ...{ now: 0, kafka: { connected: true, message: '' }, cassandra: { connected: true, message: '' } },
      components: [
        component({ rates, lag: 4 }),
        component({ stream: 'other', rates, lag: 6 }),
        component({ instance: 'a:2', stale: true, age: 9000, lag: null }),
      ],
    };
    const spark = stepsOf(health, null).find(({ place }) => place.name === 'Spark');
    expect(spark?.arrow).toMatchObject({ rate: 20, lag: 10, rates: [] });
    expect(spark?.place).toEqual({ name: 'Spark', state: 'silent for 9.0 s (1 of 3)', isWell: false });
  });
});

it('the newest report of a stream counts', () => {
  const older = component({ instance: 'ahead:1', time: 60_000, age: 9000 });
  const newer = component({ instance: 'a:2', time: 2000, age: 300 });
  expect(jobOf([older, newer, component({ stream: 'other', age: 0 })], 'host')).toBe(newer);
});

describe('the books of a stream', () => {
  const unknown = { counted: null, late: null, rejected: null, skipped: null };

  it('do not take what is not told for zero', () => {
    expect(booksOf(component({ records_in: 5 }))).toEqual({
      ...{ read: 5, outcomes: unknown, unaccounted: null, deleted: null, gaps: null, lost: null },
    });
    // As a job of an earlier version tells it: what it has counted is not to be had from the rest.
    const earlier = booksOf(component({ records_in: 5, late: 1, rejected: 2, skipped_offsets: 3 }));
    expect(earlier).toMatchObject({ outcomes: { counted: null }, unaccounted: null, deleted: null, gaps: 3 });
  });

  it.each([
    ['balance', 5, 0],
    ['miss records', 3, 2],
    ['have some twice', 6, -1],
  ])('%s', (_, counted, unaccounted) => {
    const books = booksOf(component({ records_in: 12, counted, late: 1, rejected: 2, skipped: 4 }));
    expect(books.unaccounted).toBe(unaccounted);
    expect(books.outcomes).toEqual({ counted, late: 1, rejected: 2, skipped: 4 });
  });

  it('tell what Kafka has deleted from other gaps', () => {
    expect(booksOf(component({ skipped_offsets: 10, deleted_offsets: 4 }))).toMatchObject({
      ...{ deleted: 4, gaps: 6 },
    });
  });
});

it('a sparkline has gaps where nothing is known, and points between two', () => {
  expect(sparklinePath([0, 10, null, 5, null], 100, 12)).toBe('M0 11L25 1M75 6h0');
  expect(sparklinePath([], 100, 12)).toBe('');
  expect(sparklinePath([null, null], 100, 12)).toBe('');
  expect(sparklinePath([0, 0], 100, 12)).toBe('M0 11L100 11');
});

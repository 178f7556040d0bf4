import { describe, expect, it } from 'vitest';
import type { ComponentHealth } from '../src/shared/api.ts';
import {
  errorCountOf,
  errorDetailOf,
  errorsOf,
  isUnwell,
  remarksOf,
  stateOf,
  total,
} from '../src/web/health-words.ts';

const NOW = 1_000_000;

function health(fields: Partial<ComponentHealth> = {}): ComponentHealth {
  return {
    ...{ component: 'freshet-producer', instance: 'box:1', stream: null, since: NOW - 300_000, time: NOW },
    ...{ records_in: 0, records_out: 0, bytes_in: 0, bytes_out: 0, errors: {}, lag: null },
    ...{ age: 0, stale: false, rates: { ...noRates(), errors: 0 } },
    ...fields,
  };
}

function noRates() {
  return { records_in: 0, records_out: 0, bytes_in: 0, bytes_out: 0 };
}

const failed = { last_error: 'no answer', last_error_time: NOW - 5000, errors: { send: 2 } };
const still = { ...noRates(), errors: 0.1 };

describe('the last error', () => {
  it.each<[string, Partial<ComponentHealth>, string, string]>([
    ['runs again', { state: 'running', rates: still }, 'over', 'over: error 5.0 s ago: no answer'],
    ['is started again', { state: 'restarting' }, 'now', 'error 5.0 s ago: no answer'],
    ['has not started yet', { state: 'starting' }, 'now', 'error 5.0 s ago: no answer'],
    ['does what nobody knows', { state: 'rebalancing' }, 'now', 'error 5.0 s ago: no answer'],
    ['has no states, and no errors of late', {}, 'over', 'over: error 5.0 s ago: no answer'],
    ['has no states, and errors still', { rates: still }, 'now', 'error 5.0 s ago: no answer'],
    ['has just been heard of', { rates: null }, 'now', 'error 5.0 s ago: no answer'],
    [
      'had it long ago',
      { rates: null, last_error_time: NOW - 61_000 },
      'over',
      'over: error 1 min 01 s ago: no answer',
    ],
    ['does not say when', { rates: still, last_error_time: null }, 'now', 'error earlier: no answer'],
    ['is silent', { state: 'running', stale: true, rates: null }, 'now', 'error 5.0 s ago: no answer'],
  ])('of a component that %s', (_, fields, kind, text) => {
    expect(remarksOf(health({ ...failed, ...fields }), NOW)).toEqual([{ kind, text }]);
  });

  it('that is only counted has a word all the same', () => {
    expect(remarksOf(health({ errors: { start: 3 } }), NOW)).toEqual([
      { kind: 'over', text: 'over: 3 errors in 5 min 00 s: start: 3; none in the last 10 s' },
    ]);
    expect(remarksOf(health({ errors: { start: 3 }, rates: null }), NOW)).toEqual([
      { kind: 'now', text: '3 errors in 5 min 00 s: start: 3' },
    ]);
  });

  it('that is only counted is not over while its number grows, whatever the state', () => {
    const counted = { errors: { start: 3 }, state: 'running' };
    const kind = (fields: Partial<ComponentHealth>) =>
      remarksOf(health({ ...counted, ...fields }), NOW).map((remark) => remark.kind);
    expect(kind({ rates: still })).toEqual(['now']);
    expect(kind({})).toEqual(['over']);
    expect(kind({ state: 'restarting' })).toEqual(['now']);
  });

  it('that is long over leaves, and its number says that it is over, when it was and what', () => {
    const old = { state: 'running', last_error: 'no answer', last_error_time: NOW - 3_700_000 };
    const past = health({ ...old, errors: { send: 2 }, rates: still });
    expect(remarksOf(past, NOW)).toEqual([]);
    expect(errorCountOf(past, NOW)).toBe('2 (over)');
    expect(errorDetailOf(past, NOW)).toBe('send: 2; the last one 1 h 1 min ago: no answer');
    expect(errorCountOf({ ...past, state: 'restarting' }, NOW)).toBe('2');
    expect(remarksOf({ ...past, state: 'restarting' }, NOW)).toHaveLength(1);
    expect(errorCountOf(health(), NOW)).toBe('0');
    expect(errorCountOf(health({ errors: null }), NOW)).toBeNull();
  });

  it('is not there where there was none, or where nobody counts', () => {
    expect(remarksOf(health(), NOW)).toEqual([]);
    expect(remarksOf(health({ errors: null }), NOW)).toEqual([]);
    expect(remarksOf(health({ errors: { rejected: 5 }, rejected: 5 }), NOW)).toEqual([]);
  });
});

it('a component that waits says for what, or that it does not say', () => {
  const texts = (waiting_for: string | null) =>
    remarksOf(health({ state: 'waiting', waiting_for }), NOW).map(({ text }) => text);
  expect(texts('a disk')).toEqual(['waits for a disk']);
  expect(texts(null)).toEqual(['waits for something, and does not say for what']);
  expect(remarksOf(health({ state: 'running', waiting_for: 'a disk' }), NOW)).toEqual([]);
});

it.each<[Partial<ComponentHealth>, string, boolean]>([
  [{}, 'reporting', false],
  [{ state: null }, 'reporting', false],
  [{ state: 'running' }, 'running', false],
  [{ state: 'waiting' }, 'waiting', true],
  [{ state: 'restarting' }, 'restarting', true],
  [{ state: 'rebalancing' }, 'rebalancing', false],
  [{ state: 'ended', age: 61_000 }, 'ended', false],
  [{ state: 'running', stale: true, age: 61_000 }, 'silent for 1 min 01 s', true],
])('of %j the state is told as %s', (fields, text, unwell) => {
  expect(stateOf(health(fields))).toBe(text);
  expect(isUnwell(health(fields))).toBe(unwell);
});

it('the sum of counts that are not known is not known', () => {
  expect(total(errorsOf(health({ errors: null })))).toBeNull();
  expect(total(errorsOf(health({ errors: { a: 1, rejected: 2 } })))).toBe(3);
  expect(total(errorsOf(health({ errors: { a: 1, rejected: 2 }, rejected: 2 })))).toBe(1);
});

describe('a source', () => {
  const source = {
    ...{
      connection: 'connected',
      connection_since: NOW - 12_000,
      messages_in: 9,
      bytes_in: 90,
      records_out: 8,
    },
    ...{ rejected: 1, dropped: 0, gaps: 0, reconnections: 2 },
  };
  const failing = {
    ...source,
    ...{ connection: 'reconnecting', last_error: 'no answer', last_error_time: NOW - 5000 },
  };

  it.each<[string, Partial<ComponentHealth>, string, string]>([
    ['is well', { sources: { a: source } }, 'note', 'connected for 12.0 s; 1 rejected, 0 dropped, 0 gaps'],
    [
      'has lost something',
      { sources: { a: { ...source, dropped: 1200, gaps: 3 } } },
      'now',
      'connected for 12.0 s; 1 rejected, 1,200 dropped, 3 gaps',
    ],
    [
      'is connected again',
      { sources: { a: failing } },
      'now',
      'reconnecting for 12.0 s; 1 rejected, 0 dropped, 0 gaps; error 5.0 s ago: no answer',
    ],
    [
      'is not heard of any more',
      { sources: { a: source }, stale: true },
      'now',
      'last known to be connected; 1 rejected, 0 dropped, 0 gaps',
    ],
  ])('that %s is said with its state and its losses', (_, fields, kind, text) => {
    expect(remarksOf(health(fields), NOW)).toEqual([{ kind, text: `source a: ${text}` }]);
  });
});

describe('what is to be known beside errors', () => {
  it.each<[string, Partial<ComponentHealth>, string[]]>([
    [
      'a clock that is behind',
      { time: NOW - 60_000, age: 400 },
      ["its clock is 59.6 s behind the dashboard's"],
    ],
    [
      'a clock that is ahead',
      { time: NOW + 60_000, age: 400 },
      ["its clock is 1 min 00 s ahead of the dashboard's"],
    ],
    ['clocks that are almost one', { time: NOW - 5300, age: 400 }, []],
    ['a component that is silent', { time: NOW - 60_000, age: 60_000, stale: true }, []],
    [
      'records that Kafka had deleted',
      { deleted_offsets: 12, lost_offsets: 3 },
      [
        'lost: 12 offsets were deleted by Kafka before they were read',
        'lost: 3 offsets of a topic that was deleted were never read',
      ],
    ],
  ])('is told: %s', (_, fields, texts) => {
    expect(remarksOf(health(fields), NOW).map(({ text }) => text)).toEqual(texts);
  });
});

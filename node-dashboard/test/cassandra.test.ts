import cassandra from 'cassandra-driver';
import { describe, expect, it } from 'vitest';
import { WINDOW_COLUMNS, WINDOW_FIELDS } from '../src/shared/generated/window.ts';
import { isOutdated, isRefused, unavailable } from '../src/server/cassandra-errors.ts';
import { identityCheck } from '../src/server/cassandra-history.ts';
import {
  generationOf,
  selectWindows,
  toSeriesRow,
  toWindow,
  withMetric,
} from '../src/server/cassandra-rows.ts';

import { NOT_KNOWN } from './messages.ts';
import { COMMON_NAME, NAMED } from './node-certificates.ts';

const { ResponseError, OperationTimedOutError, NoHostAvailableError } = cassandra.errors;
const { responseErrorCodes } = cassandra.types;

const END = 1_700_000_010_000;

/** A row as the driver hands it over. */
function row(fields: Record<string, unknown> = {}): cassandra.types.Row {
  return {
    ...{ start: new Date(END - 10_000), end: new Date(END), last_event: new Date(END - 1000) },
    ...{ count: 2n, sum: 3, avg: 1.5, min: 1, max: 2, stddev: 0.5, p50: 1, p95: 2, p99: 2, revision: 2n },
    ...{ written: BigInt(END) * 1000n + 2n, partial: null },
    ...fields,
  } as unknown as cassandra.types.Row;
}

describe('a stored window', () => {
  it('is read with everything in it', () => {
    expect(toWindow(row())).toEqual({
      ...NOT_KNOWN,
      ...{
        start: END - 10_000,
        end: END,
        last_event: END - 1000,
        count: 2,
        sum: 3,
        avg: 1.5,
        min: 1,
        max: 2,
      },
      ...{ stddev: 0.5, p50: 1, p95: 2, p99: 2, generation: 0, revision: 2 },
    });
  });

  it.each([
    [true, { partial: true }],
    [false, {}],
    [null, {}],
  ])('is partial only when it says so: %s', (partial, told) => {
    const window = toWindow(row({ partial })) ?? {};
    expect('partial' in window ? { partial: window.partial } : {}).toEqual(told);
  });

  const required = WINDOW_FIELDS.filter(({ name, optional }) => !optional && WINDOW_COLUMNS.includes(name));

  it.each([...required.map(({ name }) => name), 'written'])(
    'is none without %s, rather than one with a zero',
    (name) => {
      expect(toWindow(row({ [name]: null }))).toBeNull();
    },
  );

  it.each([
    ['avg', Number.NaN],
    ['max', '2'],
    ['partial', 'yes'],
    ['end', new Date(Number.NaN)],
  ])('is none when the column %s has something else', (name, value) => {
    expect(toWindow(row({ [name]: value }))).toBeNull();
  });

  it('is asked for without the later columns that its table lacks', () => {
    const earlier = selectWindows('freshet', new Set(['start', 'revision']));
    expect(earlier).toMatch(
      /^SELECT "start", "end", "count", .*"revision", WRITETIME\(revision\) AS written FROM freshet\.windows/,
    );
    expect(earlier).not.toContain('partial');
    expect(selectWindows('freshet', new Set(WINDOW_COLUMNS))).toContain('"partial"');
  });

  it('tells its generation by its write time', () => {
    const written = (generation: number, revision: number): bigint =>
      BigInt(END) * 1000n + BigInt(generation) * 2n ** 30n + BigInt(revision);
    expect(generationOf(written(0, 7), END, 7)).toBe(0);
    expect(generationOf(written(3, 123_456), END, 123_456)).toBe(3);
  });
});

it('a series of which it is not known when it was seen last does not say 1970', () => {
  const unknown = toSeriesRow({
    series: 'a',
    metric: 'x',
    last_seen: null,
  } as unknown as cassandra.types.Row);
  const known = toSeriesRow({
    series: 'a',
    metric: 'y',
    last_seen: new Date(5),
  } as unknown as cassandra.types.Row);
  expect(withMetric(undefined, unknown).last_seen).toBeNull();
  expect(withMetric(withMetric(undefined, unknown), known)).toEqual({
    ...{ series: 'a', metrics: ['x', 'y'], last_seen: 5 },
  });
});

describe('an error of Cassandra', () => {
  it.each([
    'keyspace freshet does not exist',
    'table windows does not exist',
    'unconfigured table windows',
    'Undefined column name partial in table freshet.windows',
    'Undefined column name "partial" in table freshet.windows',
  ])('that says "%s" means that there is nothing there yet, and who creates it', (message) => {
    const error = new ResponseError(responseErrorCodes.invalid, message);
    expect(isOutdated(error)).toBe(true);
    expect(unavailable('cassandra at a:1', error)).toMatchObject({
      statusCode: 503,
      message:
        `cassandra at a:1 has no windows yet (${message}): start freshet-cassandra-writer, ` +
        'it creates what is missing',
    });
  });

  it.each([
    ['a node that fails', new ResponseError(responseErrorCodes.serverError, 'NullPointerException'), true],
    [
      'a user without rights',
      new ResponseError(responseErrorCodes.unauthorized, 'no SELECT permission'),
      true,
    ],
    ['an overloaded node', new ResponseError(responseErrorCodes.overloaded, 'too much'), false],
    ['a time-out', new OperationTimedOutError('the host did not reply'), false],
    ['no node', new NoHostAvailableError({}), false],
  ])('by %s is one that may pass', (_, error, outdated) => {
    expect(unavailable('cassandra at a:1', error)).toMatchObject({ statusCode: 503 });
    expect(isOutdated(error)).toBe(outdated);
  });

  it('by a node that no longer has what was prepared there makes it be prepared anew', () => {
    const unprepared = new ResponseError(
      responseErrorCodes.unprepared,
      'Prepared query with ID 5f not found',
    );
    expect(isOutdated(new NoHostAvailableError({ '10.0.0.1:9042': unprepared }))).toBe(true);
    expect(isOutdated(new NoHostAvailableError({ '10.0.0.1:9042': new Error('connection refused') }))).toBe(
      false,
    );
  });

  it.each([
    ['a table that is not there', new ResponseError(responseErrorCodes.invalid, 'unconfigured table'), true],
    [
      'what was prepared there and is not any more',
      new ResponseError(responseErrorCodes.unprepared, 'ID'),
      true,
    ],
    ['a contention of transactions', new ResponseError(responseErrorCodes.writeTimeout, 'CAS'), false],
    ['a node that fails', new ResponseError(responseErrorCodes.serverError, 'NullPointerException'), false],
    ['a time-out', new OperationTimedOutError('the host did not reply'), false],
    ['no node at all', new NoHostAvailableError({ a: new Error('connection refused') }), false],
  ])('by %s tells whether a change was certainly not made', (_, error, refused) => {
    expect(isRefused(error)).toBe(refused);
  });

  it('by a statement that is wrong in itself is a mistake of ours', () => {
    expect(unavailable('a', new ResponseError(responseErrorCodes.syntaxError, 'no viable input'))).toBeNull();
  });
});

describe('the certificate of a node', () => {
  const checked = (serverName: string | undefined, address: string, certificate = NAMED): boolean =>
    identityCheck(serverName)(address, certificate) === undefined;

  it('has to be for the address of the node', () => {
    expect(checked(undefined, '10.0.0.5')).toBe(true);
    expect(checked(undefined, '10.0.0.6')).toBe(false);
    expect(checked(undefined, '10.0.0.5', COMMON_NAME)).toBe(false);
  });

  it('may be for the configured name in its place', () => {
    expect(checked('cassandra.freshet.svc', '10.0.0.6')).toBe(true);
    expect(checked('CASSANDRA.freshet.svc', '10.0.0.6')).toBe(true);
    expect(checked('other.freshet.svc', '10.0.0.5')).toBe(true);
    expect(identityCheck('other.freshet.svc')('10.0.0.6', NAMED)?.message).toBe(
      'the certificate is neither for 10.0.0.6 nor, to the letter, for "other.freshet.svc", which ' +
        'cassandra.server_name says; it is for: ' +
        'DNS:cassandra.freshet.svc, DNS:*.example.com, IP Address:10.0.0.5',
    );
  });

  it('has that name to the letter among its DNS names, as the writer wants it', () => {
    expect(checked('node.example.com', '10.0.0.6')).toBe(false);
    expect(checked('common.example.com', '10.0.0.6')).toBe(false);
    expect(checked('cassandra.freshet.svc', '10.0.0.6', COMMON_NAME)).toBe(false);
    expect(checked('freshet.svc', '10.0.0.6')).toBe(false);
  });
});

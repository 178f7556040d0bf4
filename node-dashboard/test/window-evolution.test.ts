import type cassandra from 'cassandra-driver';
import Fastify, { type FastifyInstance } from 'fastify';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { buildApp } from '../src/server/app.ts';
import { selectWindows, toWindow } from '../src/server/cassandra-rows.ts';
import { LiveStream } from '../src/server/live-stream.ts';
import { createPipeline } from '../src/server/pipeline.ts';
import { WINDOW_COLUMNS } from '../src/shared/generated/window.ts';
import { parseWindowMessage, type WindowValue } from '../src/shared/window.ts';
import { configOf } from './configuration.ts';
import { windowMessage } from './messages.ts';
import { windowSchema } from './openapi.ts';

// A dashboard of a later version, whose windows have fields that those of today lack.
vi.mock('../src/shared/generated/window.ts', async (original) => {
  const { withLaterFields } = await import('./later-fields.ts');
  return withLaterFields(await original());
});

const KNOWN = { mode: 7.5, peak_time: 1200, outliers: 3 };
const NOT_KNOWN = { mode: null, peak_time: null, outliers: null };
const WINDOWS = '/api/windows?stream=host&series=laptop/cpu&metric=usage&window=10s';

/** A message of today's version. */
function earlier(): object {
  const message: Record<string, unknown> = { ...windowMessage() };
  for (const name of Object.keys(NOT_KNOWN)) {
    Reflect.deleteProperty(message, name);
  }
  return message;
}

describe('a message', () => {
  it('of an earlier version is read, and what is missing in it is not known', () => {
    expect(parseWindowMessage(JSON.stringify(earlier()))).toEqual({ ...earlier(), ...NOT_KNOWN });
  });

  it('of this version is read with the later fields', () => {
    const message = { ...windowMessage(), ...KNOWN };
    expect(parseWindowMessage(JSON.stringify(message))).toEqual(message);
  });

  it.each([{ mode: '7' }, { mode: false }, { peak_time: 1.5 }, { outliers: -1 }])(
    'with a later field of a wrong kind is none: %j',
    (wrong) => {
      expect(parseWindowMessage(JSON.stringify({ ...windowMessage(), ...KNOWN, ...wrong }))).toBeNull();
    },
  );

  it('is sent on with null for what it does not tell', () => {
    const stream = new LiveStream('host');
    stream.begin('topic', new Map([[0, 0n]]));
    stream.append(0, [{ offset: 0n, value: JSON.stringify(earlier()) }], 1n);
    const events = stream.subscribe({ series: null, send: () => undefined }, null);
    expect(JSON.parse(/^data: (.*)$/m.exec(events)?.[1] ?? '')).toEqual({ ...earlier(), ...NOT_KNOWN });
  });
});

describe('a stored window', () => {
  const END = 1_700_000_010_000;
  const row = (fields: object = {}): cassandra.types.Row =>
    ({
      ...{ start: new Date(END - 10_000), end: new Date(END), last_event: new Date(END - 1000) },
      ...{ count: 2n, sum: 3, avg: 1.5, min: 1, max: 2, stddev: 0.5, p50: 1, p95: 2, p99: 2, revision: 2n },
      ...{ written: BigInt(END) * 1000n + 2n, partial: null },
      ...fields,
    }) as unknown as cassandra.types.Row;

  it('of a table without the later columns is read, and of one that has them', () => {
    expect(toWindow(row())).toMatchObject(NOT_KNOWN);
    expect(toWindow(row(NOT_KNOWN))).toMatchObject(NOT_KNOWN);
    const later = row({ mode: 7.5, peak_time: new Date(1200), outliers: 3n });
    expect(toWindow(later)).toMatchObject(KNOWN);
  });

  it('of a newer version, written by a writer that does not know the later fields, does not show older ones', () => {
    const written = BigInt(END) * 1000n + 2n;
    const times = (time: bigint): object => ({
      ...{ mode_written: time, peak_time_written: time, outliers_written: time },
    });
    const later = { mode: 7.5, peak_time: new Date(1200), outliers: 3n };
    expect(toWindow(row({ ...later, ...times(written) }))).toMatchObject(KNOWN);
    expect(toWindow(row({ ...later, ...times(written - 1n) }))).toMatchObject({ ...NOT_KNOWN, count: 2 });
    const partial = { partial: true, partial_written: written - 1n };
    expect(toWindow(row(partial))).not.toHaveProperty('partial');
  });

  it('is asked for with the later columns that its table has', () => {
    const earlierColumns = WINDOW_COLUMNS.filter((name) => !(name in KNOWN));
    expect(selectWindows('freshet', new Set(earlierColumns))).not.toMatch(/mode|peak_time|outliers/);
    expect(selectWindows('freshet', new Set(WINDOW_COLUMNS))).toMatch(/"mode", "peak_time", "outliers"/);
    expect(selectWindows('freshet', new Set(WINDOW_COLUMNS))).toContain(
      'WRITETIME("mode") AS "mode_written"',
    );
  });
});

describe('the dashboard', () => {
  let app: FastifyInstance;
  let stored: WindowValue[];

  beforeEach(async () => {
    const config = await configOf();
    const pipeline = createPipeline(config, Fastify({ logger: false }).log);
    vi.spyOn(pipeline.history, 'windows').mockImplementation(() => Promise.resolve(stored));
    app = await buildApp({ config, logLevel: 'silent', pipeline });
  });

  afterEach(() => app.close());

  it('answers with the later fields behind the others, null where they are not known', async () => {
    const window = windowMessage({ partial: true });
    stored = [
      { ...window, ...KNOWN },
      { ...window, ...NOT_KNOWN },
      { ...windowMessage(), ...NOT_KNOWN },
    ];
    const { body } = await app.inject({ url: WINDOWS });
    const answered = (JSON.parse(body) as { windows: object[] }).windows;
    const today = ['start', 'end', 'count', 'sum', 'avg', 'min', 'max', 'stddev', 'p50', 'p95', 'p99'];
    const later = ['mode', 'peak_time', 'outliers'];
    for (const window of answered) {
      const names = Object.keys(window);
      expect(names.slice(0, 14)).toEqual([...today, 'last_event', 'generation', 'revision']);
      expect(names.filter((name) => later.includes(name))).toEqual(later);
    }
    expect(answered).toMatchObject([{ ...KNOWN, partial: true }, { ...NOT_KNOWN, partial: true }, NOT_KNOWN]);
    expect(answered[2]).not.toHaveProperty('partial');
  });

  it('describes the later fields in /openapi.json', async () => {
    const { properties, required } = await windowSchema(app);
    expect(properties).toMatchObject({
      mode: { type: ['number', 'null'], description: 'what mode means' },
      peak_time: { type: ['integer', 'null'] },
      outliers: { type: ['integer', 'null'] },
    });
    expect(required).toEqual(expect.arrayContaining(['mode', 'peak_time', 'outliers']));
    expect(required).not.toContain('partial');
  });
});

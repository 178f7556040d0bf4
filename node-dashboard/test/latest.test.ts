import Fastify, { type FastifyInstance } from 'fastify';
import { afterEach, beforeEach, describe, expect, it, vi, type MockInstance } from 'vitest';
import { buildApp } from '../src/server/app.ts';
import { UnavailableError } from '../src/server/errors.ts';
import { LatestWindows, MAX_LINES } from '../src/server/latest-windows.ts';
import { createPipeline, type Pipeline } from '../src/server/pipeline.ts';
import { SeriesList } from '../src/server/series-list.ts';
import type { SeriesAnswer } from '../src/shared/api.ts';
import { MAX_LATEST, partOf, PAST_WINDOWS, type LatestAnswer } from '../src/shared/latest-api.ts';
import { parseWindowSpec } from '../src/shared/window-spec.ts';
import type { WindowMessage } from '../src/shared/window.ts';
import { configOf } from './configuration.ts';
import { windowMessage } from './messages.ts';

const KIND = { metric: 'usage', window: '10s' };

function latestOf(windows = ['10s', '5m/1m'], most = MAX_LINES): LatestWindows {
  return new LatestWindows(
    { metrics: ['usage', 'load'], windows: windows.map((text) => parseWindowSpec(text)) },
    most,
  );
}

/** A window of ten seconds; its newest event is so many milliseconds after its start. */
function at(start: number, fields: Partial<WindowMessage> = {}, event = 9000): WindowMessage {
  return windowMessage({ start, end: start + 10_000, last_event: start + event, ...fields });
}

describe('the newest window of a series', () => {
  const newest = (latest: LatestWindows, series = 'laptop/cpu') => {
    const line = latest.lines(KIND).get(series);
    return line === undefined ? undefined : latest.complete(line);
  };

  it('is the one whose end an event has reached, and not the one that still grows', () => {
    const latest = latestOf();
    latest.take(at(0, { avg: 1 }), at(10_000, { avg: 2 }));
    expect(newest(latest)?.avg).toBe(1);
    latest.take(at(20_000, {}, 0));
    expect(newest(latest)?.avg).toBe(2);
  });

  it('tells how late its newest reading came, whatever came later of older ones', () => {
    const latest = latestOf();
    const lag = (series = 'laptop/cpu') => latest.lines(KIND).get(series)?.lag;
    latest.take(at(0, { emitted: 12_000 }));
    expect(lag()).toBe(3000);
    latest.take(at(10_000, { emitted: 19_500 }), at(0, { revision: 9, emitted: 90_000 }));
    expect(lag()).toBe(500);
    expect(lag('other')).toBeUndefined();
  });

  it('is none before one is complete', () => {
    const latest = latestOf();
    latest.take(at(0));
    expect(newest(latest)).toBeUndefined();
  });

  it('is of the shortest kind of which one is complete, where no kind is named', () => {
    const latest = latestOf(['5m/1m', '10s']);
    latest.take(at(0, { window: '5m/1m', end: 300_000, avg: 5 }), at(300_000, { avg: 1 }));
    expect(latest.shortestComplete('laptop/cpu', 'usage')?.avg).toBe(5);
    latest.take(at(310_000, { avg: 2 }));
    expect(latest.shortestComplete('laptop/cpu', 'usage')?.avg).toBe(1);
    expect(latest.shortestComplete('laptop/cpu', 'load')).toBeUndefined();
    expect(latest.shortestComplete('other', 'usage')).toBeUndefined();
  });

  it('becomes complete by an event of another series', () => {
    const latest = latestOf();
    latest.take(at(0), at(10_000, { series: 'other' }));
    expect(newest(latest)?.start).toBe(0);
  });

  it('is taken in its newest version only', () => {
    const latest = latestOf();
    latest.take(at(0, { revision: 3, avg: 3 }), at(10_000), at(0, { revision: 2, avg: 2 }));
    expect(newest(latest)?.avg).toBe(3);
    latest.take(at(0, { revision: 4, avg: 4 }));
    expect(newest(latest)?.avg).toBe(4);
    latest.take(at(0, { generation: 1, revision: 1, avg: 5 }));
    expect(newest(latest)?.avg).toBe(5);
  });

  it('stays when a straggler comes for an earlier one', () => {
    const latest = latestOf();
    latest.take(at(0), at(10_000, { avg: 7 }), at(20_000), at(0, { revision: 9, avg: 1 }));
    expect(newest(latest)?.avg).toBe(7);
  });

  it('is not that of a metric or a kind of window which the stream does not have', () => {
    const latest = latestOf();
    latest.take(at(0, { metric: 'old' }), at(0, { window: '7s' }));
    expect([latest.lines({ metric: 'old', window: '10s' }).size, latest.lines(KIND).size]).toEqual([0, 0]);
  });
});

describe('what is remembered', () => {
  it('is bounded, and gives room to those that report', () => {
    // Two metrics and two kinds of windows: 12 of each.
    const latest = latestOf(['10s', '5m/1m'], 48);
    for (let index = 0; index < 20; index += 1) {
      latest.take(at(0, { series: `s${index}` }), at(0, { series: 's0' }));
    }
    const names = [...latest.lines(KIND).keys()];
    expect([names.length, latest.forgotten]).toEqual([12, 8]);
    expect(names).toContain('s0');
    expect(names).toContain('s19');
    expect(names).not.toContain('s5');
  });

  it('of each series is a few windows and the averages of its past, however long it goes on', () => {
    const latest = latestOf();
    for (let index = 0; index < 500; index += 1) {
      latest.take(at(index * 10_000, { avg: index }));
    }
    const line = latest.lines(KIND).get('laptop/cpu');
    expect(line?.windows.size).toBe(2);
    const starts = latest.starts(KIND, 10_000, 4);
    expect(starts).toEqual([4_950_000, 4_960_000, 4_970_000, 4_980_000]);
    expect(line && latest.averages(line, KIND, starts)).toEqual([495, 496, 497, 498]);
  });

  it('has gaps where no window was', () => {
    const latest = latestOf();
    latest.take(at(0, { avg: 1 }), at(30_000, { avg: 2 }), at(40_000));
    const line = latest.lines(KIND).get('laptop/cpu');
    const starts = latest.starts(KIND, 10_000, 5);
    expect(starts).toEqual([-10_000, 0, 10_000, 20_000, 30_000]);
    expect(line && latest.averages(line, KIND, starts)).toEqual([null, 1, null, null, 2]);
  });

  it('after a long silence is not what was there before', () => {
    const latest = latestOf();
    for (let index = 0; index < 70; index += 1) {
      latest.take(at(index * 10_000, { avg: index }));
    }
    const later = 70 * 10_000 + PAST_WINDOWS * 10_000;
    latest.take(at(later, { avg: -1 }), at(later + 10_000));
    const line = latest.lines(KIND).get('laptop/cpu');
    const starts = latest.starts(KIND, 10_000, PAST_WINDOWS);
    expect(line && latest.averages(line, KIND, starts).filter((value) => value !== null)).toEqual([-1]);
  });

  it('of windows that overlap is enough to reach one that is complete', () => {
    const latest = latestOf(['1h/1s']);
    const kind = { metric: 'usage', window: '1h/1s' };
    for (let start = 0; start < 7_200_000; start += 1000) {
      latest.take(at(start, { window: '1h/1s', end: start + 3_600_000, avg: start }, 1000));
    }
    const line = latest.lines(kind).get('laptop/cpu');
    expect(line?.windows.size).toBeLessThan(15);
    const complete = line && latest.complete(line);
    expect(complete?.end).toBeLessThanOrEqual(7_200_000);
    expect(complete?.end).toBeGreaterThan(7_200_000 - 300_000);
  });
});

describe('the list of stored series', () => {
  const found = (...names: string[]): SeriesAnswer => ({
    series: names.map((series) => ({ series, metrics: ['usage'], last_seen: 5 })),
    truncated: false,
  });

  afterEach(() => {
    vi.useRealTimers();
  });

  it('is read once for all that ask, and again when it is old, without letting anybody wait', async () => {
    vi.useFakeTimers();
    const read = vi.fn<() => Promise<SeriesAnswer>>().mockResolvedValue(found('a'));
    const list = new SeriesList(read);
    const answers = await Promise.all([list.of('host'), list.of('host')]);
    expect(answers.map(({ series }) => series.length)).toEqual([1, 1]);
    expect(read).toHaveBeenCalledTimes(1);
    vi.advanceTimersByTime(31_000);
    read.mockReturnValue(new Promise(() => undefined));
    expect((await list.of('host')).series).toHaveLength(1);
    expect(read).toHaveBeenCalledTimes(2);
  });

  it('stays what it was when it cannot be read, and says so', async () => {
    vi.useFakeTimers();
    const read = vi.fn<() => Promise<SeriesAnswer>>().mockResolvedValueOnce(found('a'));
    const list = new SeriesList(read);
    await list.of('host');
    vi.advanceTimersByTime(31_000);
    read.mockRejectedValue(new Error('cassandra is away'));
    await list.of('host');
    await vi.advanceTimersByTimeAsync(1);
    expect(await list.of('host')).toMatchObject({ series: [{ series: 'a' }], problem: 'cassandra is away' });
  });
});

it('a part of a name is counted from one, and empty where there is none', () => {
  expect([1, 2, 3].map((part) => partOf('hall/7', part))).toEqual(['hall', '7', '']);
});

describe('GET /api/latest', () => {
  let app: FastifyInstance;
  let pipeline: Pipeline;
  let asked: MockInstance<Pipeline['history']['series']>;

  beforeEach(async () => {
    const config = await configOf();
    pipeline = createPipeline(config, Fastify({ logger: false }).log);
    asked = vi.spyOn(pipeline.history, 'series').mockResolvedValue({ series: [], truncated: false });
    app = await buildApp({ config, logLevel: 'silent', pipeline });
    pipeline.live.get('host')?.begin('topic', new Map([[0, 0n]]));
  });

  afterEach(async () => {
    await app.close();
    vi.restoreAllMocks();
  });

  const ask = async (query = '') =>
    app.inject({ url: `/api/latest?stream=host&metric=usage&window=10s${query}` });
  const answerTo = async (query = ''): Promise<LatestAnswer> => (await ask(query)).json<LatestAnswer>();

  let offset = 0n;
  /** Windows come in by way of the topic. */
  function send(...messages: WindowMessage[]): void {
    for (const message of messages) {
      const record = { offset, value: JSON.stringify(message) };
      offset += 1n;
      pipeline.live.get('host')?.append(0, [record], offset);
    }
  }

  it('lists what comes in and what is stored, and does not make up a window', async () => {
    asked.mockResolvedValue({
      series: [
        { series: 'hall/9', metrics: ['usage'], last_seen: 77 },
        { series: 'hall/8', metrics: ['load'], last_seen: 78 },
      ],
      truncated: false,
    });
    send(at(0, { series: 'hall/7', avg: 1.23456789 }), at(10_000, { series: 'hall/7' }));
    expect(await answerTo()).toMatchObject({
      ...{ newest_event: 19_000, total: 2, matched: 2, problem: '' },
      series: ['hall/7', 'hall/9'],
      last_seen: [null, 77],
      points: { start: [0, null], avg: [1.234568, null], count: [1, null] },
      ...{ groups: [], past: { starts: [], avg: [] } },
    });
  });

  it('searches in any case, and says how many there are', async () => {
    send(at(0, { series: 'Hall/7' }), at(0, { series: 'roof/1' }), at(10_000));
    expect(await answerTo('&search=hALL')).toMatchObject({ total: 3, matched: 1, series: ['Hall/7'] });
    expect(await answerTo('&search=none')).toMatchObject({ total: 3, matched: 0, series: [] });
  });

  it('groups by a part of the name: of windows of one time only', async () => {
    const window = { count: 2, stddev: 0 };
    send(
      at(0, { ...window, series: 'hall/1', sum: 2, avg: 1, min: 0, max: 2 }),
      at(10_000, { ...window, series: 'hall/1', sum: 4, avg: 2, min: 1, max: 3 }),
      at(10_000, { ...window, count: 6, series: 'hall/2', sum: 60, avg: 10, min: 9, max: 11 }),
      at(0, { ...window, series: 'hall/3', sum: 2000, avg: 1000, min: 1000, max: 1000 }),
      at(20_000, { series: 'roof' }, 0),
    );
    const { groups } = await answerTo('&group=1');
    expect(groups).toEqual([
      { name: 'hall', series: 3, reporting: 2, start: 10_000, count: 8, avg: 8, min: 1, max: 11 },
      { name: 'roof', series: 1, reporting: 0, start: null, count: null, avg: null, min: null, max: null },
    ]);
    expect((await answerTo('&group=2')).groups.map(({ name }) => name)).toEqual(['', '1', '2', '3']);
  });

  it('gives the past of each series', async () => {
    send(...[0, 1, 2, 3].map((index) => at(index * 10_000, { avg: index })));
    const { past } = await answerTo('&past=2');
    expect(past).toEqual({ starts: [10_000, 20_000], avg: [[1, 2]] });
  });

  it('says that Cassandra is away, and lists what comes in', async () => {
    asked.mockRejectedValue(new UnavailableError('cassandra is not reachable'));
    send(at(0), at(10_000));
    expect(await answerTo()).toMatchObject({ problem: 'cassandra is not reachable', series: ['laptop/cpu'] });
  });

  it('lists at most so many, and counts all', async () => {
    const series = Array.from({ length: MAX_LATEST + 5 }, (_, index) => ({
      ...{ series: `s${index}`, metrics: ['usage'], last_seen: 1 },
    }));
    asked.mockResolvedValue({ series, truncated: true });
    const answer = await answerTo();
    expect([answer.series.length, answer.matched]).toEqual([MAX_LATEST, MAX_LATEST + 5]);
    expect(answer.problem).toMatch(/^only the first 10005 stored series/);
  });

  it('answers a search of 5,000 series within 100 ms', async () => {
    for (let start = 0; start <= 20_000; start += 10_000) {
      send(
        ...Array.from({ length: 5000 }, (_, index) =>
          at(start, { series: `hall-${index % 50}/sensor-${index}` }),
        ),
      );
    }
    await answerTo();
    const times: number[] = [];
    for (let round = 0; round < 5; round += 1) {
      const before = performance.now();
      const { matched } = await answerTo(`&search=SENSOR-${round + 1}1`);
      times.push(performance.now() - before);
      expect(matched).toBeGreaterThan(10);
    }
    expect(times.sort((a, b) => a - b)[2]).toBeLessThan(100);
  });

  it.each([
    ['&group=0', /group must be >= 1/],
    ['&past=49', /past must be <= 48/],
    ['&nope=1', /there is no parameter "nope"/],
  ])('refuses %s', async (query, message) => {
    const answer = await ask(query);
    expect(answer.statusCode).toBe(400);
    expect(answer.json<{ message: string }>().message).toMatch(message);
  });
});

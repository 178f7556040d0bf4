import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { HealthBoard } from '../src/server/health-board.ts';
import { parseHealthReport } from '../src/server/health-report.ts';
import type { HealthReport } from '../src/shared/api.ts';

/** A report of each component, as builds before there was a declaration have sent it. */
const EARLIER = readFileSync(
  path.join(import.meta.dirname, '../../rust/freshet-core/tests/fixtures/health_reports.jsonl'),
  'utf8',
)
  .trim()
  .split('\n');

function report(fields: Partial<HealthReport> = {}): HealthReport {
  return {
    ...{ component: 'freshet-producer', instance: 'box:1', stream: null, since: 0, time: 1000 },
    ...{ records_in: 0, records_out: 0, bytes_in: 0, bytes_out: 0, errors: {}, lag: null },
    ...fields,
  };
}

/** Takes a report in at the time at which it was made. */
function add(board: HealthBoard, report: HealthReport): void {
  board.add(report, report.time);
}

describe('the health board', () => {
  it('tells the age and the rates over the last ten seconds', () => {
    const board = new HealthBoard();
    for (let second = 0; second <= 60; second += 1) {
      const records_in = second < 50 ? second * 1000 : 50_000 + (second - 50) * 10;
      add(board, report({ time: second * 1000, records_in, errors: { timeout: second } }));
    }
    const [component] = board.components(60_250);
    expect(component).toMatchObject({ age: 250, records_in: 50_100, errors: { timeout: 60 } });
    expect(component?.rates).toEqual({
      records_in: 10,
      records_out: 0,
      bytes_in: 0,
      bytes_out: 0,
      errors: 1,
    });
  });

  it('has no rates from a single report, nor across a restart', () => {
    const board = new HealthBoard();
    add(board, report({ time: 1000, records_in: 1_000_000 }));
    expect(board.components(1000)[0]?.rates).toBeNull();
    add(board, report({ time: 2000, since: 1500, records_in: 5 }));
    expect(board.components(2000)[0]?.rates).toBeNull();
    add(board, report({ time: 3000, since: 1500, records_in: 25 }));
    expect(board.components(3000)[0]?.rates?.records_in).toBe(20);
  });

  it('shows instances that run side by side, but not the one that another has replaced', () => {
    const board = new HealthBoard();
    add(board, report({ instance: 'box:1', time: 1000 }));
    add(board, report({ instance: 'box:2', time: 2000 }));
    add(board, report({ component: 'spark-job', stream: 'host', time: 2000 }));
    expect(board.components(2000).map(({ instance }) => instance)).toEqual(['box:1', 'box:2', 'box:1']);
    add(board, report({ instance: 'box:2', time: 100_000 }));
    expect(board.components(100_000).map(({ component, instance }) => `${component}@${instance}`)).toEqual([
      'freshet-producer@box:2',
      'spark-job@box:1',
    ]);
  });

  it('calls a component stale that has been silent for more than five seconds', () => {
    const board = new HealthBoard();
    add(board, report({ time: 1000 }));
    expect(board.components(6000)).toMatchObject([{ age: 5000, stale: false }]);
    expect(board.components(6001)).toMatchObject([{ age: 5001, stale: true }]);
  });

  it('does not take what a silent component said last for what is so now', () => {
    const board = new HealthBoard();
    add(board, report({ time: 1000, records_in: 0, lag: 0 }));
    add(board, report({ time: 2000, records_in: 50, lag: 7 }));
    expect(board.components(2000)).toMatchObject([{ lag: 7, rates: { records_in: 50 } }]);
    expect(board.components(8000)).toMatchObject([{ stale: true, lag: null, rates: null, records_in: 50 }]);
  });

  it('does not miss a component that has said that it ends', () => {
    const board = new HealthBoard();
    add(board, report({ time: 1000, state: 'running' }));
    add(board, report({ time: 2000, state: 'ended' }));
    expect(board.components(60_000)).toMatchObject([{ age: 58_000, stale: false, rates: null, lag: null }]);
  });

  it('calls a component stale that has gone silent, also when its clock runs ahead', () => {
    const board = new HealthBoard();
    board.add(report({ time: 3_600_000 }), 1000);
    expect(board.components(1000)).toMatchObject([{ age: 0, stale: false }]);
    expect(board.components(6001)).toMatchObject([{ age: 5001, stale: true }]);
  });

  it('does not miss a component whose clock is behind, as soon as it is known to be', () => {
    const board = new HealthBoard();
    const behind = 600_000;
    const say = (now: number): void => {
      board.add(report({ time: now - behind, lag: 3 }), now);
    };
    // What the topic held at the start says nothing of when it was made.
    [600_000, 600_001, 600_002].forEach(say);
    expect(board.components(600_010)).toMatchObject([{ stale: true, lag: null }]);
    [601_000, 602_000].forEach(say);
    expect(board.components(602_250)).toMatchObject([{ age: 250, stale: false, lag: 3 }]);
    expect(board.components(607_001)).toMatchObject([{ age: 5001, stale: true }]);
    // Reports that have waited, as while Kafka was away, come at once.
    [640_000, 641_000].forEach((now) => {
      board.add(report({ time: now - behind }), 650_000);
    });
    expect(board.components(650_000)).toMatchObject([{ stale: true }]);
  });

  it('follows a clock that is set, in either direction', () => {
    const board = new HealthBoard();
    for (const [time, now] of [
      [1000, 601_000],
      [2000, 602_000],
      [603_000, 603_000],
      [604_000, 604_000],
      [5000, 605_000],
      [6000, 606_000],
    ] as const) {
      board.add(report({ time, since: 0 }), now);
    }
    expect(board.components(606_100)).toMatchObject([{ stale: false }]);
  });

  it('shows all instances that speak, whatever their clocks say', () => {
    const board = new HealthBoard();
    for (let now = 700_000; now <= 703_000; now += 1000) {
      board.add(report({ instance: 'behind:1', time: now - 600_000 }), now);
      board.add(report({ instance: 'right:1', time: now }), now);
      board.add(report({ instance: 'ahead:1', time: now + 600_000 }), now);
    }
    const spoken = board.components(703_000).map(({ instance, stale }) => [instance, stale]);
    expect(spoken).toEqual([
      ['ahead:1', false],
      ['behind:1', false],
      ['right:1', false],
    ]);
  });

  it('has no rate of errors of a component that does not count them', () => {
    const board = new HealthBoard();
    add(board, report({ time: 1000, errors: null }));
    add(board, report({ time: 2000, errors: null }));
    expect(board.components(2000)).toMatchObject([{ errors: null, rates: { records_in: 0, errors: null } }]);
  });

  it('keeps a bounded number of instances', () => {
    const board = new HealthBoard();
    for (let instance = 0; instance < 1000; instance += 1) {
      add(board, report({ instance: String(instance) }));
    }
    expect(board.components(0)).toHaveLength(256);
  });
});

describe('a health report', () => {
  it('keeps what its component tells beyond the common', () => {
    const spark = {
      ...{ rejected: 3, late: 1, late_by_window: { '10s': 1, '1m': 0 }, batch_duration_ms: null },
      ...{ state: 'restarting', restarts: 2, last_error: 'TimeoutException: no answer', skipped_offsets: 4 },
    } as const;
    const json = JSON.stringify({ ...report(), ...spark, batch_id: 7, watermark: 5 });
    expect(parseHealthReport(json)).toMatchObject({
      component: 'freshet-producer',
      ...spark,
      batch_id: 7,
      watermark: 5,
    });
  });

  it.each(EARLIER)('of an earlier build says what it said: %s', (json) => {
    const { notices = [], ...sent } = JSON.parse(json) as HealthReport;
    expect(parseHealthReport(json)).toMatchObject({
      ...sent,
      ...(notices !== null && notices.length > 0 && { notices }),
    });
  });

  it('may have a state that is not known yet, and fields that are not', () => {
    const newer = { ...report(), state: 'rebalancing', spare: { deep: [1] }, ['__proto__x']: 1 };
    expect(parseHealthReport(JSON.stringify(newer))).toEqual(newer);
  });

  it('says what it waits for, what went wrong when, what was lost, and what people should know', () => {
    const told = {
      ...{ state: 'waiting', waiting_for: 'the topic raw.host', last_error: 'gone', last_error_time: 17 },
      ...{ lost_offsets: 300, notices: ['the clock of s1 is 4 min ahead'], lag: null },
    };
    expect(parseHealthReport(JSON.stringify({ ...report(), ...told }))).toMatchObject(told);
  });

  it('says of each source how it is and what was lost', () => {
    const source = {
      ...{ connection: 'reconnecting', connection_since: 5, messages_in: 7, bytes_in: 70, records_out: 3 },
      ...{ rejected: 1, dropped: 2, gaps: 1, reconnections: 0, spare: 1 },
    };
    const told = { sources: { ticker: source, station: { ...source, last_error: null, last_heard: 9 } } };
    expect(parseHealthReport(JSON.stringify({ ...report(), ...told }))).toMatchObject(told);
    const wrong = { sources: { ticker: { ...source, dropped: '2' } } };
    expect(parseHealthReport(JSON.stringify({ ...report(), ...wrong }))?.sources ?? null).toBeNull();
  });

  it('says nothing of an error count or a lag that it does not have', () => {
    const { errors, lag, stream, ...rest } = report({ errors: { a: 1 } });
    expect([errors, lag, stream]).toEqual([{ a: 1 }, null, null]);
    expect(parseHealthReport(JSON.stringify(rest))).toMatchObject({ errors: null, lag: null, stream: null });
  });

  it.each([
    ...[
      { errors: { a: 'b' } },
      { lag: '0' },
      { state: 7 },
      { restarts: '1' },
      { last_error: 7 },
      { late: '5' },
    ],
    ...[
      { late_by_window: 5 },
      { rejected: '5' },
      { batch_duration_ms: {} },
      { notices: 'one' },
      { notices: [1] },
    ],
    ...[{ sources: [] }, { sources: { a: {} } }, { sources: { a: null } }],
    ...[{ waiting_for: {} }, { last_error_time: 'now' }, { skipped_offsets: [] }, { lost_offsets: '3' }],
  ])('is one although a field is not what it should be, but does not tell that field: %j', (wrong) => {
    const [name = ''] = Object.keys(wrong);
    const parsed = parseHealthReport(JSON.stringify({ ...report(), ...wrong }));
    expect(parsed).toMatchObject({ component: 'freshet-producer', instance: 'box:1' });
    expect(parsed?.[name as keyof HealthReport] ?? null).toBeNull();
  });

  it('has no more notices, and no longer ones, than people read', () => {
    const notices = Array.from({ length: 40 }, () => 'x'.repeat(5000));
    const read = parseHealthReport(JSON.stringify({ ...report(), notices }))?.notices ?? [];
    expect(read).toHaveLength(20);
    expect(read[0]).toBe(`${'x'.repeat(1000)}…`);
  });

  it('is not one of a size that nobody would send', () => {
    const sized = (length: number): string => JSON.stringify({ ...report(), spare: 'x'.repeat(length) });
    expect(parseHealthReport(sized(200_000))).not.toBeNull();
    expect(parseHealthReport(sized(300_000))).toBeNull();
  });

  it.each(['component', 'instance', 'stream'])('is not one with a name that fits no key: %s', (name) => {
    const named = (length: number): string => JSON.stringify({ ...report(), [name]: 'x'.repeat(length) });
    expect(parseHealthReport(named(300))).not.toBeNull();
    expect(parseHealthReport(named(301))).toBeNull();
  });

  it.each([
    ...['', '{', '[]', '7', 'null', '{}', '{"__proto__":{}}'],
    JSON.stringify(report()).replace('"records_in":0', '"records_in":1e999'),
    ...[{ component: 7 }, { time: '1' }, { records_in: null }].map((wrong) =>
      JSON.stringify({ ...report(), ...wrong }),
    ),
  ])('is not %s', (json) => {
    expect(parseHealthReport(json)).toBeNull();
  });
});

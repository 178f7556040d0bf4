import { describe, expect, it } from 'vitest';
import { HealthBoard, parseHealthReport } from '../src/server/health-board.ts';
import type { HealthReport } from '../src/shared/api.ts';

function report(fields: Partial<HealthReport> = {}): HealthReport {
  return {
    ...{ component: 'freshet-producer', instance: 'box:1', stream: null, since: 0, time: 1000 },
    ...{ records_in: 0, records_out: 0, bytes_in: 0, bytes_out: 0, errors: {}, lag: null },
    ...fields,
  };
}

describe('the health board', () => {
  it('tells the age and the rates over the last ten seconds', () => {
    const board = new HealthBoard();
    for (let second = 0; second <= 60; second += 1) {
      const records_in = second < 50 ? second * 1000 : 50_000 + (second - 50) * 10;
      board.add(report({ time: second * 1000, records_in, errors: { timeout: second } }));
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
    board.add(report({ time: 1000, records_in: 1_000_000 }));
    expect(board.components(1000)[0]?.rates).toBeNull();
    board.add(report({ time: 2000, since: 1500, records_in: 5 }));
    expect(board.components(2000)[0]?.rates).toBeNull();
    board.add(report({ time: 3000, since: 1500, records_in: 25 }));
    expect(board.components(3000)[0]?.rates?.records_in).toBe(20);
  });

  it('shows instances that run side by side, but not the one that another has replaced', () => {
    const board = new HealthBoard();
    board.add(report({ instance: 'box:1', time: 1000 }));
    board.add(report({ instance: 'box:2', time: 2000 }));
    board.add(report({ component: 'spark-job', stream: 'host', time: 2000 }));
    expect(board.components(2000).map(({ instance }) => instance)).toEqual(['box:1', 'box:2', 'box:1']);
    board.add(report({ instance: 'box:2', time: 100_000 }));
    expect(board.components(100_000).map(({ component, instance }) => `${component}@${instance}`)).toEqual([
      'freshet-producer@box:2',
      'spark-job@box:1',
    ]);
  });

  it('calls a component stale that has been silent for more than five seconds', () => {
    const board = new HealthBoard();
    board.add(report({ time: 1000 }));
    expect(board.components(6000)).toMatchObject([{ age: 5000, stale: false }]);
    expect(board.components(6001)).toMatchObject([{ age: 5001, stale: true }]);
  });

  it('keeps a bounded number of instances', () => {
    const board = new HealthBoard();
    for (let instance = 0; instance < 1000; instance += 1) {
      board.add(report({ instance: String(instance) }));
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

  it.each([
    ...['', '{', '[]', '7', '{}', JSON.stringify({ ...report(), errors: { a: 'b' } })],
    ...[{ state: 'lost' }, { restarts: '1' }, { last_error: 7 }].map((wrong) =>
      JSON.stringify({ ...report(), ...wrong }),
    ),
    ...[{ late: '5' }, { late_by_window: 5 }, { rejected: '5' }, { batch_duration_ms: {} }].map((wrong) =>
      JSON.stringify({ ...report(), ...wrong }),
    ),
  ])('is not %s', (json) => {
    expect(parseHealthReport(json)).toBeNull();
  });
});

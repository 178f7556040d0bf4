import { beforeEach, describe, expect, it } from 'vitest';
import type { HealthReport } from '../src/shared/api.ts';
import { Restarts } from '../src/server/annotations/restarts.ts';

let restarts: Restarts;

beforeEach(() => {
  restarts = new Restarts();
});

/** The reports of a run, once a second; returns what was marked. */
function run(from: number, to: number, more: Partial<HealthReport> = {}): [id: string, text: string][] {
  const marks = [];
  for (let time = from; time < to; time += 1000) {
    const report = {
      ...{ component: 'writer', instance: 'host:1', stream: null, since: from, time },
      ...{ records_in: 0, records_out: 0, bytes_in: 0, bytes_out: 0, errors: null, lag: null },
      ...more,
    };
    marks.push(...restarts.add(report));
  }
  return marks.map(({ id, text }) => [id, text]);
}

describe('a component', () => {
  it('that is first heard of has not started anew', () => {
    expect(run(0, 20_000)).toEqual([]);
  });

  it('that begins again after it was silent has, once', () => {
    run(0, 20_000);
    expect(run(30_000, 60_000)).toEqual([['restart|writer||30000', 'writer has started anew']]);
    expect(run(70_000, 90_000, { instance: 'host:2' })).toEqual([
      ['restart|writer||70000', 'writer has started anew'],
    ]);
  });

  it('that begins beside another one has not', () => {
    run(0, 20_000);
    const marks: string[] = [];
    for (let time = 20_000; time < 60_000; time += 1000) {
      marks.push(...run(time, time + 1000, { since: 0 }).map(([id]) => id));
      marks.push(...run(time, time + 1000, { instance: 'other:1', since: 20_500 }).map(([id]) => id));
    }
    expect(marks).toEqual([]);
  });

  it('of another version is a deployment, also while the one before is still there', () => {
    run(0, 20_000, { version: '1.0' });
    run(20_000, 22_000, { since: 0, version: '1.0' });
    expect(run(20_000, 40_000, { instance: 'host:2', version: '1.1' })).toEqual([
      ['deployment|writer||20000', 'writer: version 1.1 has taken over from 1.0'],
    ]);
  });

  it('of another version is one of each of its streams, where it reports these by themselves', () => {
    const job = (stream: string): Partial<HealthReport> => ({ component: 'spark-job', stream });
    for (const stream of ['a', 'b']) {
      run(0, 20_000, { ...job(stream), version: '1.0', restarts: 0 });
    }
    for (const stream of ['a', 'b']) {
      expect(run(30_000, 60_000, { ...job(stream), version: '1.1', restarts: 0 })).toEqual([
        [
          `deployment|spark-job|${stream}|30000`,
          `spark-job (${stream}): version 1.1 has taken over from 1.0`,
        ],
      ]);
    }
  });

  it('is told apart by its stream', () => {
    run(0, 20_000, { stream: 'a' });
    expect(run(30_000, 60_000, { stream: 'b' })).toEqual([]);
  });
});

it('a query that has failed and goes on is marked each time', () => {
  const job = { component: 'spark-job', stream: 'sensors', since: 0 };
  run(0, 10_000, { ...job, restarts: 0 });
  expect(run(10_000, 20_000, { ...job, restarts: 1 })).toEqual([
    ['restart|spark-job|sensors|0|1', 'the query of sensors has failed and started anew'],
  ]);
  expect(run(20_000, 30_000, { ...job, restarts: 1 })).toEqual([]);
});

it('what was marked by one dashboard has the same id in another', () => {
  const marks = [1, 2].map(() => {
    restarts = new Restarts();
    run(0, 20_000);
    return run(30_000, 60_000);
  });
  expect(marks[0]).toEqual(marks[1]);
});

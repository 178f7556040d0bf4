import { describe, expect, it } from 'vitest';
import { verdictOf, type Condition, type StreamCondition } from '../src/shared/verdict.ts';

const LIVE: StreamCondition = { title: 'sensors', age: 2000, stale: false, problem: '' };
const PIPELINE: NonNullable<Condition['pipeline']> = {
  unreachable: [],
  unwell: [],
  reporting: 3,
  losses: [{ kind: 'rejected', count: 0, when: 'in the last hour' }],
  unbalanced: [],
};
const WELL: Condition = { connection: 'live', streams: [LIVE], pipeline: PIPELINE, firing: [] };

function seconds(milliseconds: number): string {
  return `${milliseconds / 1000} s`;
}

describe('the verdict', () => {
  it.each<readonly [what: string, change: Partial<Condition>, level: string, texts: readonly string[]]>([
    ['all is well', {}, 'good', ['everything is live']],
    ['alerts are not known of', { firing: null }, 'good', ['everything is live']],
    [
      'a stream is late',
      { streams: [LIVE, { ...LIVE, title: 'host', age: 40_000, stale: true }] },
      'trouble',
      ['host is 40 s late'],
    ],
    [
      'records were rejected',
      { pipeline: { ...PIPELINE, losses: [{ kind: 'rejected', count: 2, when: 'in the last hour' }] } },
      'trouble',
      ['2 records rejected in the last hour'],
    ],
    [
      'one record was rejected',
      { pipeline: { ...PIPELINE, losses: [{ kind: 'rejected', count: 1, when: 'since 14:05:10' }] } },
      'trouble',
      ['1 record rejected since 14:05:10'],
    ],
    [
      'records were lost, and books do not balance',
      {
        pipeline: {
          ...PIPELINE,
          unbalanced: ['host'],
          losses: [
            { kind: 'deleted_offsets', count: 1200, when: 'in the last hour' },
            { kind: 'lost_offsets', count: 1, when: 'in the last hour' },
          ],
        },
      },
      'trouble',
      [
        'the books of host do not balance',
        '1200 offsets deleted unread in the last hour',
        '1 offset lost with its topic in the last hour',
      ],
    ],
    ['an alert fires', { firing: ['hot (s1)'] }, 'trouble', ['alert hot (s1) is firing']],
    [
      'the connection is lost',
      { connection: 'lost' },
      'trouble',
      ['the live edge is lost: what is shown may be old'],
    ],
    [
      'Kafka is away and a component silent',
      { pipeline: { ...PIPELINE, unreachable: ['kafka is away'], unwell: ['writer is silent for 9 s'] } },
      'trouble',
      ['kafka is away', 'writer is silent for 9 s'],
    ],
    ['nothing has been told', { streams: null, pipeline: null }, 'unknown', ['nothing is known yet']],
    ['it still connects', { connection: 'connecting' }, 'unknown', ['connecting…']],
    [
      'nothing has come in',
      { streams: [{ ...LIVE, age: null }] },
      'unknown',
      ['nothing has come in yet for sensors'],
    ],
    [
      'a stream cannot be asked',
      { streams: [{ ...LIVE, age: null, problem: 'cassandra is away' }] },
      'unknown',
      ['nothing is known of sensors: cassandra is away'],
    ],
    ['the pipeline is not known', { pipeline: null }, 'unknown', ['nothing is known of the pipeline']],
    [
      'no component reports',
      { pipeline: { ...PIPELINE, reporting: 0, losses: [] } },
      'unknown',
      ['no component of the pipeline has reported yet'],
    ],
    [
      'something is wrong and more is not known',
      { firing: ['hot (s1)'], pipeline: null },
      'trouble',
      ['alert hot (s1) is firing', 'nothing is known of the pipeline'],
    ],
  ])('when %s', (_, change, level, texts) => {
    expect(verdictOf({ ...WELL, ...change }, seconds)).toEqual({ level, texts });
  });
});

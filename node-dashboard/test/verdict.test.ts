import { describe, expect, it } from 'vitest';
import { verdictOf, type Condition, type Figures, type StreamCondition } from '../src/shared/verdict.ts';
import { formatCount } from '../src/web/format.ts';
import { locale } from '../src/web/reader.ts';

const LIVE: StreamCondition = { title: 'sensors', age: 2000, stale: false, problem: '' };
const PIPELINE: NonNullable<Condition['pipeline']> = {
  unreachable: [],
  unwell: [],
  reporting: 3,
  losses: [{ kind: 'rejected', count: 0, when: 'in the last hour' }],
  unbalanced: [],
};
const WELL: Condition = { connection: 'live', streams: [LIVE], pipeline: PIPELINE, firing: [] };

/** Figures that nobody else writes: what is not among them has been written in another way. */
const FIGURES: Figures = {
  age: (milliseconds) => `${milliseconds / 1000} s`,
  count: (count) => `<${count}>`,
};

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
      ['<2> records rejected in the last hour'],
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
        '<1200> offsets deleted unread in the last hour',
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
    [
      'nothing has come in for many',
      {
        streams: Array.from({ length: 1204 }, (_, index) => ({ ...LIVE, title: `s${index}`, age: null })),
      },
      'unknown',
      ['nothing has come in yet for s0, s1, s2 and <1201> more'],
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
    expect(verdictOf({ ...WELL, ...change }, FIGURES)).toEqual({ level, texts });
  });

  it.each([
    ['en-GB', '12,345 records rejected in the last hour'],
    ['de-DE', '12.345 records rejected in the last hour'],
  ])('has the separators of the page in %s', (language, text) => {
    const before = locale.value;
    locale.value = language;
    try {
      const losses = [{ kind: 'rejected', count: 12_345, when: 'in the last hour' }] as const;
      const condition = { ...WELL, pipeline: { ...PIPELINE, losses } };
      expect(verdictOf(condition, { ...FIGURES, count: formatCount }).texts).toEqual([text]);
    } finally {
      locale.value = before;
    }
  });
});

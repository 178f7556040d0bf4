import { describe, expect, it } from 'vitest';
import {
  bucketLength,
  bucketsOf,
  parseDuration,
  parseWindowSpec,
  windowNamed,
  windowOf,
  windowsIn,
} from '../src/shared/window-spec.ts';
import { BUCKETS } from './generated/buckets.ts';

const DAY = 86_400_000;

describe('window specs', () => {
  it.each([
    ['10s', { label: '10s', size: 10_000, slide: 10_000 }],
    ['60s', { label: '1m', size: 60_000, slide: 60_000 }],
    ['5m/1m', { label: '5m/1m', size: 300_000, slide: 60_000 }],
    ['300s/60s', { label: '5m/1m', size: 300_000, slide: 60_000 }],
    ['10s/10s', { label: '10s', size: 10_000, slide: 10_000 }],
    ['250ms', { label: '250ms', size: 250, slide: 250 }],
  ])('reads %s and gives each kind of window one name', (text, spec) => {
    expect(parseWindowSpec(text)).toEqual(spec);
  });

  it.each([
    ['60m@900s', '1h@15m'],
    ['1h@0s', '1h'],
    ['7d@Thu', '7d'],
    ['7d@96h', '7d@Mon'],
    ['7d@102h', '7d@102h'],
    ['14d/7d@Sun', '14d/7d@Sun'],
    ['14d@11d', '14d@11d'],
    ['7d@Mon@Etc/UTC', '7d@Mon'],
    ['1d@Africa/Abidjan', '1d'],
    ['24h@Europe/Berlin', '1d@Europe/Berlin'],
    ['1d@360m@Europe/Berlin', '1d@6h@Europe/Berlin'],
    ['30d/1d@America/Argentina/Ushuaia', '30d/1d@America/Argentina/Ushuaia'],
    ['1d@Asia/Kolkata', '1d@Asia/Kolkata'],
  ])('of %s that begin elsewhere are called %s', (text, label) => {
    expect(parseWindowSpec(text).label).toBe(label);
    expect(parseWindowSpec(label)).toEqual(parseWindowSpec(text));
  });

  it('of whole days are found by their name, and without their zone where they are the only ones', () => {
    const names = [
      '1h',
      '1d@Europe/Berlin',
      '7d@Mon@Europe/Berlin',
      '7d@Mon@Asia/Tokyo',
      '2d',
      '2d@Asia/Tokyo',
    ];
    const windows = names.map((text) => parseWindowSpec(text));
    const found = (text: string) => windowNamed(windows, text)?.label;
    expect(['60m', '24h', '1d@Europe/Berlin', '7d@Mon@Asia/Tokyo', '2d', '2d@UTC'].map(found)).toEqual([
      ...['1h', '1d@Europe/Berlin', '1d@Europe/Berlin', '7d@Mon@Asia/Tokyo', '2d', '2d'],
    ]);
    for (const none of ['7d@Mon', '7d', '1d@UTC', '1d@Asia/Tokyo', 'nonsense']) {
      expect(found(none)).toBeUndefined();
    }
    expect([windowOf(windows, '1d')?.label, windowOf(windows, '7d@Mon')]).toEqual([
      '1d@Europe/Berlin',
      undefined,
    ]);
  });

  it.each(['', '10', 's', '10 s', '10x', '1m/5m', '1m/0s', '0s', '1m/10s/1s', '-1s'])(
    'refuses "%s"',
    (text) => {
      expect(() => parseWindowSpec(text)).toThrow(/is not a (window|duration): write/);
    },
  );

  it('takes a lateness of nothing', () => {
    expect(parseDuration('0s')).toBe(0);
  });
});

describe('buckets', () => {
  it.each([
    ['1s', 1],
    ['8640ms', 1],
    ['8641ms', 2],
    ['10s', 2],
    ['1m', 7],
    ['5m/1m', 7],
    ['1h', 417],
  ])('of %s last %i days', (label, days) => {
    expect(bucketLength(parseWindowSpec(label))).toBe(days * DAY);
  });

  it('of a span are those that its windows can be in', () => {
    const spec = parseWindowSpec('10s');
    const noon = 100 * DAY + DAY / 2;
    expect(bucketsOf(spec, noon, noon + 1)).toEqual([100 * DAY]);
    expect(bucketsOf(spec, 100 * DAY, 102 * DAY)).toEqual([100 * DAY]);
    expect(bucketsOf(spec, 100 * DAY - 1, 102 * DAY + 1)).toEqual([98 * DAY, 100 * DAY, 102 * DAY]);
  });

  it.each(BUCKETS)('of %s at %i are those that the writer computes', (label, start, length, bucket) => {
    const spec = parseWindowSpec(label);
    expect(bucketLength(spec)).toBe(length);
    expect(bucketsOf(spec, start, start + 1)).toEqual([bucket]);
  });

  it('of an empty span do not exist', () => {
    expect(bucketsOf(parseWindowSpec('10s'), 200 * DAY, 200 * DAY)).toEqual([]);
  });
});

it('counts the windows that start in a half-open span', () => {
  const spec = parseWindowSpec('5m/1m');
  expect(windowsIn(spec, 0, 60_000)).toBe(1);
  expect(windowsIn(spec, 1, 60_000)).toBe(0);
  expect(windowsIn(spec, 1, 60_001)).toBe(1);
  expect(windowsIn(spec, 0, 3_600_000)).toBe(60);
  const days = parseWindowSpec('1d@Europe/Berlin');
  const from = Date.parse('2026-03-27T23:00:00Z');
  expect(windowsIn(days, from, Date.parse('2026-03-29T22:00:00Z'))).toBe(2);
  expect(windowsIn(days, from + 1, Date.parse('2026-03-29T22:00:00.001Z'))).toBe(2);
});

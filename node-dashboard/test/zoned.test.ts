import { describe, expect, it } from 'vitest';
import { fromWallTime, offsetAt, toWallTime } from '../src/shared/zoned.ts';

describe('the time on a wall', () => {
  it.each([
    ['UTC', '2026-11-26T14:05:10', '2026-11-26T14:05:10Z'],
    ['Europe/Berlin', '2026-11-26T15:05:10', '2026-11-26T14:05:10Z'],
    ['Europe/Berlin', '2026-07-01T15:05:10', '2026-07-01T13:05:10Z'],
    ['Asia/Kathmandu', '2026-11-26T19:50:10', '2026-11-26T14:05:10Z'],
    ['America/Los_Angeles', '2026-11-26T00:00:00', '2026-11-26T08:00:00Z'],
  ])('in %s of %s is one time', (zone, wall, time) => {
    expect(fromWallTime(wall, zone)).toBe(Date.parse(time));
    expect(toWallTime(Date.parse(time), zone)).toBe(wall);
  });

  it('that a change of the clocks leaves out is taken as if they had not changed, one that comes twice first', () => {
    expect(fromWallTime('2026-03-29T02:30:00', 'Europe/Berlin')).toBe(Date.parse('2026-03-29T01:30:00Z'));
    expect(fromWallTime('2026-10-25T02:30:00', 'Europe/Berlin')).toBe(Date.parse('2026-10-25T00:30:00Z'));
  });

  it('is not a number where it is no time', () => {
    expect(fromWallTime('', 'UTC')).toBeNaN();
    expect(offsetAt(0, 'Asia/Kolkata')).toBe(5.5 * 3_600_000);
  });
});

import { describe, expect, it } from 'vitest';
import { overlap } from '../src/shared/pattern.ts';

describe('patterns', () => {
  // As in rust/freshet-core/src/pattern.rs.
  it.each([
    ['a', 'a', true],
    ['a', 'b', false],
    ['a*', '*b', true],
    ['a*', 'b*', false],
    ['*a', '*b', false],
    ['sensors.*', 'sensors.eu*', true],
    ['sensors.*', 'sensors', false],
    ['a*c', 'ab*', true],
    ['a*b*c', 'ac', false],
    ['a*b*c', 'abc', true],
    ['*x*', 'a*', true],
    ['*', '', true],
    ['', 'a*', false],
    ['**', '*', true],
  ])('%s and %s overlap: %s', (one, other, expected) => {
    expect(overlap(one, other)).toBe(expected);
    expect(overlap(other, one)).toBe(expected);
  });
});

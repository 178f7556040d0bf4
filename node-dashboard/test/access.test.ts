import { expect, it } from 'vitest';
import { withoutToken } from '../src/server/access.ts';
import { generationOf } from '../src/server/cassandra-rows.ts';
import { parseCommand, UsageError } from '../src/server/arguments.ts';

it.each([
  ['/api/live?stream=a&token=secret', '/api/live?stream=a&token=…'],
  ['/?token=secret&stream=a', '/?token=…&stream=a'],
  ['/api/streams', '/api/streams'],
  ['/api/live?%74oken=secret', '/api/live?token=…'],
  ['/api/live?a=%zz&token=a?token=b', '/api/live?a=%zz&token=…'],
])('a log never shows the token of %s', (url, logged) => {
  expect(withoutToken(url)).toBe(logged);
});

it('tells the generation of a stored window from its write time', () => {
  const end = 1_700_000_010_000;
  const written = (generation: number, revision: number): bigint =>
    BigInt(end) * 1000n + BigInt(generation) * 2n ** 30n + BigInt(revision);
  expect(generationOf(written(0, 7), end, 7)).toBe(0);
  expect(generationOf(written(3, 123_456), end, 123_456)).toBe(3);
});

it('reads the command line', () => {
  expect(parseCommand(['--help'])).toEqual({ kind: 'help' });
  expect(parseCommand(['-c', 'a.toml'])).toEqual({ kind: 'serve', configFile: 'a.toml' });
  expect(() => parseCommand([])).toThrow(UsageError);
  expect(() => parseCommand(['--port', '1'])).toThrow(/Unknown option '--port'/);
});

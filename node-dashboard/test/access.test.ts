import { expect, it } from 'vitest';
import { withoutToken } from '../src/server/access.ts';
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

it('reads the command line', () => {
  expect(parseCommand(['--help'])).toEqual({ kind: 'help' });
  expect(parseCommand(['-c', 'a.toml'])).toEqual({ kind: 'serve', configFile: 'a.toml' });
  expect(() => parseCommand([])).toThrow(UsageError);
  expect(() => parseCommand(['--port', '1'])).toThrow(/Unknown option '--port'/);
});

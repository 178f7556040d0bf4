import { describe, expect, it } from 'vitest';
import { parseWindowMessage, supersedes } from '../src/shared/window.ts';
import { windowMessage } from './messages.ts';

describe('a window message', () => {
  it('is read with everything in it', () => {
    const message = windowMessage();
    expect(parseWindowMessage(JSON.stringify(message))).toEqual(message);
  });

  it.each([true, false, null, 'yes', undefined])('is partial only when it says so: %s', (partial) => {
    const read = parseWindowMessage(JSON.stringify({ ...windowMessage(), partial }));
    expect(read).toEqual({ ...windowMessage(), ...(partial === true && { partial: true }) });
  });

  const infinite = JSON.stringify(windowMessage({ avg: 2 })).replace('"avg":2', '"avg":1e999');

  it.each(['', '{', 'null', '[]', '{}', JSON.stringify({ ...windowMessage(), avg: '2' }), infinite])(
    'is told from what is none: %s',
    (json) => {
      expect(parseWindowMessage(json)).toBeNull();
    },
  );
});

describe('versions of a window', () => {
  it('are ordered by revision, and before that by generation', () => {
    const older = windowMessage({ generation: 0, revision: 9 });
    expect(supersedes(windowMessage({ revision: 10 }), older)).toBe(true);
    expect(supersedes(windowMessage({ revision: 8 }), older)).toBe(false);
    expect(supersedes(windowMessage({ generation: 1, revision: 1 }), older)).toBe(true);
    expect(supersedes(older, windowMessage({ generation: 1, revision: 1 }))).toBe(false);
  });
});

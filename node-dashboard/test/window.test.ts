import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { WINDOW_FIELDS } from '../src/shared/generated/window.ts';
import { parseWindowMessage, supersedes } from '../src/shared/window.ts';
import { NOT_KNOWN, windowMessage } from './messages.ts';

/** What the version before the table of fields left in its topic. */
const EARLIER = path.join(import.meta.dirname, '../../spark-job/src/test/resources/earlier/messages.jsonl');

describe('a window message', () => {
  it('is read with everything in it', () => {
    const message = windowMessage();
    expect(parseWindowMessage(JSON.stringify(message))).toEqual(message);
  });

  it.each([true, false, null, undefined])('is partial only when it says so: %s', (partial) => {
    const read = parseWindowMessage(JSON.stringify({ ...windowMessage(), partial }));
    expect(read).toEqual({ ...windowMessage(), ...(partial === true && { partial: true }) });
  });

  it('of the version before the table of fields is read, whatever is missing in it', () => {
    const lines = readFileSync(EARLIER, 'utf8').trimEnd().split('\n');
    expect(lines.length).toBeGreaterThan(10);
    for (const line of lines) {
      expect(parseWindowMessage(line)).toEqual({ ...NOT_KNOWN, ...(JSON.parse(line) as object) });
    }
  });

  it('of a later version is read without what is not known here', () => {
    const later = { mode: 7, zone: { of: ['the', 'sensor'] }, halted: null };
    const message = windowMessage();
    expect(parseWindowMessage(JSON.stringify({ ...later, ...message }))).toEqual(message);
  });

  it.each(WINDOW_FIELDS)('is none with a wrong $name', ({ name, kind, optional }) => {
    const wrong: Record<string, unknown[]> = {
      text: [1, true, {}, []],
      time: ['1', 1.5, true, {}, 1e17, -1e17],
      count: ['1', 1.5, -1, true],
      number: ['1', true, [], {}],
      flag: ['yes', 1, {}],
    };
    const missing = optional ? [] : [null, undefined];
    for (const value of [...(wrong[kind] ?? []), ...missing]) {
      const message = JSON.stringify({ ...windowMessage(), [name]: value });
      expect([message, parseWindowMessage(message)]).toEqual([message, null]);
    }
    if (optional) {
      expect(parseWindowMessage(JSON.stringify({ ...windowMessage(), [name]: null }))).toEqual(
        windowMessage(),
      );
    }
  });

  const infinite = JSON.stringify(windowMessage({ avg: 2 })).replace('"avg":2', '"avg":1e999');

  it.each(['', '{', 'null', '[]', '{}', '7', infinite])('is told from what is none: %s', (json) => {
    expect(parseWindowMessage(json)).toBeNull();
  });
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

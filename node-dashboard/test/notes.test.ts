import { beforeEach, expect, it, vi } from 'vitest';
import { Notes } from '../src/server/annotations/notes.ts';
import { UnavailableError } from '../src/server/errors.ts';
import type { Annotation } from '../src/shared/api.ts';

let stored: string[];
let failures: string[];
let problems: Map<string, Error>;
let notes: Notes;

beforeEach(() => {
  [stored, failures] = [[], []];
  problems = new Map();
  const add = async ({ id }: Annotation): Promise<void> => {
    await new Promise((resolve) => setImmediate(resolve));
    const problem = problems.get(id);
    if (problem !== undefined) {
      throw problem;
    }
    stored.push(id);
  };
  const store = { add, between: () => Promise.resolve([]) };
  notes = new Notes(store, (message) => failures.push(message));
});

function marks(...ids: readonly string[]): Annotation[] {
  return ids.map((id) => ({ id, at: 0, until: null, kind: 'restart', stream: null, text: id }));
}

it('what cannot be stored while Cassandra is away waits, in its order', async () => {
  problems.set('a', new UnavailableError('away'));
  await notes.add(marks('a', 'b'));
  expect([stored, failures]).toEqual([[], []]);
  problems.clear();
  await notes.add(marks('c'));
  expect(stored).toEqual(['a', 'b', 'c']);
});

it('what can never be stored is told, and holds up nothing', async () => {
  problems.set('a', new TypeError('no such date'));
  await notes.add(marks('a', 'b'));
  expect(stored).toEqual(['b']);
  expect(failures).toEqual(['a mark could not be stored: no such date']);
});

it('of more than can wait the oldest are given up, and none of the others is missed or stored twice', async () => {
  const [first, ...others] = Array.from({ length: 1200 }, (_, index) => String(index));
  void notes.add(marks(first ?? ''));
  // While the first is on its way, it is given up as well.
  void notes.add(marks(...others));
  await vi.waitFor(() => {
    expect(stored).toHaveLength(1001);
  });
  expect(stored).toEqual([first, ...others.slice(-1000)]);
  expect(failures).toEqual(['200 marks could not be stored']);
});

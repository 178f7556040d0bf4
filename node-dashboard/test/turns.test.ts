import { expect, it } from 'vitest';
import { Turns } from '../src/server/turns.ts';

it('so much is done at once, in order, so much waits, and the rest is refused', async () => {
  const turns = new Turns(2, 3);
  const done: number[] = [];
  const ends: (() => void)[] = [];
  let running = 0;
  const work = (index: number) => async (): Promise<void> => {
    running += 1;
    await new Promise<void>((resolve) => ends.push(resolve));
    running -= 1;
    done.push(index);
  };
  const all = [0, 1, 2, 3, 4].map((index) => turns.take(work(index)));
  await expect(turns.take(work(5))).rejects.toMatchObject({ statusCode: 503 });
  for (let index = 0; index < 5; index += 1) {
    expect(running).toBeLessThanOrEqual(2);
    ends[index]?.();
    await all[index];
  }
  expect(done).toEqual([0, 1, 2, 3, 4]);
  await expect(turns.take(() => Promise.reject(new Error('lost')))).rejects.toThrow('lost');
  await expect(turns.take(() => Promise.resolve(7))).resolves.toBe(7);
});

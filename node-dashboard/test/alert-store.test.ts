import { expect, it } from 'vitest';
import { CassandraAlertStore } from '../src/server/alerts/store.ts';
import type { CassandraHistory } from '../src/server/cassandra-history.ts';

const SUBJECT = { alert: 'hot', stream: 'host', series: 'a', metric: 'usage' };
const FIRING = { state: 'firing', since: 1000, value: 60 } as const;
const RESOLVED = { state: 'resolved', since: 2000, value: 10 } as const;

type Row = Readonly<Record<string, unknown>>;

/** Answers changes with these rows, one after the other, and reads with that one. */
function storeOf(answers: readonly Row[], stored: readonly Row[] = []) {
  const asked: (readonly unknown[])[] = [];
  const history = {
    change: (_: unknown, values: readonly unknown[]) => Promise.resolve(answers[asked.push(values) - 1]),
    read: (_: unknown, __: unknown, read: (row: Row) => unknown) => Promise.resolve(stored.map(read)),
  };
  return { asked, store: new CassandraAlertStore(history as unknown as CassandraHistory) };
}

it('a state whose row has expired is stored anew: Cassandra tells nothing of a row that is not there', async () => {
  const { asked, store } = storeOf([{ '[applied]': false }, { '[applied]': true }]);
  expect(await store.replace(SUBJECT, FIRING, RESOLVED, null)).toBeNull();
  expect(asked.map((values) => values.slice(-2))).toEqual([
    ['firing', new Date(1000)],
    [null, null],
  ]);
});

it('the state of another dashboard comes with its value, which the refusal does not tell', async () => {
  const refusal = { '[applied]': false, state: 'firing', since: new Date(3000) };
  const row = { state: 'firing', since: new Date(3000), value: 75 };
  const known = await storeOf([refusal], [row]).store.replace(SUBJECT, FIRING, RESOLVED, null);
  expect(known).toEqual({ state: 'firing', since: 3000, value: 75 });
  const changed = await storeOf([refusal], [{ ...row, since: new Date(4000) }]).store.replace(
    SUBJECT,
    FIRING,
    RESOLVED,
    null,
  );
  expect(changed).toEqual({ state: 'firing', since: 3000, value: 10 });
});

it('a state of a later version is named, and not asked for without end', async () => {
  const { store } = storeOf([{ '[applied]': false, state: 'snoozed', since: new Date(3000) }]);
  await expect(store.replace(SUBJECT, FIRING, RESOLVED, null)).rejects.toThrow(/not known here: snoozed/);
});

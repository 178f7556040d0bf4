import { readFileSync } from 'node:fs';
import path from 'node:path';
import { Ajv } from 'ajv';
import { parse } from 'smol-toml';
import { expect, it } from 'vitest';

/** What editors check `freshet.toml` with, and the configurations that everybody agrees on. */
const project = path.join(import.meta.dirname, '../..');
const read = (file: string): string => readFileSync(path.join(project, file), 'utf8');
const validate = new Ajv({ allErrors: true }).compile(JSON.parse(read('freshet.schema.json')) as object);
const rows = JSON.parse(read('rust/freshet-core/tests/configurations.json')) as {
  readonly name: string;
  readonly text: string;
  readonly environment: object;
  readonly error?: string;
}[];
const STREAM = '[[stream]]\nname = "host"\nvalues = { usage = "usage" }\nwindows = ["10s"]\n';

function complaints(text: string): string[] {
  // The validator knows numbers of JSON, in which great whole numbers are rounded: no bound is that close.
  const inJson = JSON.stringify(parse(text, { integersAsBigInt: true }), (_, value: unknown) =>
    typeof value === 'bigint' ? Number(value) : value,
  );
  validate(JSON.parse(inJson));
  return (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message ?? ''}`);
}

it('the schema is that of the default pipeline, which names it', () => {
  const text = read('freshet.toml');
  expect(text.split('\n')[0]).toBe('#:schema ./freshet.schema.json');
  expect(complaints(text)).toEqual([]);
});

/** Those that are right by themselves, whatever the environment says. */
const right = rows.filter(
  ({ error, environment }) => error === undefined && Object.keys(environment).length === 0,
);

it.each(right)('the schema accepts: $name', ({ text }) => {
  expect(complaints(text)).toEqual([]);
});

it.each([
  ['a misspelt key', `[dashboard]\nprot = 3000\n${STREAM}`],
  ['a misspelt table', `[dashbord]\nport = 3000\n${STREAM}`],
  ['a port that is none', `[dashboard]\nport = 70000\n${STREAM}`],
  ['a choice that is none', `[cassandra]\nconsistency = "most"\n${STREAM}`],
  ['a keyspace that is none', `[cassandra]\nkeyspace = "a; b"\n${STREAM}`],
  ['a duration that is none', `${STREAM}lateness = "soon"\n`],
  ['a stream without windows', '[[stream]]\nname = "host"\nvalues = { usage = "usage" }\n'],
  ['no stream', ''],
])('the schema refuses %s', (_, text) => {
  expect(complaints(text)).not.toEqual([]);
});

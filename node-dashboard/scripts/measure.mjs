// Measures all that the dashboard has to reach, one after the other, and exits with 1 where a figure is beyond its
// limit. The page is measured by itself; all else needs a Kafka, a Cassandra, or the whole stack.
//
//   npm run build && ./freshet up --detach && npm run measure -- [page latency load month search]
//     [--kafka 127.0.0.1:9092] [--cassandra 127.0.0.1:9042] [--url http://127.0.0.1:3000]
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { parseArgs } from 'node:util';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    kafka: { type: 'string', default: '127.0.0.1:9092' },
    cassandra: { type: 'string', default: '127.0.0.1:9042' },
    url: { type: 'string', default: 'http://127.0.0.1:3000' },
  },
});
const kafka = ['--kafka', values.kafka];
const cassandra = ['--cassandra', values.cassandra];
const url = ['--url', values.url];

/** @type {Readonly<Record<string, readonly string[]>>} */
const MEASUREMENTS = {
  page: ['node_modules/vitest/vitest.mjs', 'run', '--config', 'vitest.measure.config.ts'],
  latency: ['scripts/pixel-latency.mjs', ...kafka, ...cassandra],
  load: ['scripts/live-load.mjs', ...kafka],
  month: ['scripts/month-history.mjs', ...cassandra, ...url],
  search: ['scripts/series-search.mjs', ...cassandra, ...url],
};
const names = positionals.length === 0 ? Object.keys(MEASUREMENTS) : positionals;
const unknown = names.filter((name) => !Object.hasOwn(MEASUREMENTS, name));
if (unknown.length > 0) {
  console.error(`there is no measurement ${unknown.join()}; there are: ${Object.keys(MEASUREMENTS).join()}`);
  process.exit(2);
}
const failed = names.filter((name) => {
  const cwd = path.join(import.meta.dirname, '..');
  return spawnSync(process.execPath, MEASUREMENTS[name] ?? [], { cwd, stdio: 'inherit' }).status !== 0;
});
if (failed.length > 0) {
  console.error(`beyond a limit, or not measured: ${failed.join(', ')}`);
  process.exitCode = 1;
}

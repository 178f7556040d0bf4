// How long the dashboard takes for a month of many series, and how large its answer is. It stores windows of an hour in
// the Cassandra of a running stack, under series of their own that expire in ten minutes, and asks the dashboard.
// It exits with 1 where that is beyond a limit.
//
//   ./freshet up --detach && node scripts/month-history.mjs [--cassandra 127.0.0.1:9042] [--url http://127.0.0.1:3000]
//     [--series 20] [--days 30] [--stream sensors] [--metric temperature]
import { get } from 'node:http';
import { parseArgs } from 'node:util';
import cassandra from 'cassandra-driver';
import { judge } from './limits.mjs';

const { values } = parseArgs({
  options: {
    cassandra: { type: 'string', default: '127.0.0.1:9042' },
    keyspace: { type: 'string', default: 'freshet' },
    url: { type: 'string', default: 'http://127.0.0.1:3000' },
    series: { type: 'string', default: '20' },
    days: { type: 'string', default: '30' },
    stream: { type: 'string', default: 'sensors' },
    metric: { type: 'string', default: 'temperature' },
  },
});
const HOUR = 3_600_000;
/** @type {(name: string) => Promise<unknown>} */
const built = (name) => import(new URL(`../dist/shared/${name}.js`, import.meta.url).href);
const { bucketLength, parseWindowSpec } = /** @type {typeof import('../src/shared/window-spec.ts')} */ (
  await built('window-spec')
);
const { PAGE_COLUMNS } = /** @type {typeof import('../src/shared/columns.ts')} */ (await built('columns'));
const window = parseWindowSpec('1h');
const bucket = bucketLength(window);
const end = Math.floor(Date.now() / HOUR) * HOUR;
const begin = end - Number(values.days) * 24 * HOUR;
const names = Array.from({ length: Number(values.series) }, (_, index) => `month-${index}`);

const client = new cassandra.Client({ contactPoints: [values.cassandra], localDataCenter: 'datacenter1' });
await client.connect();
const statement =
  `INSERT INTO ${values.keyspace}.windows (stream, series, metric, "window", bucket, start, "end", count, sum, avg, ` +
  'min, max, stddev, p50, p95, p99, last_event, revision, first, last) ' +
  "VALUES (?, ?, ?, '1h', ?, ?, ?, 3600, ?, ?, ?, ?, ?, ?, ?, ?, ?, 3600, ?, ?) USING TIMESTAMP ? AND TTL 600";
const long = cassandra.types.Long;
for (const series of names) {
  const rows = [];
  for (let start = begin; start < end; start += HOUR) {
    const value = () => 20 + Math.random() * 5;
    const average = value();
    rows.push([
      ...[values.stream, series, values.metric, new Date(Math.floor(start / bucket) * bucket)],
      ...[new Date(start), new Date(start + HOUR), average * 3600, average],
      ...Array.from({ length: 6 }, value),
      ...[new Date(start + HOUR - 1), value(), value()],
      long
        .fromNumber(start + HOUR)
        .multiply(1000)
        .add(3600),
    ]);
  }
  await cassandra.concurrent.executeConcurrent(client, statement, rows, { concurrencyLevel: 64 });
}
await client.shutdown();

// As the page asks for it, on a screen of 600 pixels for a chart.
const query = new URLSearchParams([
  ...[
    ['stream', values.stream],
    ['metric', values.metric],
    ['window', '10s'],
    ['points', '1200'],
  ],
  ...[
    ['from', String(begin)],
    ['to', String(end)],
  ],
  ...Object.entries(PAGE_COLUMNS).map(([name, value]) => [name, String(value)]),
  ...names.map((name) => ['series', name]),
]);

/**
 * Asks once, and reads the whole answer as it comes over the wire.
 *
 * @param {string} encoding
 * @returns {Promise<{ milliseconds: number, body: Buffer }>}
 */
function ask(encoding) {
  const started = performance.now();
  return new Promise((resolve, reject) => {
    get(`${values.url}/api/history?${query}`, { headers: { 'Accept-Encoding': encoding } }, (response) => {
      /** @type {Buffer[]} */
      const parts = [];
      response.on('data', (/** @type {Buffer} */ part) => parts.push(part));
      response.on('end', () => {
        resolve({ milliseconds: performance.now() - started, body: Buffer.concat(parts) });
      });
      response.on('error', reject);
    }).on('error', reject);
  });
}

/** @type {unknown} */
const answered = JSON.parse((await ask('identity')).body.toString());
const { charts } = /** @type {import('../src/shared/api.ts').HistoryAnswer} */ (answered);
const points = charts.reduce((sum, { points: { start } }) => sum + (start?.length ?? 0), 0);
for (const encoding of ['br', 'gzip', 'identity']) {
  const times = [];
  let bytes = 0;
  for (let attempt = 0; attempt < 11; attempt += 1) {
    const { milliseconds, body } = await ask(encoding);
    times.push(milliseconds);
    bytes = body.length;
  }
  const [first = 0, ...others] = times.map(Math.round);
  const median = others.sort((a, b) => a - b)[5];
  console.log(JSON.stringify({ encoding, points, bytes, first_ms: first, median_ms: median }));
  // Every browser asks for a compressed answer.
  if (encoding !== 'identity') {
    judge([
      { figure: `a month of ${names.length} series, ${encoding}, median in ms`, value: median, most: 500 },
      { figure: `a month of ${names.length} series, ${encoding}, bytes`, value: bytes, most: 500_000 },
    ]);
  }
}

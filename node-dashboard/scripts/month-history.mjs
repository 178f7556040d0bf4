// How long the dashboard takes for a month of many series, and how large its answer is. It stores windows of an hour in
// the Cassandra of a running stack, under series of their own that expire in ten minutes, and asks the dashboard.
// It exits with 1 where that is beyond a limit.
//
//   ./freshet up --detach && node scripts/month-history.mjs [--cassandra 127.0.0.1:9042] [--url http://127.0.0.1:3000]
//     [--series 20] [--days 30] [--stream sensors] [--metric temperature]
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
/** @type {unknown} */
const built = await import(new URL('../dist/shared/window-spec.js', import.meta.url).href);
const { bucketLength, parseWindowSpec } = /** @type {typeof import('../src/shared/window-spec.ts')} */ (
  built
);
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
    rows.push([
      ...[values.stream, series, values.metric, new Date(Math.floor(start / bucket) * bucket)],
      ...[new Date(start), new Date(start + HOUR), value() * 3600],
      ...Array.from({ length: 7 }, value),
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
    ['digits', '5'],
    ['deltas', 'true'],
  ],
  ...names.map((name) => ['series', name]),
]);
for (const fields of [['avg', 'min', 'max', 'count'], []]) {
  const url = `${values.url}/api/history?${query}${fields.map((field) => `&fields=${field}`).join('')}`;
  const times = [];
  let bytes = 0;
  let points = 0;
  for (let attempt = 0; attempt < 11; attempt += 1) {
    const started = performance.now();
    const answer = await fetch(url, { headers: { 'Accept-Encoding': 'identity' } });
    const text = await answer.text();
    times.push(performance.now() - started);
    bytes = Buffer.byteLength(text);
    /** @type {unknown} */
    const answered = JSON.parse(text);
    const { charts } = /** @type {import('../src/shared/api.ts').HistoryAnswer} */ (answered);
    points = charts.reduce((sum, { points: { start } }) => sum + (start?.length ?? 0), 0);
  }
  const [first = 0, ...others] = times.map(Math.round);
  const median = others.sort((a, b) => a - b)[5];
  console.log(
    JSON.stringify({
      fields: fields.length === 0 ? 'all' : fields,
      points,
      bytes,
      first_ms: first,
      median_ms: median,
    }),
  );
  // The limit is that of what a chart draws.
  if (fields.length > 0) {
    judge([
      { figure: `a month of ${names.length} series, median in ms`, value: median, most: 500 },
      { figure: `a month of ${names.length} series, bytes`, value: bytes, most: 500_000 },
    ]);
  }
}

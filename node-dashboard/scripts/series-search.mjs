// How long a search among thousands of series takes. It stores them in the Cassandra of a running stack, beside those
// that the stream has, where they expire in two minutes, and asks the dashboard as the overview and the fleet do.
//
//   ./freshet up --detach && node scripts/series-search.mjs [--cassandra 127.0.0.1:9042] [--url http://127.0.0.1:3000]
//     [--series 5000] [--stream sensors] [--metric temperature] [--window 10s] [--samples 100]
import { parseArgs } from 'node:util';
import cassandra from 'cassandra-driver';
import { percentile, waitUntil } from './fed-server.mjs';
import { judge } from './limits.mjs';

/** Each answer, in milliseconds. */
const MOST = 100;

const { values } = parseArgs({
  options: {
    cassandra: { type: 'string', default: '127.0.0.1:9042' },
    keyspace: { type: 'string', default: 'freshet' },
    url: { type: 'string', default: 'http://127.0.0.1:3000' },
    series: { type: 'string', default: '5000' },
    stream: { type: 'string', default: 'sensors' },
    metric: { type: 'string', default: 'temperature' },
    window: { type: 'string', default: '10s' },
    samples: { type: 'string', default: '100' },
  },
});
const { stream, metric, window } = values;
const count = Number(values.series);
const samples = Number(values.samples);

const client = new cassandra.Client({ contactPoints: [values.cassandra], localDataCenter: 'datacenter1' });
await client.connect();
await cassandra.concurrent.executeConcurrent(
  client,
  `INSERT INTO ${values.keyspace}.series (stream, series, metric, last_seen) VALUES (?, ?, ?, ?) USING TTL 120`,
  Array.from({ length: count }, (_, index) => [stream, `searched/${index}`, metric, new Date()]),
  { concurrencyLevel: 64 },
);
await client.shutdown();

/** The two searches that there are, by the text that is looked for. */
const SEARCHES = {
  overview: (/** @type {string} */ q) => `api/series?${new URLSearchParams({ stream, q })}`,
  fleet: (/** @type {string} */ search) =>
    `api/latest?${new URLSearchParams({ stream, metric, window, search, past: '48' })}`,
};

async function ask(/** @type {string} */ address) {
  const started = performance.now();
  const answer = await fetch(new URL(address, values.url));
  const text = await answer.text();
  if (!answer.ok) {
    throw new Error(`${address}: ${text}`);
  }
  return { text, took: performance.now() - started };
}

// The fleet reads the stored series again every half minute.
await waitUntil(async () => (await ask(SEARCHES.fleet('searched/'))).text.includes(`"matched":${count}`));
const measured = [];
for (const [name, addressOf] of Object.entries(SEARCHES)) {
  /** @type {number[]} */
  const times = [];
  for (let sample = 0; sample < samples; sample += 1) {
    // From texts that all have to ones that one has.
    const text = `searched/${sample}`.slice(0, 4 + (sample % 9));
    times.push((await ask(addressOf(text))).took);
  }
  times.sort((a, b) => a - b);
  const at = (/** @type {number} */ share) => Math.round(percentile(times, share) ?? NaN);
  const found = { p50: at(0.5), p95: at(0.95), max: at(1) };
  console.log(JSON.stringify({ what: `search among ${count} series, ${name}`, answer_ms: found }));
  measured.push({
    figure: `search of the ${name} among ${count} series, p95 in ms`,
    value: found.p95,
    most: MOST,
  });
}
judge(measured);

// Many clients of the event stream, of which some do not read: how late are the others, and how much memory does the
// server take? It exits with 1 where that is beyond a limit. It starts the built server and feeds it through a real
// Kafka.
//
//   npm run build && node scripts/live-load.mjs --kafka 127.0.0.1:9092 [--clients 1000] [--stalled 100]
//     [--series 100] [--every 2000] [--seconds 60]
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { percentile, startFedServer, waitUntil } from './fed-server.mjs';
import { judge } from './limits.mjs';

const { values } = parseArgs({
  options: {
    kafka: { type: 'string', default: '127.0.0.1:9092' },
    port: { type: 'string', default: '3999' },
    clients: { type: 'string', default: '1000' },
    stalled: { type: 'string', default: '100' },
    series: { type: 'string', default: '100' },
    every: { type: 'string', default: '2000' },
    seconds: { type: 'string', default: '60' },
  },
});
const clients = Number(values.clients);
const stalled = Number(values.stalled);
const series = Number(values.series);
const every = Number(values.every);
const seconds = Number(values.seconds);

/** @type {number[]} */
const delays = [];
let gaps = 0;
let ended = 0;

const fed = await startFedServer({
  ...{ name: 'load', kafka: values.kafka, port: values.port, window: '10s' },
  settings: `max_clients = ${clients * 2}\n`,
});

/** The memory that the server holds, and the most that it has held, in MB. */
function memory() {
  const status = readFileSync(`/proc/${fed.server.pid}/status`, 'utf8');
  return ['VmRSS', 'VmHWM'].map((name) =>
    Math.round(Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1]) / 1024),
  );
}

/**
 * A client that reads, and checks that it gets every round; or one that does not read at all.
 * @param {number} index
 * @param {boolean} reads
 */
function listen(index, reads) {
  const socket = connect(Number(values.port), '127.0.0.1');
  // Two addresses at least, since one may only have half of the places.
  socket.write(
    `GET /api/live?stream=load HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: 192.0.2.${index % 4}\r\n\r\n`,
  );
  socket.on('error', () => undefined);
  socket.on('close', () => {
    ended += reads ? 1 : 0;
  });
  if (!reads) {
    socket.pause();
    return socket;
  }
  let rest = '';
  let last = -1;
  socket.setEncoding('utf8').on('data', (data) => {
    rest += String(data);
    const now = Date.now();
    // Only the first series is read: its messages have the number of their round, and the time when they were sent.
    for (const [, emitted, round] of rest.matchAll(/"series":"first".*?"emitted":(\d+).*?"last":(\d+)/g)) {
      if (Number(round) > last) {
        delays.push(now - Number(emitted));
        gaps += last >= 0 && Number(round) !== last + 1 ? 1 : 0;
        last = Number(round);
      }
    }
    const end = rest.lastIndexOf('\n\n');
    rest = end < 0 ? rest : rest.slice(end);
  });
  return socket;
}

/** @param {number} round */
async function send(round) {
  const emitted = Date.now();
  const windows = Array.from({ length: series }, (_, index) => ({
    ...{
      stream: 'load',
      series: index === 0 ? 'first' : `sensor-${index}`,
      metric: 'value',
      window: '10s',
    },
    ...{
      start: 1_700_000_000_000 + round * 10_000,
      end: 1_700_000_010_000 + round * 10_000,
      count: 10,
      sum: 125,
    },
    ...{ avg: 12.5, min: 10, max: 15, stddev: 1.25, p50: 12, p95: 15, p99: 15 },
    ...{ last_event: emitted, generation: 0, revision: round + 1, emitted, first: 10, last: round },
  }));
  await fed.send(windows);
}

try {
  await fed.ready();
  const [before] = memory();
  const sockets = Array.from({ length: clients }, (_, index) => listen(index, index >= stalled));
  await waitUntil(async () => {
    const metrics = await (await fetch(`${fed.address}/metrics`)).text();
    return Number(/freshet_dashboard_live_clients (\d+)/.exec(metrics)?.[1]) >= clients;
  });
  const rounds = Math.ceil((seconds * 1000) / every);
  for (let round = 0; round < rounds; round += 1) {
    await send(round);
    await pause(every);
  }
  await pause(2000);
  const [after, most] = memory();
  const metrics = await (await fetch(`${fed.address}/metrics`)).text();
  const slow = Number(/errors_total\{kind="slow_client"\} (\d+)/.exec(metrics)?.[1] ?? 0);
  delays.sort((a, b) => a - b);
  const at = (/** @type {number} */ share) => percentile(delays, share);
  console.log(
    JSON.stringify({
      ...{ clients, stalled, rounds, messages: rounds * series, events: delays.length },
      expected: rounds * (clients - stalled),
      delay_ms: { p50: at(0.5), p95: at(0.95), p99: at(0.99), max: delays.at(-1) },
      ...{ gaps, cut_off: { reading: ended, stalled: slow - ended }, memory_mb: { before, after, most } },
    }),
  );
  judge([
    { figure: 'delay of clients that read, p99 in ms', value: at(0.99), most: 1000 },
    { figure: 'memory of the server, MB', value: most, most: 300 },
    { figure: 'gaps of clients that read', value: gaps, most: 0 },
    { figure: 'clients that read and were cut off', value: ended, most: 0 },
    { figure: 'events at clients that read', value: delays.length, least: rounds * (clients - stalled) },
  ]);
  sockets.forEach((socket) => socket.destroy());
} finally {
  await fed.stop();
}

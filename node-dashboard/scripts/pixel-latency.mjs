// How long does a record of a windows topic take to become a pixel? It starts the built server, feeds it through a real
// Kafka, and watches the canvas of a chart in Chromium: a point that jumps between two heights is looked for in every
// frame. A frame's canvas is read at the begin of the next one, when it is on the screen. It exits with 1 where that is
// beyond the limit.
//
//   npm run build && node scripts/pixel-latency.mjs --kafka 127.0.0.1:9092 [--cassandra 127.0.0.1:9042] [--samples 300]
//     [--series 20] [--every 250]
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { openBrowser } from '../test/page/browser.mjs';
import { percentile, startFedServer } from './fed-server.mjs';
import { judge } from './limits.mjs';

const { values } = parseArgs({
  options: {
    kafka: { type: 'string', default: '127.0.0.1:9092' },
    cassandra: { type: 'string', default: '127.0.0.1:9042' },
    port: { type: 'string', default: '3998' },
    samples: { type: 'string', default: '300' },
    series: { type: 'string', default: '20' },
    every: { type: 'string', default: '250' },
  },
});
const MINUTES_10 = 600_000;
/** So many windows of each series are there from the begin. */
const WINDOWS = 100;
/** The two heights of the point that is watched; others stay between them, and two beyond keep the axis as it is. */
const HEIGHTS = [15, 85];
const samples = Number(values.samples);
const current = Math.floor(Date.now() / MINUTES_10) * MINUTES_10;
let revision = 0;

/** A version of a window of ten minutes. */
function message(/** @type {string} */ series, /** @type {number} */ start, /** @type {number} */ avg) {
  revision += 1;
  const now = Date.now();
  return {
    ...{ stream: 'load', series, metric: 'value', window: '10m', start, end: start + MINUTES_10 },
    ...{ count: 10, sum: 10 * avg, avg, min: avg, max: avg, stddev: 0, p50: avg, p95: avg, p99: avg },
    ...{ last_event: Math.min(now, start + MINUTES_10 - 1), generation: 0, revision, emitted: now },
    ...{ first: avg, last: avg },
  };
}

/** A small generator of numbers from 0 to 1, so that every run sends the same. */
function random(/** @type {number} */ seed) {
  let state = seed;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}

const fed = await startFedServer({
  ...{ name: 'pixel', kafka: values.kafka, port: values.port, window: '10m' },
  // Marks of what happened lately, such as restarts, would stand where the point is watched: the keyspace has none.
  settings: `[cassandra]\ncontact_points = ["${values.cassandra}"]\nkeyspace = "pixel_latency_nowhere"\n`,
});
const browser = await openBrowser();

try {
  await fed.ready();
  const names = [
    'low',
    'high',
    ...Array.from({ length: Number(values.series) }, (_, index) => `sensor-${index}`),
  ];
  const usual = (/** @type {string} */ name, /** @type {number} */ by) =>
    name === 'low' ? 0 : name === 'high' ? 100 : 45 + 10 * by;
  const number = random(7);
  for (let age = WINDOWS; age >= 0; age -= 1) {
    const messages = names.map((name) => message(name, current - age * MINUTES_10, usual(name, number())));
    await fed.send(messages);
  }
  await fed.send([message('probe', current, HEIGHTS[0] ?? 0)]);
  const page = await browser.context.newPage();
  await page.setViewportSize({ width: 1440, height: 1000 });
  await page.goto(`${fed.address}/?range=86400000`);
  await page.waitForFunction(
    (points) => Number(document.querySelector('.chart')?.getAttribute('data-points')) >= points,
    names.length * (WINDOWS + 1) + 1,
    { timeout: 60_000 },
  );
  await page.evaluate(watch, HEIGHTS);
  const noise = setInterval(() => {
    const messages = names.map((name) => message(name, current, usual(name, number())));
    fed.send(messages).catch(() => undefined);
  }, Number(values.every));
  const sent = [];
  await pause(2000);
  await page.evaluate('globalThis.seen.length = 0');
  for (let sample = 1; sample <= samples; sample += 1) {
    const [low = 0, high = 0] = HEIGHTS;
    const probe = message('probe', current, sample % 2 === 0 ? low : high);
    sent.push(Date.now());
    await fed.send([probe]);
    await page.waitForFunction(hasSeen, sample, { polling: 20 });
    await pause(100 + 200 * number());
  }
  clearInterval(noise);
  const seen = /** @type {number[]} */ (await page.evaluate('globalThis.seen'));
  if (seen.length !== sent.length) {
    throw new Error(
      `${sent.length} versions were sent, and ${seen.length} were seen: the machine is too busy`,
    );
  }
  const delays = sent.map((time, index) => (seen[index] ?? 0) - time).sort((a, b) => a - b);
  const at = (/** @type {number} */ share) => percentile(delays, share);
  console.log(
    JSON.stringify({
      ...{ samples, series: names.length + 1, points: names.length * (WINDOWS + 1) + 1 },
      ...{ versions_per_second: Math.round((names.length * 1000) / Number(values.every)) },
      topic_to_pixel_ms: { p50: at(0.5), p95: at(0.95), p99: at(0.99), max: delays.at(-1) },
    }),
  );
  judge([{ figure: 'from the topic to the pixel, p95 in ms', value: at(0.95), most: 250 }]);
} finally {
  await browser.close();
  await fed.stop();
}

/** In the page: whether the point was seen to jump so often. */
function hasSeen(/** @type {number} */ times) {
  const { seen } = /** @type {{ seen: number[] }} */ (/** @type {unknown} */ (globalThis));
  return seen.length >= times;
}

/** In the page: notes the time whenever the watched point is at the other height, as the canvas shows it. */
function watch(/** @type {number[]} */ [low = 0, high = 0]) {
  const canvas = /** @type {HTMLCanvasElement} */ (document.querySelector('.chart canvas'));
  const over = /** @type {HTMLElement} */ (document.querySelector('.chart .u-over'));
  const ratio = canvas.width / canvas.getBoundingClientRect().width;
  const [frame, plot] = [canvas.getBoundingClientRect(), over.getBoundingClientRect()];
  // The lines at 0 and 100 are the lowest and the highest of what is drawn in the plot.
  const left = Math.floor((plot.left - frame.left) * ratio);
  const width = Math.floor(plot.width * ratio);
  const top = Math.floor((plot.top - frame.top) * ratio);
  const height = Math.floor(plot.height * ratio);
  const context = canvas.getContext('2d');
  const strip = () =>
    context?.getImageData(left + width - 40, top, 40, height).data ?? new Uint8ClampedArray();
  const isColoured = (/** @type {Uint8ClampedArray} */ data, /** @type {number} */ row) => {
    for (let column = 0; column < 40; column += 1) {
      const place = 4 * (row * 40 + column);
      const [red = 0, green = 0, blue = 0, alpha = 0] = data.subarray(place, place + 4);
      if (alpha > 100 && Math.max(red, green, blue) - Math.min(red, green, blue) > 50) {
        return true;
      }
    }
    return false;
  };
  const rows = Array.from({ length: height }, (_, row) => row).filter((row) => isColoured(strip(), row));
  const [first = 0, last = height] = [rows[0], rows.at(-1)];
  const rowOf = (/** @type {number} */ value) => Math.round(last - (value / 100) * (last - first));
  const isAt = (/** @type {Uint8ClampedArray} */ data, /** @type {number} */ value) =>
    [-4, -3, 3, 4].some((apart) => isColoured(data, rowOf(value) + apart));
  /** @type {number[]} */
  const seen = [];
  Object.assign(globalThis, { seen });
  let isHigh = false;
  const look = () => {
    const data = strip();
    const now = isAt(data, isHigh ? low : high) && !isAt(data, isHigh ? high : low) ? !isHigh : isHigh;
    if (now !== isHigh) {
      isHigh = now;
      seen.push(Date.now());
    }
    requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
}

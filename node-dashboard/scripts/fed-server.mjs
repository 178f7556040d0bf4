// The built server of a stream `load` that a measurement feeds through a real Kafka.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Admin, Producer } from '@platformatic/kafka';

/**
 * Makes topics of its own, and starts the server.
 * @param {object} options
 * @param {string} options.name what topics, folder and clients are called after
 * @param {string} options.kafka
 * @param {string} options.port
 * @param {string} options.window the kind of window of the stream
 * @param {string} [options.settings] tables and keys before the stream, after those of `[kafka]` and `[dashboard]`
 */
export async function startFedServer({ name, kafka, port, window, settings = '' }) {
  const prefix = `${name}-${process.pid}-`;
  const topics = [`${prefix}windows.load`, `${prefix}health`];
  const options = { clientId: `measure-${name}`, bootstrapBrokers: [kafka] };
  const admin = new Admin(options);
  await admin.createTopics({ topics, partitions: 2, replicas: 1 });
  const folder = mkdtempSync(path.join(tmpdir(), `freshet-${name}-`));
  const file = path.join(folder, 'freshet.toml');
  writeFileSync(
    file,
    `[kafka]\nbootstrap_servers = "${kafka}"\ntopic_prefix = "${prefix}"\n` +
      `[dashboard]\nport = ${port}\n${settings}` +
      `[[stream]]\nname = "load"\nvalues = { value = "value" }\nwindows = ["${window}"]\n`,
  );
  const server = spawn(process.execPath, ['dist/server/server.js', '-c', file], {
    cwd: path.join(import.meta.dirname, '..'),
    env: { ...process.env, LOG_LEVEL: 'error' },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const producer = new Producer(options);
  const address = `http://127.0.0.1:${port}`;
  return {
    address,
    server,
    /** Sends window messages. */
    async send(/** @type {{ series: string }[]} */ windows) {
      const messages = windows.map((window) => ({
        ...{ topic: topics[0] ?? '', key: Buffer.from(window.series) },
        value: Buffer.from(JSON.stringify(window)),
      }));
      await producer.send({ messages });
    },
    /** Waits until it answers live events. */
    ready: () =>
      waitUntil(async () => (await fetch(`${address}/api/live?stream=load`, { method: 'HEAD' })).ok),
    /** Ends it, and leaves nothing behind. */
    async stop() {
      server.kill('SIGTERM');
      await admin.deleteTopics({ topics });
      await Promise.all([admin.close(), producer.close()]);
      rmSync(folder, { recursive: true });
    },
  };
}

/** @param {() => Promise<boolean>} condition */
export async function waitUntil(condition) {
  const until = Date.now() + 60_000;
  while (!(await condition().catch(() => false))) {
    if (Date.now() > until) {
      throw new Error('the server did not get ready within a minute');
    }
    await pause(100);
  }
}

/** The value that such a share of others is below; of values in ascending order. */
export function percentile(/** @type {readonly number[]} */ sorted, /** @type {number} */ share) {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
}

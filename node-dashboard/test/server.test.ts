import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { closedPort } from './configuration.ts';

const CONFIGURATION = `
[kafka]
bootstrap_servers = "127.0.0.1:1"
[kafka.security]
protocol = "ssl"
ca_file = "/nowhere/kafka.pem"
[cassandra]
contact_points = ["127.0.0.1:1"]
ca_file = "/nowhere/cassandra.pem"
[[stream]]
name = "host"
values = { usage = "usage" }
windows = ["10s"]
`;

let directory: string;
let port: string;
let servers: ChildProcess[];
let output: string;
let errors: string;

beforeEach(async () => {
  servers = [];
  port = String(await closedPort());
  directory = mkdtempSync(path.join(tmpdir(), 'freshet-server-'));
  writeFileSync(path.join(directory, 'freshet.toml'), CONFIGURATION);
});

afterEach(() => {
  servers.forEach((server) => server.kill('SIGKILL'));
  rmSync(directory, { recursive: true });
});

/** Starts the built server as a process of its own. */
function start(environment: Record<string, string>, ...options: string[]): ChildProcess {
  output = '';
  errors = '';
  const started = spawn(
    process.execPath,
    ['dist/server/server.js', '-c', path.join(directory, 'freshet.toml'), ...options],
    {
      env: { PATH: process.env.PATH, FRESHET_DASHBOARD__PORT: port, ...environment },
    },
  );
  started.stdout.on('data', (text: Buffer) => (output += text.toString()));
  started.stderr.on('data', (text: Buffer) => (errors += text.toString()));
  servers.push(started);
  return started;
}

async function ended(started: ChildProcess): Promise<number | null> {
  const [code] = (await once(started, 'close')) as [number | null];
  return code;
}

describe('the server', () => {
  it.each([
    [
      { FRESHET_DASHBOARD__HOST: '0.0.0.0' },
      /dashboard\.host: is "0\.0\.0\.0", where others .* set dashboard\.token/,
    ],
    [
      { FRESHET_DASHBOARD__ALLOWED_HOSTS: 'a.example,b.example:80' },
      /FRESHET_DASHBOARD__ALLOWED_HOSTS: dashboard\.allowed_hosts: 'b\.example:80' is not a host/,
    ],
  ])('does not start with %j, says why in one line, and exits with 2', async (environment, message) => {
    expect(await ended(start(environment))).toBe(2);
    expect(errors).toMatch(message);
    expect(errors.trimEnd().split('\n')).toHaveLength(1);
    expect(output).toBe('');
  });

  it('does not start with an alert on nothing, names file and key, and exits with 2', async () => {
    const alert = '[[alert]]\nname = "hot"\nstream = "host"\nmetric = "temp*"\nabove = 1\n';
    writeFileSync(path.join(directory, 'freshet.toml'), CONFIGURATION + alert);
    expect(await ended(start({}))).toBe(2);
    expect(errors).toMatch(/freshet\.toml:\d+: alert\.metric: there is no metric 'temp\*'; there are: usage/);
  });

  it('says with --health that nobody answers', async () => {
    expect(await ended(start({ FRESHET_DASHBOARD__HOST: '127.0.0.1' }, '--health'))).toBe(1);
    expect(errors).toMatch(/no answer from http:\/\/127\.0\.0\.1:\d+\/ready: .*ECONNREFUSED/);
  });

  it('lives, and says what is wrong, while files of authorities cannot be read', async () => {
    const started = start({});
    const address = await vi.waitFor(() => {
      const found = /listening at (http:\/\/127\.0\.0\.1:\d+)/.exec(output)?.[1];
      expect(found).toBeDefined();
      return found;
    }, 10_000);
    await vi.waitFor(async () => {
      const answer = await fetch(`${address ?? ''}/api/health`);
      expect(await answer.json()).toMatchObject({
        kafka: {
          connected: false,
          message: expect.stringContaining('cannot read /nowhere/kafka.pem') as string,
        },
        cassandra: {
          connected: false,
          message: expect.stringContaining('cannot read /nowhere/cassandra.pem') as string,
        },
      });
    }, 10_000);
    const asking = start({}, '--health');
    expect(await ended(asking)).toBe(1);
    expect(errors).toMatch(/not ready: \{"ready":false,"waiting_for":\["Kafka","Cassandra"\]\}/);
    errors = '';
    started.kill('SIGTERM');
    expect(await ended(started)).toBe(0);
    expect(errors).toBe('');
  });
});

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ConfigError, loadConfig, type Config } from '../src/server/config.ts';
import { CONFIGURATION_KEYS, CONFIGURATION_LISTS } from '../src/server/generated/configuration.ts';

const STREAM = `
[[stream]]
name = "host"
values = { usage = "usage", load = "load.one" }
windows = ["10s", "60s", "5m/1m"]
`;

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'freshet-config-'));
});

afterEach(() => {
  rmSync(directory, { recursive: true });
});

function file(name: string, content: string): string {
  const full = path.join(directory, name);
  writeFileSync(full, content);
  return full;
}

function load(toml: string, environment: Record<string, string> = {}): Config {
  return loadConfig(file('freshet.toml', toml), environment);
}

describe('the configuration', () => {
  it('has a default for everything but the streams', () => {
    const config = load(STREAM);
    expect(config.kafka).toMatchObject({ bootstrapServers: ['127.0.0.1:9092'], topicPrefix: '', tls: false });
    expect(config.cassandra).toMatchObject({
      keyspace: 'freshet',
      consistency: 'local_one',
      username: undefined,
    });
    expect(config.dashboard).toMatchObject({
      host: '127.0.0.1',
      port: 3000,
      allowedHosts: [],
      token: undefined,
    });
    expect(config.streams).toMatchObject([
      { name: 'host', title: 'host', unit: null, units: {}, metrics: ['usage', 'load'] },
    ]);
    expect(config.streams[0]?.windows.map(({ label }) => label)).toEqual(['10s', '1m', '5m/1m']);
  });

  it.each([
    ['unit = "percent"', 'percent', { usage: 'percent', load: 'percent' }],
    ['unit = { usage = "percent" }', null, { usage: 'percent' }],
  ])('knows the units of each metric from %s', (line, unit, units) => {
    expect(load(STREAM + line).streams).toMatchObject([{ unit, units }]);
  });

  it('reads the default pipeline of the repository', () => {
    const config = loadConfig(path.join(import.meta.dirname, '../../freshet.toml'), {});
    expect(config.streams.length).toBeGreaterThan(0);
  });

  it('is the same pipeline on Kubernetes, as far as there are streams of the same name', () => {
    const project = path.join(import.meta.dirname, '../..');
    const streams = loadConfig(path.join(project, 'freshet.toml'), {}).streams;
    const file = path.join(project, 'docker/kubernetes/base/freshet.toml');
    const there = loadConfig(file, { FRESHET_DASHBOARD__TOKEN: 'secret' }).streams;
    const shared = streams.filter(({ name }) => there.some((other) => other.name === name));
    expect(shared.map(({ name }) => name)).toEqual(['sensors']);
    expect(there).toEqual(expect.arrayContaining(shared));
    // A month is drawn with windows of an hour, and what belongs on one axis is said of each stream.
    for (const { name, windows, metrics, charts } of [...streams, ...there]) {
      expect(
        windows.map(({ label }) => label),
        name,
      ).toContain('1h');
      expect(new Set(charts.flatMap((chart) => chart.metrics)), name).toEqual(new Set(metrics));
    }
  });

  it('takes keys that others need', () => {
    expect(() => load(`[spark]\ntrigger = "1s"\n[kafka]\npartitions = 7\n${STREAM}`)).not.toThrow();
  });

  it('takes every key from the environment instead, also from a file that the environment names', () => {
    const config = load(`[dashboard]\nport = 4000\n[kafka]\nbootstrap_servers = "a:1"\n${STREAM}`, {
      FRESHET_DASHBOARD__PORT: '5000',
      FRESHET_DASHBOARD__ALLOWED_HOSTS: 'dash.example, 10.0.0.5',
      FRESHET_DASHBOARD__TOKEN_FILE: file('token', 'secret\n'),
      FRESHET_KAFKA__BOOTSTRAP_SERVERS: 'b:1, c:2',
      FRESHET_CASSANDRA__CONTACT_POINTS: '10.0.0.1:9042,10.0.0.2:9042',
      FRESHET_KAFKA__SECURITY__PROTOCOL: 'sasl_ssl',
      FRESHET_KAFKA__SECURITY__SASL_MECHANISM: 'SCRAM-SHA-256',
      FRESHET_KAFKA__SECURITY__USERNAME: 'me',
      FRESHET_KAFKA__SECURITY__PASSWORD_FILE: file('password', 'hidden'),
    });
    expect(config.dashboard).toMatchObject({
      ...{ host: '127.0.0.1', port: 5000, allowedHosts: ['dash.example', '10.0.0.5'], token: 'secret' },
    });
    expect(config.kafka.bootstrapServers).toEqual(['b:1', 'c:2']);
    expect(config.cassandra.contactPoints).toEqual(['10.0.0.1:9042', '10.0.0.2:9042']);
    expect(config.kafka.sasl).toEqual({ mechanism: 'SCRAM-SHA-256', username: 'me', password: 'hidden' });
    expect(config.kafka.tls).toBe(true);
  });

  it.each(['0.0.0.0', '::', '', '192.168.1.5', '::ffff:10.0.0.1', 'dash.example', 'localhost.example', '0'])(
    'refuses to be reached from elsewhere, at "%s", without a token',
    (host) => {
      const open = `[dashboard]\nhost = "${host}"\n`;
      expect(() => load(open + STREAM)).toThrow(
        /dashboard\.host: is ".*no token keeps them out: set dashboard\.token.*or host = "127\.0\.0\.1"$/,
      );
      expect(() => load(`${open}token = ""\n${STREAM}`)).toThrow(ConfigError);
      expect(load(`${open}token = "secret"\n${STREAM}`).dashboard).toMatchObject({ host, token: 'secret' });
    },
  );

  it.each(['127.0.0.1', '127.8.8.8', '::1', 'localhost', 'dash.localhost', '::ffff:127.0.0.1'])(
    'needs no token at "%s", where only this machine reaches it',
    (host) => {
      expect(load(`[dashboard]\nhost = "${host}"\n${STREAM}`).dashboard.host).toBe(host);
    },
  );

  it.each(['https://dash.example', 'dash.example:443', '*', '*.example', '.example', 'a b', '[::1]:80', '/'])(
    'takes "%s" for no host to answer to',
    (host) => {
      expect(() => load(`[dashboard]\nallowed_hosts = ["ok.example", "${host}"]\n${STREAM}`)).toThrow(
        /toml:2: dashboard\.allowed_hosts: '.*' is not a host: write a name or an address, without scheme, port/,
      );
    },
  );

  it.each([
    ['no TOML', 'a = = 1', /not valid TOML.*/s],
    ['no stream', '', /toml:1: stream: there is none: write at least one \[\[stream\]\]$/],
    ['a stream without a name', '[[stream]]\nvalues = { a = "a" }', /toml:1: stream\.name: is missing$/],
    ['two streams of one name', STREAM + STREAM, /toml:8: stream\.name: two streams are called 'host'/],
    ['a wrong window', STREAM.replace('5m/1m', '5x'), /toml:5: stream\.windows: '5x' is not a duration/],
    ['no metrics', STREAM.replace(/values.*/, ''), /toml:2: stream\.values: is missing/],
    [
      'a wrong port',
      `[dashboard]\nport = 70000\n${STREAM}`,
      /dashboard\.port: 70000 is not between 1 and 65535/,
    ],
    [
      'a wrong keyspace',
      `[cassandra]\nkeyspace = "a; b"\n${STREAM}`,
      /cassandra\.keyspace: a keyspace is a lower-case letter followed by/,
    ],
    [
      'a wrong list',
      `[cassandra]\ncontact_points = [1]\n${STREAM}`,
      /cassandra\.contact_points: expected a list of strings, found one with integer/,
    ],
    [
      'a wrong protocol',
      `[kafka.security]\nprotocol = "tls"\n${STREAM}`,
      /kafka\.security\.protocol: 'tls' is not one of: plaintext, /,
    ],
    [
      'no password',
      `[kafka.security]\nprotocol = "sasl_ssl"\nsasl_mechanism = "PLAIN"\nusername = "me"\n${STREAM}`,
      /kafka\.security\.password: is missing: protocol 'sasl_ssl' needs it/,
    ],
    [
      'a unit for no metric',
      `${STREAM}unit = { speed = "m/s" }`,
      /toml:6: stream\.unit: there is no metric 'speed'; there are: usage, load/,
    ],
    [
      'a number for a unit',
      `${STREAM}unit = { usage = 1 }`,
      /unit: expected a string or a table of strings, found table/,
    ],
    [
      'a number that is not whole',
      `[dashboard]\nport = 3000.0\n${STREAM}`,
      /dashboard\.port: expected a whole number, found float/,
    ],
    [
      'a misspelt key',
      `[dashboard]\nprot = 3000\n${STREAM}`,
      /dashboard\.prot: unknown key; did you mean 'port'\?$/,
    ],
    [
      'a key of no table',
      `p = 1\n${STREAM}`,
      /toml:1: p: unknown key; known here: kafka, .*, stream, source, alert$/,
    ],
    ['a misspelt table', `[dashbord]\nport = 3000\n${STREAM}`, /unknown key; did you mean 'dashboard'\?$/],
    [
      'a wrong value that others need',
      `[spark]\ntrigger = "25h"\n${STREAM}`,
      /spark\.trigger: at most 1d are possible/,
    ],
    ['a text for a table', `kafka = "x"\n${STREAM}`, /kafka: expected a table, found string/],
  ])('with %s is refused with the file and the key', (_, toml, message) => {
    expect(() => load(toml)).toThrow(ConfigError);
    expect(() => load(toml)).toThrow(message);
    expect(() => load(toml)).toThrow(/freshet\.toml:\d+: /);
  });

  // The rest of a source is the producer's business.
  it.each([...new Set(CONFIGURATION_KEYS.map(({ section }) => section))].filter((name) => name !== 'source'))(
    'has the table %s, all of which is checked',
    (section) => {
      const heading = CONFIGURATION_LISTS.includes(section) ? `[[${section}]]` : `[${section}]`;
      const unknown = section === 'stream' ? `${STREAM}unlike = 1` : `${heading}\nunlike = 1\n`;
      const toml = section.startsWith('stream.') ? STREAM + unknown : unknown + STREAM;
      expect(() => load(toml)).toThrow(/\.unlike: unknown key; known here: /);
    },
  );

  it('does not show the value of a secret that has another type', () => {
    const read = (): Config => load(`[dashboard]\ntoken = 76543210\n${STREAM}`);
    expect(read).toThrow(/dashboard\.token: expected a string, found integer/);
    expect(read).not.toThrow(/76543210/);
  });

  it('that is no TOML names the line, and shows neither it nor its neighbours', () => {
    const read = (): Config => load(`[cassandra]\npassword = "hidden"\nusername = "u\n${STREAM}`);
    expect(read).toThrow(/freshet\.toml:3: not valid TOML: /);
    expect(read).not.toThrow(/hidden/);
  });

  it.each(['freshet.toml', 'token'])('that is not UTF-8 is refused: %s', (name) => {
    const toml = file('freshet.toml', STREAM);
    const token = file('token', 'a');
    writeFileSync(path.join(directory, name), Buffer.from(`#\xfc\n${STREAM}`, 'latin1'));
    expect(() => loadConfig(toml, { FRESHET_DASHBOARD__TOKEN_FILE: token })).toThrow(ConfigError);
  });

  it('names the variable, and not the file, where the variable is wrong', () => {
    expect(() => load(STREAM, { FRESHET_DASHBOARD__PORT: '0' })).toThrow(
      /^environment variable FRESHET_DASHBOARD__PORT: dashboard\.port: 0 is not between 1 and 65535$/,
    );
    expect(() => load(STREAM, { FRESHET_CASSANDRA__CONTACT_POINTS: 'a' })).toThrow(
      /^environment variable FRESHET_CASSANDRA__CONTACT_POINTS: cassandra\.contact_points: /,
    );
  });

  it('says what is wrong in a file with a byte order mark, or with a date that there is not', () => {
    expect(() => load(`\ufeff[dashboard]\nport = 0\n${STREAM}`)).toThrow(
      /freshet\.toml:2: dashboard\.port: 0 is/,
    );
    const date = `[dashboard]\nhost = 1979-02-30\n${STREAM}`;
    expect(() => load(date)).toThrow(/freshet\.toml: dashboard\.host: expected a string, found datetime$/);
  });

  it('that does not exist is refused with what to do', () => {
    expect(() => loadConfig('/nowhere/freshet.toml', {})).toThrow(
      /^\/nowhere\/freshet\.toml: cannot read the file: .*name the file with -c/,
    );
  });
});

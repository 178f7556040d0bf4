import { readFileSync } from 'node:fs';
import path from 'node:path';
import Fastify, { type FastifyInstance } from 'fastify';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { buildApp } from '../src/server/app.ts';
import { DeadLetters, MAX_LETTERS, MAX_TEXT } from '../src/server/dead-letters.ts';
import { streamOfTopic } from '../src/server/letters-reader.ts';
import { createPipeline, type Pipeline } from '../src/server/pipeline.ts';
import { visibleText } from '../src/server/visible-text.ts';
import type { DeadLettersAnswer } from '../src/shared/pipeline-api.ts';
import { configOf } from './configuration.ts';
import { deadLetter, HEADERS } from './letters.ts';

const ALL = { stream: null, reason: null };

function keptOf(most?: number): DeadLetters {
  const topics = new Map([
    ['raw.host', 'host'],
    ['windows.host', 'host'],
  ]);
  const kept = new DeadLetters((topic) => topics.get(topic) ?? null, most);
  kept.begin('one');
  return kept;
}

describe('a dead letter', () => {
  it('is of the stream that reads its topic, whoever that is of', async () => {
    const { kafka, streams } = await configOf();
    const prefixed = { ...kafka, topicPrefix: 'a.' };
    const named = streams.map((stream) => ({ ...stream, topics: ['sensors.eu', 'more.*'] }));
    const topics = ['a.raw.host', 'a.windows.host', 'sensors.eu', 'sensors.us', 'more.us'];
    const found = (of: typeof streams): string[] =>
      topics.filter((topic) => streamOfTopic({ kafka: prefixed, streams: of }, topic) === 'host');
    expect(found(streams)).toEqual(['a.raw.host', 'a.windows.host']);
    expect(found(named)).toEqual(['a.windows.host', 'sensors.eu', 'more.us']);
  });

  it('tells of the record what its headers say', () => {
    const kept = keptOf();
    kept.append(0, [deadLetter({ offset: 7, reason: 'invalid_json', detail: 'no object', value: '[1]' })]);
    expect(kept.find(ALL, 10).letters).toEqual([
      {
        at: 1_700_000_000_000,
        ...{ stream: 'host', topic: 'raw.host', partition: 2, offset: 7 },
        ...{ stage: 'parse', source: null, reason: 'invalid_json', detail: 'no object', key: null },
        ...{ text: '[1]', bytes: 3, truncated: false },
      },
    ]);
  });

  it('of a source has no place in a topic, and that is not zero', () => {
    const kept = keptOf();
    const headers = { partition: null, offset: null, source: 'mqtt-hall', stage: 'transform' };
    kept.append(0, [deadLetter({ offset: 1, reason: 'transform_failed', headers })]);
    expect(kept.find(ALL, 1).letters[0]).toMatchObject({
      partition: null,
      offset: null,
      source: 'mqtt-hall',
    });
  });

  it('whose record was too large for it says how large that was', () => {
    const kept = keptOf();
    kept.append(0, [deadLetter({ reason: 'too_large', value: '', headers: { truncated: '20000000' } })]);
    expect(kept.find(ALL, 1).letters[0]).toMatchObject({ text: '', bytes: 20_000_000, truncated: true });
  });

  it('of a topic that is none of this pipeline is of no stream', () => {
    const kept = keptOf();
    kept.append(0, [deadLetter({ headers: { topic: 'raw.other' } })]);
    expect(kept.find(ALL, 1).letters[0]).toMatchObject({ stream: null, topic: 'raw.other' });
    expect(kept.find({ stream: 'host', reason: null }, 1).letters).toEqual([]);
  });

  it('that comes again replaces the first, and goes when its key is deleted', () => {
    const kept = keptOf();
    kept.append(0, [deadLetter({ offset: 1, detail: 'a' }), deadLetter({ offset: 2 })]);
    kept.append(0, [deadLetter({ offset: 1, detail: 'b' })]);
    expect(kept.find(ALL, 10).letters.map(({ offset, detail }) => [offset, detail])).toEqual([
      [1, 'b'],
      [2, ''],
    ]);
    kept.append(0, [{ ...deadLetter({ offset: 1 }), value: null, headers: [] }]);
    expect(kept.find(ALL, 10).letters.map(({ offset }) => offset)).toEqual([2]);
    // As Kafka's client gives it.
    kept.append(0, [{ ...deadLetter({ offset: 2 }), value: Buffer.alloc(0), headers: [] }]);
    expect([kept.kept, kept.unreadable]).toEqual([0, 0]);
  });

  it.each([null, Buffer.alloc(0)])('without a key of its own is not taken for another: %s', (key) => {
    const kept = keptOf();
    kept.append(0, [
      { ...deadLetter({ offset: 1 }), key },
      { ...deadLetter({ offset: 2 }), key },
    ]);
    expect(kept.kept).toBe(2);
  });

  it('without a reason is none, and counted', () => {
    const kept = keptOf();
    kept.append(0, [{ ...deadLetter(), headers: [] }]);
    expect(kept.find(ALL, 10)).toEqual({ letters: [], reasons: {}, matched: 0 });
    expect(kept.unreadable).toBe(1);
  });
});

describe('the letters that are kept', () => {
  it('are the newest, in little memory however large they are', () => {
    const kept = keptOf(100);
    const value = 'x'.repeat(1_000_000);
    for (let offset = 0; offset < 300; offset += 1) {
      kept.append(0, [deadLetter({ offset, value, detail: value, headers: { key: value } })]);
    }
    const { letters, matched } = kept.find(ALL, 1000);
    expect([letters.length, matched, letters[0]?.offset, letters.at(-1)?.offset]).toEqual([
      100, 100, 299, 200,
    ]);
    expect(JSON.stringify(letters).length).toBeLessThan(100 * (MAX_TEXT + 2048));
    expect(letters[0]).toMatchObject({ bytes: 1_000_000, truncated: true });
  });

  it('are gone with their topic, and stay when only the place in it has changed', () => {
    const kept = keptOf();
    kept.append(0, [deadLetter()]);
    kept.begin('one');
    expect(kept.kept).toBe(1);
    kept.begin('two');
    expect(kept.kept).toBe(0);
  });

  it('are counted by reason for the stream, whatever reason is asked for', () => {
    const kept = keptOf();
    const other = { topic: 'raw.other' };
    kept.append(0, [
      deadLetter({ offset: 1, reason: 'invalid_json' }),
      deadLetter({ offset: 2, reason: 'too_deep' }),
      deadLetter({ offset: 3, reason: 'too_deep' }),
      deadLetter({ offset: 4, reason: 'too_deep', headers: other }),
    ]);
    const found = kept.find({ stream: 'host', reason: 'too_deep' }, 1);
    expect(found.reasons).toEqual({ invalid_json: 1, too_deep: 2 });
    expect([found.letters.length, found.matched]).toEqual([1, 2]);
  });

  it('have headers that docs/topics.md lists', () => {
    const topics = readFileSync(path.join(import.meta.dirname, '../../docs/topics.md'), 'utf8');
    const source = readFileSync(path.join(import.meta.dirname, '../src/server/dead-letters.ts'), 'utf8');
    const used = [...source.matchAll(/header\('(\w+)'/g)].map(([, name = '']) => name);
    expect(used.length).toBeGreaterThan(5);
    for (const name of [...used, ...HEADERS]) {
      expect(topics).toContain(`| \`freshet-${name}\` |`);
    }
  });
});

describe('raw text', () => {
  it.each([
    ['plain\ttext\nof two lines', 'plain\ttext\nof two lines'],
    ['a\u0000b\u001b[31m', 'a\\u{0}b\\u{1b}[31m'],
    ['\u202Eevil\u200b', '\\u{202e}evil\\u{200b}'],
    ['tag\u{e0041}', 'tag\\u{e0041}'],
    ['<script>alert(1)</script>', '<script>alert(1)</script>'],
  ])('shows what cannot be seen: %j', (raw, shown) => {
    expect(visibleText(Buffer.from(raw), 1000)).toEqual({ text: shown, truncated: false });
  });

  it.each(['é', '€', '😀'])('is cut between characters: %s', (character) => {
    for (let most = 4; most < 12; most += 1) {
      const { text, truncated } = visibleText(Buffer.from(character.repeat(100)), most);
      expect(text).toBe(character.repeat(Math.floor(most / Buffer.byteLength(character))));
      expect(truncated).toBe(true);
    }
  });

  it('that is no UTF-8 is shown as such', () => {
    expect(visibleText(Buffer.from([0x61, 0xff, 0x62]), 10).text).toBe('a\ufffdb');
    expect(visibleText(Buffer.alloc(20, 0xbf), 10)).toEqual({ text: '\ufffd'.repeat(7), truncated: true });
  });
});

describe('GET /api/dead-letters', () => {
  let app: FastifyInstance;
  let pipeline: Pipeline;

  beforeEach(async () => {
    const config = await configOf();
    pipeline = createPipeline(config, Fastify({ logger: false }).log);
    app = await buildApp({ config, logLevel: 'silent', pipeline });
  });

  afterEach(async () => {
    await app.close();
    vi.restoreAllMocks();
  });

  const ask = async (query = '') => app.inject({ url: `/api/dead-letters${query}` });

  it('says that Kafka is away, rather than that there are no letters', async () => {
    await app.ready();
    await vi.waitFor(async () => {
      const answer = (await ask()).json<DeadLettersAnswer>();
      expect(answer.connection.connected).toBe(false);
      expect(answer.connection.message).toMatch(/^kafka at 127\.0\.0\.1:\d+ cannot be read: /);
      expect(answer.lag).toBeNull();
    });
  });

  it('gives the newest letters of a stream and reason, as many as are asked for', async () => {
    pipeline.letters.kept.begin('one');
    const letters = Array.from({ length: 150 }, (_, offset) => deadLetter({ offset }));
    pipeline.letters.kept.append(0, letters);
    expect((await ask()).json<DeadLettersAnswer>().letters).toHaveLength(100);
    const found = (await ask('?stream=host&reason=invalid_value&limit=2')).json<DeadLettersAnswer>();
    expect(found.letters.map(({ offset }) => offset)).toEqual([149, 148]);
    expect(found).toMatchObject({
      matched: 150,
      kept: 150,
      most: MAX_LETTERS,
      reasons: { invalid_value: 150 },
    });
    expect((await ask('?reason=none_such')).json<DeadLettersAnswer>().letters).toEqual([]);
  });

  it.each([
    ['?stream=nope', /there is no stream "nope"; there are: host/],
    ['?limit=0', /limit must be >= 1/],
    ['?limit=1001', /limit must be <= 1000/],
    ['?nope=1', /there is no parameter "nope"; there are: stream, reason, limit/],
  ])('refuses %s', async (query, message) => {
    const answer = await ask(query);
    expect(answer.statusCode).toBe(400);
    expect(answer.json<{ message: string }>().message).toMatch(message);
  });
});

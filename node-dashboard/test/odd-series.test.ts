import Fastify, { type FastifyInstance } from 'fastify';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { buildApp } from '../src/server/app.ts';
import { createPipeline, type Pipeline } from '../src/server/pipeline.ts';
import type { LatestAnswer } from '../src/shared/latest-api.ts';
import type { WindowMessage } from '../src/shared/window.ts';
import { configOf } from './configuration.ts';
import { windowMessage } from './messages.ts';

/** Ids as records may have them: whatever text there is, up to 255 bytes. */
const ODD = [
  ...[
    '"',
    "'",
    '\\',
    '`',
    '<script>',
    '&amp;',
    ']]>',
    '--',
    '%',
    '%00',
    '\u0000',
    '\n',
    '\r\n',
    '\t',
    ' ',
    '|',
  ],
  ...[
    'id: 7\n\nevent: reset',
    'data: x',
    ':',
    ';',
    ',',
    '=1+1',
    '{',
    '}',
    '[]',
    '{{x}}',
    '${x}',
    '/',
    '//a/',
    '..',
  ],
  ...['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'null', 'undefined', 'NaN', '0', '-1', '1e3'],
  ...[
    'ü',
    'ß',
    'İ',
    '日本',
    '\u202eabc',
    '\u2028',
    '\ufeff',
    '👩‍👩‍👧',
    '\ud800',
    'a\u0301',
    'á',
    'x'.repeat(255),
  ],
];
const ALL = [
  ...ODD,
  ...Array.from({ length: 3000 }, (_, index) => `${ODD[index % ODD.length] ?? ''}${index}`),
];

let app: FastifyInstance;
let pipeline: Pipeline;

beforeEach(async () => {
  const config = await configOf();
  pipeline = createPipeline(config, Fastify({ logger: false }).log);
  app = await buildApp({ config, logLevel: 'silent', pipeline });
  await app.ready();
  const messages = ALL.map((series) => windowMessage({ series, avg: 7, last_event: 9999 }));
  const newest = windowMessage({ series: 'newest', start: 10_000, end: 20_000, last_event: 10_001 });
  const records = [...messages, newest].map((message, offset) => ({
    ...{ offset: BigInt(offset), value: JSON.stringify(message) },
  }));
  const stream = pipeline.live.get('host');
  stream?.begin('topic', new Map([[0, 0n]]));
  stream?.append(0, records, BigInt(records.length));
});

afterEach(async () => {
  await app.close();
});

describe('series with odd names', () => {
  it('are listed, each by itself and as it is', async () => {
    const url = '/api/latest?stream=host&metric=usage&window=10s&group=1&past=2';
    const { statusCode, payload } = await app.inject(url);
    expect(statusCode).toBe(200);
    const { series, points, groups } = JSON.parse(payload) as LatestAnswer;
    expect(series).toEqual([...new Set([...ALL, 'newest'])].sort());
    expect(points.avg?.filter((avg) => avg === 7)).toHaveLength(new Set(ALL).size);
    expect(groups.reduce((sum, group) => sum + group.series, 0)).toBe(series.length);
  });

  // No address can have half of a pair of surrogates in it.
  it.each(ODD.filter((series) => series !== '\ud800'))(
    'are found, and have badges that are XML: %j',
    async (series) => {
      const name = encodeURIComponent(series);
      const search = await app.inject(`/api/latest?stream=host&metric=usage&window=10s&search=${name}`);
      expect((JSON.parse(search.payload) as LatestAnswer).matched).toBeGreaterThan(
        series === '\ud800' ? -1 : 0,
      );
      const { statusCode, payload } = await app.inject(`/badge?stream=host&series=${name}&metric=usage`);
      expect(statusCode).toBe(200);
      const text = payload.replace(/<\/?(svg|title|rect|g|text)( [\w-]+="[^"<>]*"| xmlns="[^"]*")*\/?>/g, '');
      expect(text).not.toMatch(/[<>]|&(?!#\d+;)/);
      // eslint-disable-next-line no-control-regex
      expect(text).not.toMatch(/[\u0000-\u0008\u000b\u000c\u000e-\u001f]/);
    },
  );

  it('come live in one event each, from which the message can be read', () => {
    const stream = pipeline.live.get('host');
    const events = stream?.subscribe({ series: null, send: () => undefined }, null) ?? '';
    const blocks = events.split('\n\n').filter((block) => block !== '');
    expect(blocks).toHaveLength(new Set(ALL).size + 1);
    const series = blocks.map((block) => {
      const lines = block.split('\n');
      expect(lines.map((line) => line.split(':', 1)[0]).sort()).toEqual(['data', 'event', 'id']);
      const data = lines.find((line) => line.startsWith('data: ')) ?? '';
      return (JSON.parse(data.slice('data: '.length)) as WindowMessage).series;
    });
    expect(new Set(series)).toEqual(new Set([...ALL, 'newest']));
  });
});

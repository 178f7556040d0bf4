import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, it } from 'vitest';
import { loadConfig } from '../src/server/config.ts';
import { MAX_LETTERS, MAX_TEXT } from '../src/server/dead-letters.ts';
import { MAX_LINES } from '../src/server/latest-windows.ts';
import { LOOK_INTERVAL, LOOKS } from '../src/server/pipeline-history.ts';
import { MAX_ID_LENGTH, ResumeIds } from '../src/server/resume-ids.ts';
import { parseTime } from '../src/server/routes/time.ts';
import { MAX_LATEST, PAST_WINDOWS } from '../src/shared/latest-api.ts';
import { MAX_CHARTS, MAX_NAMES, MAX_READ } from '../src/shared/limits.ts';
import { PERCENTILE_MEANING } from '../src/shared/window.ts';

const docs = readFileSync(path.join(import.meta.dirname, '../../docs/dashboard.md'), 'utf8');
const text = docs.replace(/\s+/g, ' ');

it('the configuration that docs/dashboard.md shows is one', () => {
  const directory = mkdtempSync(path.join(tmpdir(), 'freshet-docs-'));
  const file = path.join(directory, 'freshet.toml');
  const example = /```toml\n(.*?)```/s.exec(docs)?.[1] ?? '';
  writeFileSync(file, `${example}\n[[stream]]\nname = "a"\nvalues = { a = "a" }\nwindows = ["1s"]\n`);
  expect(loadConfig(file, {}).dashboard).toMatchObject({
    host: '0.0.0.0',
    allowedHosts: ['dash.example.com'],
  });
  rmSync(directory, { recursive: true });
});

it('docs/dashboard.md tells the limits as they are', () => {
  expect(text).toContain(
    '100 clients can listen at once (`dashboard.max_clients`), half of them from one address',
  );
  expect(text).toContain(`have at most ${MAX_ID_LENGTH} characters`);
  expect(text).toContain(PERCENTILE_MEANING);
  expect(text).toContain(`at most ${MAX_READ.toLocaleString('en')} windows`);
  expect(text).toContain(`at most ${MAX_CHARTS.toLocaleString('en')} charts`);
  expect(text).toContain(`at most ${MAX_NAMES} series and ${MAX_NAMES} metrics`);
});

it('docs/dashboard.md tells how much the pages remember', () => {
  const written = (number: number): string => number.toLocaleString('en');
  expect(text).toContain(
    `newest ${written(MAX_LETTERS)} dead letters are kept in memory, of each the first ${written(MAX_TEXT)} bytes`,
  );
  expect(LOOKS * LOOK_INTERVAL).toBe(1_800_000);
  expect(text).toContain(
    `last half hour: since the dashboard was started, looked at every ${LOOK_INTERVAL / 1000} s`,
  );
  expect(text).toContain(`shows the last ${PAST_WINDOWS} windows of all series`);
  expect(text).toContain(`newest windows of ${written(MAX_LINES)} series, metrics and kinds`);
  expect(text).toContain(`at most ${written(MAX_LATEST)} series are listed`);
});

it('docs/dashboard.md shows times as they are taken', () => {
  const times = [...docs.matchAll(/`(\d{4}-\d\d-\d\d[^`]*)`/g)].map(([, time = '']) =>
    parseTime('from', time),
  );
  expect(times).toEqual([1_769_860_800_000, 1_769_860_800_500]);
});

it('ids hold the offsets of about as many partitions as docs/dashboard.md says', () => {
  const partitions = Number(/Up to about (\d+) partitions/.exec(text)?.[1]);
  const ids = new ResumeIds('host');
  const next = (count: number): bigint[] => Array.from({ length: count }, () => 10_000_000_000n);
  expect(ids.read(ids.write(next(partitions), 1), partitions).kind).toBe('offsets');
  expect(ids.read(ids.write(next(2 * partitions), 1), 2 * partitions).kind).toBe('sequence');
});

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, it } from 'vitest';
import { loadConfig } from '../src/server/config.ts';
import { MAX_ID_LENGTH, ResumeIds } from '../src/server/resume-ids.ts';
import { parseTime } from '../src/server/routes/time.ts';
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

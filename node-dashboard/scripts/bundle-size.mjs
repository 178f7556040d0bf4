import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { gzipSync } from 'node:zlib';

/** What a browser downloads for the first page, compressed, in bytes. Raise it only for something worth the wait. */
const BUDGET = 100_000;

const root = path.join(import.meta.dirname, '../dist/web');
const manifestFile = path.join(root, '.vite/manifest.json');
if (!existsSync(manifestFile)) {
  console.error('the page is not built: run npm run build first');
  process.exit(1);
}
/** @typedef {{ file: string, isEntry?: boolean, imports?: string[], css?: string[], assets?: string[] }} Chunk */
/** @type {unknown} */
const read = JSON.parse(readFileSync(manifestFile, 'utf8'));
const manifest = /** @type {Record<string, Chunk>} */ (read);
const files = new Set(['index.html']);

/**
 * Adds a chunk and what it imports at once: not what it loads when another page is opened.
 *
 * @param {string} name
 */
function add(name) {
  const chunk = manifest[name];
  if (chunk !== undefined && !files.has(chunk.file)) {
    [chunk.file, ...(chunk.css ?? []), ...(chunk.assets ?? [])].forEach((file) => files.add(file));
    chunk.imports?.forEach(add);
  }
}
Object.entries(manifest)
  .filter(([, { isEntry }]) => isEntry)
  .forEach(([name]) => {
    add(name);
  });
const sizes = [...files].map((file) => gzipSync(readFileSync(path.join(root, file))).length);
const total = sizes.reduce((sum, size) => sum + size, 0);
console.log(`first load: ${total} of ${BUDGET} bytes in ${files.size} files, compressed`);
process.exit(total > BUDGET ? 1 : 0);

import { readdirSync, readFileSync, existsSync } from 'node:fs';
import path from 'node:path';
import { gzipSync } from 'node:zlib';

/** What a browser downloads for the page, compressed, in bytes. Raise it only for something worth the wait. */
const BUDGET = 48 * 1024;

const root = path.join(import.meta.dirname, '../dist/web');
if (!existsSync(root)) {
  console.error('the page is not built: run npm run build first');
  process.exit(1);
}
const files = readdirSync(root, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
const sizes = files.map((file) => gzipSync(readFileSync(path.join(file.parentPath, file.name))).length);
const total = sizes.reduce((sum, size) => sum + size, 0);
console.log(`page: ${total} of ${BUDGET} bytes in ${files.length} files, compressed`);
process.exit(total > BUDGET ? 1 : 0);

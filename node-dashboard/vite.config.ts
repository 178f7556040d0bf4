import { defineConfig } from 'vitest/config';

/** The page's bundle (`vite build`), its development server (`vite`) and the tests (`vitest run`). */
export default defineConfig({
  root: 'src/web',
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    outDir: '../../dist/web',
    emptyOutDir: true,
    // What the first load consists of, for scripts/bundle-size.mjs.
    manifest: true,
    target: 'es2022',
    // A data: URL in the bundle would need a wider content security policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // Plotly, in kB, which is loaded with the page that needs it.
    chunkSizeWarningLimit: 1200,
  },
  server: { proxy: { '/api': process.env.FRESHET_DASHBOARD_URL ?? 'http://127.0.0.1:3000' } },
  test: {
    root: '.',
    include: ['test/**/*.test.ts'],
    // On a busy machine a process of vitest 4's default pool, `forks`, may be gone before its last message is written:
    // the run then fails with "Worker forks emitted error" although every test has passed. Threads have no such pipe.
    // (Repaired in vitest 5, which no longer runs on Node.js 20.)
    pool: 'threads',
  },
});

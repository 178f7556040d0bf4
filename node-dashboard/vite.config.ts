import { defineConfig } from 'vitest/config';

/** The page's bundle (`vite build`), its development server (`vite`) and the tests (`vitest run`). */
export default defineConfig({
  root: 'src/web',
  build: {
    outDir: '../../dist/web',
    emptyOutDir: true,
    target: 'es2022',
    // A data: URL in the bundle would need a wider content security policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  server: { proxy: { '/api': process.env.FRESHET_DASHBOARD_URL ?? 'http://127.0.0.1:3000' } },
  test: { root: '.', include: ['test/**/*.test.ts'] },
});

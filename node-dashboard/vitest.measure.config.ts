import { defineConfig } from 'vitest/config';

/** Measurements of the page, no tests: `npm run measure` prints what they find, and fails beyond their limits. */
export default defineConfig({
  test: { include: ['test/**/*.measure.ts'], pool: 'threads', disableConsoleIntercept: true },
});

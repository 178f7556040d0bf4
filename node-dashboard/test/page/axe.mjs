import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const SOURCE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** @typedef {{ violations: { id: string, nodes: { html: string }[] }[] }} Found */

/**
 * What axe finds on the page as it is: the rule, and what breaks it.
 *
 * @param {import('playwright-core').Page} page
 */
export async function axeFinds(page) {
  await page.evaluate(SOURCE);
  const found = await page.evaluate(() => {
    const { axe } = /** @type {{ axe: { run: () => Promise<Found> } }} */ (
      /** @type {unknown} */ (globalThis)
    );
    return axe.run();
  });
  return found.violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html.slice(0, 200)}`));
}

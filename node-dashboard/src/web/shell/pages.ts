import type { ComponentType } from 'preact';

/** What a file below `pages` exports. */
export interface PageModule {
  readonly default: ComponentType;
}

const FILES = import.meta.glob<PageModule>(['../pages/*.tsx', '!../pages/overview.tsx']);

/** What the pages are called, in their order. A new one is a file below `pages` and a line here. */
const TITLES: readonly (readonly [name: string, title: string])[] = [
  ['', 'Overview'],
  ['pipeline', 'Pipeline'],
  ['fleet', 'Fleet'],
  ['advanced', 'Advanced'],
  ['alerts', 'Alerts'],
];

/** Loads the page of this name; undefined when there is none. */
export function loaderOf(name: string): (() => Promise<PageModule>) | undefined {
  return FILES[`../pages/${name}.tsx`];
}

/** The pages that there are, by their name in the address. */
export const PAGES = TITLES.map(([name, title]) => ({ name, title })).filter(
  ({ name }) => name === '' || loaderOf(name) !== undefined,
);

import { computed, signal } from '@preact/signals';
import { isEmbedded } from './token.ts';
import { OF_A_STREAM, SELECTED, writeSelection, type Selection } from './selection.ts';

/** The query of the page's address, in which all of its state stands: it can be shared, and Back leads back. */
export const query = signal(typeof location === 'undefined' ? '' : location.search);

/** The name of the page that is shown; the overview has none. */
export const page = computed(() => parameter('page'));

/** What a parameter of the address says; empty when it is not there. */
export function parameter(name: string): string {
  return new URLSearchParams(query.value).get(name) ?? '';
}

/** Parameters with their new values; several of one name are a list. */
export type Changes = Readonly<Record<string, string | readonly string[]>>;

/** The address of the page with these parameters changed; an empty text takes one away. */
export function addressWith(changes: Changes): string {
  const parameters = new URLSearchParams(query.value);
  for (const [name, value] of Object.entries(changes)) {
    parameters.delete(name);
    for (const one of typeof value === 'string' ? [value] : value) {
      if (one !== '') {
        parameters.append(name, one);
      }
    }
  }
  return `?${parameters.toString()}`;
}

/** Changes some parameters, to which Back leads back. */
export function setParameters(changes: Changes): void {
  go(addressWith(changes));
}

/**
 * The address of a selection, shown as what is shown now: on the same page, in the same zone. What pages were asked to
 * show of another stream stays behind.
 */
export function addressOf(selection: Selection): string {
  const parameters = new URLSearchParams(query.value);
  const isOtherStream = ![null, selection.stream].includes(parameters.get('stream'));
  // A page in a frame goes on with it when it is loaded again.
  SELECTED.concat(isEmbedded() ? [] : 'token', isOtherStream ? OF_A_STREAM : []).forEach((name) => {
    parameters.delete(name);
  });
  const rest = parameters.toString();
  return `${writeSelection(selection)}${rest === '' ? '' : `&${rest}`}`;
}

/** Goes to an address of the page. */
export function go(address: string): void {
  history.pushState(null, '', address);
  query.value = location.search;
}

/** Puts another address in the place of the one that is shown. */
export function correct(address: string): void {
  history.replaceState(null, '', address);
  query.value = location.search;
}

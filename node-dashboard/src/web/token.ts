/**
 * The token in the address of a page that another one shows in a frame: a browser keeps no cookies for it there, and
 * each of its requests has to carry the token. Everywhere else the server has made a cookie of it; empty then.
 */
export const token = isEmbedded() ? (new URLSearchParams(location.search).get('token') ?? '') : '';

/** Whether this is the page of one chart, for other pages, as the server tells by the path. */
export function isEmbedded(): boolean {
  return typeof location !== 'undefined' && location.pathname.endsWith('/embed');
}

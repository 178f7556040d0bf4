/** Most windows that one request for history may read, of all its series and metrics. */
export const MAX_READ = 300_000;
/** Most series, and most metrics, that one request for history may name. */
export const MAX_NAMES = 100;

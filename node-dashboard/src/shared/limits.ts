/** Most windows that one request for history may read, of all its series and metrics. */
export const MAX_READ = 300_000;
/** Most charts, each of one series and metric, that one request for history may ask for: they wait for each other. */
export const MAX_CHARTS = 1000;
/** Most series, and most metrics, that one request for history may name. */
export const MAX_NAMES = 100;

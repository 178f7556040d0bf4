// What a chart lets people save as CSV, beside what the API answers.

/** The page asks for numbers of seven digits. */
const EXACT = 1e-6;
const FIELDS = ['avg', 'min', 'max', 'count', 'sum', 'stddev', 'p50', 'p95', 'p99', 'first', 'last'];

/** @typedef {Record<string, string>} Row */
/** @typedef {import('../../src/shared/api.ts').HistoryAnswer} HistoryAnswer */

/** The rows by the names of the columns. Cells in quotes are nothing that those who call this have. */
export function rowsOf(/** @type {string} */ csv) {
  const [header = '', ...lines] = csv.trim().split('\r\n');
  const names = header.split(',');
  return lines.map((line) => {
    const cells = line.split(',');
    return /** @type {Row} */ (Object.fromEntries(names.map((name, index) => [name, cells[index] ?? ''])));
  });
}

/**
 * Compares the rows of which the answer has the same version.
 *
 * @param {readonly Row[]} rows
 * @param {HistoryAnswer} answer
 */
export function compare(rows, { charts }) {
  const known = new Map(charts.flatMap(pointsOf));
  const same = rows.filter((row) => known.get(keyOf(row))?.revision === Number(row.revision));
  const wrong = same.flatMap((row) => {
    const point = known.get(keyOf(row)) ?? {};
    return FIELDS.filter((field) => isOther(Number(row[field]), Number(point[field]))).map(
      (field) => `${field} of ${keyOf(row)} is ${row[field]}, and ${point[field]} in the API`,
    );
  });
  return { compared: same.length, wrong };
}

function isOther(/** @type {number} */ saved, /** @type {number} */ known) {
  return !(Math.abs(saved - known) <= EXACT * Math.abs(known));
}

/**
 * The points of a series and metric by the keys of their rows.
 *
 * @param {HistoryAnswer['charts'][number]} chart
 */
function pointsOf({ series, metric, points }) {
  const columns = Object.entries(points);
  return (points.start ?? []).map((start, index) => {
    const point = Object.fromEntries(columns.map(([name, column]) => [name, column[index]]));
    const key = keyOf({ series, metric, start: new Date(Number(start)).toISOString() });
    return /** @type {const} */ ([key, point]);
  });
}

function keyOf(/** @type {Row} */ { series, metric, start }) {
  return `${series} ${metric} ${start}`;
}

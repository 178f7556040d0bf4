// What the dashboard has to reach, as figures that a measurement compares with their limits.

/** @typedef {{ figure: string, value: number | undefined, least?: number, most?: number }} Measured */

/**
 * The figures that are beyond their limits, in words. What could not be measured is beyond any.
 *
 * @param {readonly Measured[]} measured
 */
export function beyond(measured) {
  return measured
    .filter(({ value = NaN, least = -Infinity, most = Infinity }) => !(value >= least && value <= most))
    .map(({ figure, value, least, most }) =>
      least === undefined
        ? `${figure}: ${value}, and ${most} is the most that it may be`
        : `${figure}: ${value}, and ${least} is the least that it has to be`,
    );
}

/**
 * Ends a measurement: with 1 where a figure is beyond its limit.
 *
 * @param {readonly Measured[]} measured
 */
export function judge(measured) {
  for (const text of beyond(measured)) {
    console.error(text);
    process.exitCode = 1;
  }
}

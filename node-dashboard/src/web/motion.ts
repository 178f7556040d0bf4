const query = matchMedia('(prefers-reduced-motion: reduce)');

/** Calls back again and again: every so many milliseconds, and more seldom for those who ask for less motion. */
export function repeat(usual: number, calm: number, callback: () => void): void {
  setTimeout(
    () => {
      callback();
      repeat(usual, calm, callback);
    },
    query.matches ? calm : usual,
  );
}

/** Milliseconds to gather what is new before it is drawn. */
export function drawInterval(usual: number, calm: number): number {
  return query.matches ? calm : usual;
}

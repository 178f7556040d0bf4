/** Does something with each value, so many at once; returns what came of them, in order. */
export async function inParts<Value, Result>(
  values: readonly Value[],
  atOnce: number,
  work: (value: Value) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  for (let index = 0; index < values.length; index += atOnce) {
    results.push(...(await Promise.all(values.slice(index, index + atOnce).map(work))));
  }
  return results;
}

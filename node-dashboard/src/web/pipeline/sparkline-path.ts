/** The path of a line through values from left to right, from zero at the bottom; nothing where one is null. */
export function sparklinePath(values: readonly (number | null)[], width: number, height: number): string {
  const greatest = Math.max(...values.map((value) => value ?? 0), 0);
  const step = width / Math.max(1, values.length - 1);
  const y = (value: number): number => height - 1 - (greatest === 0 ? 0 : (value / greatest) * (height - 2));
  return values
    .map((value, index) => {
      if (value === null) {
        return '';
      }
      const place = `${round(index * step)} ${round(y(value))}`;
      const before = values[index - 1] ?? null;
      const after = values[index + 1] ?? null;
      // A value between two gaps is a point: a line of no length, with round ends.
      return before === null ? `M${place}${after === null ? 'h0' : ''}` : `L${place}`;
    })
    .join('');
}

function round(number: number): number {
  return Math.round(number * 100) / 100;
}

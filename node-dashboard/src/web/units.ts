import { formatDecimal, formatValue } from './format.ts';
import { locale } from './reader.ts';

/** Written between a number and its unit, so that a line never breaks there. */
const SPACE = '\u00a0';
const PREFIXES = ['', 'k', 'M', 'G', 'T', 'P'] as const;

/** How the numbers of one unit are written. */
interface Style {
  /** What stands behind a number. */
  readonly suffix: string;
  /** Large numbers take a prefix (kB, MB, …) instead of more digits. */
  readonly prefixed: boolean;
}

function styleOf(unit: string): Style {
  switch (unit) {
    case 'percent':
    case '%':
      return { suffix: '%', prefixed: false };
    case 'bytes':
      return { suffix: 'B', prefixed: true };
    case 'bytes/s':
      return { suffix: 'B/s', prefixed: true };
    default:
      return { suffix: unit === '' ? '' : `${SPACE}${unit}`, prefixed: false };
  }
}

/** A value with its unit, for reading: `13.2 MB/s`, `12.35%`, `21.40 °C`. */
export function formatQuantity(value: number, unit: string): string {
  const { suffix, prefixed } = styleOf(unit);
  if (!prefixed) {
    return `${formatValue(value)}${suffix}`;
  }
  const power = powerOf(value);
  const digits = power === 0 && Number.isInteger(value) ? 0 : 1;
  return `${formatDecimal(value / 1000 ** power, digits)}${SPACE}${PREFIXES[power] ?? ''}${suffix}`;
}

/** The marks of an axis, all in the same prefix: `0 MB/s`, `5 MB/s`, `10 MB/s`. */
export function formatMarks(values: readonly number[], unit: string): string[] {
  const { suffix, prefixed } = styleOf(unit);
  if (!prefixed) {
    // A long unit behind every mark would leave the chart no room; the title tells it anyway.
    const short = suffix.length > 3 ? '' : suffix;
    return values.map((value) => `${mark(value)}${short}`);
  }
  const power = powerOf(values.reduce((greatest, value) => Math.max(greatest, Math.abs(value)), 0));
  return values.map((value) => `${mark(value / 1000 ** power)}${SPACE}${PREFIXES[power] ?? ''}${suffix}`);
}

function powerOf(value: number): number {
  const magnitude = Math.abs(value);
  let power = 0;
  // From 999.95 on, one decimal would be rounded up to 1000.0.
  while (power < PREFIXES.length - 1 && magnitude >= 999.95 * 1000 ** power) {
    power += 1;
  }
  return power;
}

function mark(value: number): string {
  return value.toLocaleString(locale.value, {
    maximumSignificantDigits: 6,
    notation: Math.abs(value) >= 1e5 ? 'compact' : 'standard',
  });
}

import { locale, zone } from './reader.ts';

/** A value with three or four significant digits: what the eye can use, whatever the magnitude. */
export function formatValue(value: number): string {
  const magnitude = Math.abs(value);
  if (magnitude >= 1e6 || (magnitude > 0 && magnitude < 1e-3)) {
    return formatDecimal(value, 2, 'scientific')
      .replace(/E(?=\d)/, 'e+')
      .replace('E', 'e');
  }
  return formatDecimal(value, magnitude >= 1000 ? 0 : magnitude >= 100 ? 1 : magnitude >= 1 ? 2 : 3);
}

/** A number with so many decimals, as the reader writes it. */
export function formatDecimal(
  value: number,
  digits: number,
  notation: 'standard' | 'scientific' = 'standard',
): string {
  const format = numbers(`${locale.value} ${digits} ${notation}`, {
    ...{ minimumFractionDigits: digits, maximumFractionDigits: digits },
    notation,
  });
  return format.format(value);
}

/** How old something is: `1.4 s`, `2 min 05 s`, `3 h 20 min`, `2 d 4 h`. */
export function formatAge(milliseconds: number): string {
  const seconds = Math.max(0, milliseconds) / 1000;
  if (seconds < 60) {
    return `${formatDecimal(seconds, 1)} s`;
  }
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) {
    return `${formatCount(minutes)} min ${formatTwoDigits(Math.floor(seconds % 60))} s`;
  }
  const hours = Math.floor(minutes / 60);
  return hours < 48
    ? `${formatCount(hours)} h ${formatCount(minutes % 60)} min`
    : `${formatCount(Math.floor(hours / 24))} d ${formatCount(hours % 24)} h`;
}

function formatTwoDigits(number: number): string {
  return numbers(`${locale.value} two`, { minimumIntegerDigits: 2 }).format(number);
}

/** A rate per second. */
export function formatRate(rate: number): string {
  return `${rate >= 1000 ? `${formatValue(rate / 1000)} k` : formatDecimal(rate, rate < 10 ? 1 : 0)}/s`;
}

const CLOCK = { hour: '2-digit', minute: '2-digit' } as const;
const EXACT_CLOCK = { ...CLOCK, second: '2-digit' } as const;
const DAY = { day: 'numeric', month: 'short' } as const;

/** A time on an axis, in milliseconds: `14:05`, and at midnight the day that begins: `23 Nov`. */
export function formatAxisTime(time: number): string {
  const isMidnight = times('midnight', { ...CLOCK, hourCycle: 'h23' }, 'en').format(time) === '00:00';
  return isMidnight ? formatDay(time) : times('clock', CLOCK).format(time);
}

/** A time, in milliseconds, to the second: `14:05:10`. */
export function formatClock(time: number): string {
  return times('exact', EXACT_CLOCK).format(time);
}

/** A day: `23 Nov`. */
export function formatDay(time: number): string {
  return times('day', DAY).format(time);
}

/** A day of a calendar that has no zone, by its midnight in UTC: `23 Nov 2023`. */
export function formatCalendarDay(midnight: number): string {
  return times('calendar', { ...DAY, year: 'numeric' }, locale.value, 'UTC').format(midnight);
}

/** A time of day, in milliseconds after midnight: `14:05`. */
export function formatTimeOfDay(milliseconds: number): string {
  return times('time of day', CLOCK, locale.value, 'UTC').format(milliseconds);
}

/** A time with its day, unless that is today's. */
export function formatMoment(time: number, now: number): string {
  return formatDay(time) === formatDay(now) ? formatClock(time) : `${formatDay(time)}, ${formatClock(time)}`;
}

/** A window's span, in milliseconds, to the second, with its day unless that is today's: `14:05:10 – 14:05:20`. */
export function formatSpan(start: number, end: number, now: number): string {
  const last = formatDay(end) === formatDay(start) ? '' : `${formatDay(end)}, `;
  return `${formatMoment(start, now)} – ${last}${formatClock(end)}`;
}

/** A number of things: `12,345`. */
export function formatCount(count: number): string {
  return numbers(locale.value, {}).format(count);
}

/** Formats are costly to make. */
const made = new Map<string, Intl.NumberFormat | Intl.DateTimeFormat>();

function numbers(key: string, options: Intl.NumberFormatOptions): Intl.NumberFormat {
  const known = made.get(`number ${key}`);
  const format = known instanceof Intl.NumberFormat ? known : new Intl.NumberFormat(locale.value, options);
  made.set(`number ${key}`, format);
  return format;
}

function times(
  name: string,
  options: Intl.DateTimeFormatOptions,
  language = locale.value,
  timeZone = zone.value,
): Intl.DateTimeFormat {
  const key = `${name} ${language} ${timeZone}`;
  const known = made.get(key);
  const format =
    known instanceof Intl.DateTimeFormat
      ? known
      : new Intl.DateTimeFormat(language, { ...options, timeZone });
  made.set(key, format);
  return format;
}

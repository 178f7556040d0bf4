/** A value with three or four significant digits: what the eye can use, whatever the magnitude. */
export function formatValue(value: number): string {
  const magnitude = Math.abs(value);
  if (magnitude >= 1e6 || (magnitude > 0 && magnitude < 1e-3)) {
    return value.toExponential(2);
  }
  const digits = magnitude >= 1000 ? 0 : magnitude >= 100 ? 1 : magnitude >= 1 ? 2 : 3;
  return value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/** How old something is: `1.4 s`, `2 min 05 s`, `3 h 20 min`, `2 d 4 h`. */
export function formatAge(milliseconds: number): string {
  const seconds = Math.max(0, milliseconds) / 1000;
  if (seconds < 60) {
    return `${seconds.toFixed(1)} s`;
  }
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) {
    return `${minutes} min ${String(Math.floor(seconds % 60)).padStart(2, '0')} s`;
  }
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** A rate per second. */
export function formatRate(rate: number): string {
  return `${rate >= 1000 ? `${formatValue(rate / 1000)} k` : rate.toFixed(rate < 10 ? 1 : 0)}/s`;
}

const CLOCK = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
const EXACT_CLOCK = new Intl.DateTimeFormat('en-GB', {
  ...{ hour: '2-digit', minute: '2-digit', second: '2-digit' },
  hourCycle: 'h23',
});
const DAY = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short' });

/** A time on an axis, in milliseconds: `14:05`, and at midnight the day that begins: `23 Nov`. */
export function formatAxisTime(time: number): string {
  const clock = CLOCK.format(time);
  return clock === '00:00' ? DAY.format(time) : clock;
}

/** A time, in milliseconds, to the second: `14:05:10`. */
export function formatClock(time: number): string {
  return EXACT_CLOCK.format(time);
}

/** A window's span, in milliseconds, to the second, with its day unless that is today's: `14:05:10 – 14:05:20`. */
export function formatSpan(start: number, end: number, now: number): string {
  const day = DAY.format(start) === DAY.format(now) ? '' : `${DAY.format(start)}, `;
  const last = DAY.format(end) === DAY.format(start) ? '' : `${DAY.format(end)}, `;
  return `${day}${formatClock(start)} – ${last}${formatClock(end)}`;
}

/** A number of things: `12,345`. */
export function formatCount(count: number): string {
  return count.toLocaleString('en');
}

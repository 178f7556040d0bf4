import { BadRequestError } from '../errors.ts';

/** The last time that a date can hold (ECMAScript, section 21.4.1.1). */
const LATEST = 8_640_000_000_000_000;

/** What a parameter with a time takes, for people. */
export const TIME_FORMAT =
  'milliseconds since the epoch, or ISO 8601 with a time zone, such as 1769860800000, 2026-01-31T12:00:00Z, ' +
  '2026-01-31T13:00:00.5+01:00 or, for midnight in UTC, 2026-01-31';

const DATE = /^(\d{4})-(\d\d)-(\d\d)/;
const TIME = /^[Tt](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d+))?)?/;
/** An unescaped `+` is a space by the time it gets here. */
const ZONE = /^(?:[Zz]|([+ -])(\d\d):?(\d\d)?)$/;

/** Reads the time of a parameter, in milliseconds since the epoch; what is finer than that is cut off. */
export function parseTime(name: string, text: string): number {
  const time = /^\d+$/.test(text) ? Number(text) : parseIso(text);
  if (time === null || time < 0 || time > LATEST) {
    const hint = DATE.test(text) && time === null ? ' (is the date real, and the time zone there?)' : '';
    throw new BadRequestError(
      `the parameter "${name}" is ${JSON.stringify(text.slice(0, 50))}${hint}: it takes ${TIME_FORMAT}`,
    );
  }
  return time;
}

/** ISO 8601 in the extended form; without a zone nobody knows which time is meant. */
function parseIso(text: string): number | null {
  const [date = '', year, month, day] = DATE.exec(text) ?? [];
  const midnight = Date.UTC(Number(year), Number(month) - 1, Number(day));
  // A day that a month does not have would become one of the next.
  if (date === '' || !new Date(midnight).toISOString().startsWith(date)) {
    return null;
  }
  if (text === date) {
    return midnight;
  }
  const [clock = '', hours, minutes, seconds = '0', fraction = ''] = TIME.exec(text.slice(date.length)) ?? [];
  const zone = ZONE.exec(text.slice(date.length + clock.length));
  const [hour, minute, second] = [Number(hours), Number(minutes), Number(seconds)];
  if (zone === null || !(hour < 24 && minute < 60 && second < 60)) {
    return null;
  }
  const milliseconds = Number(fraction.padEnd(3, '0').slice(0, 3));
  const offset = (Number(zone[2] ?? 0) * 60 + Number(zone[3] ?? 0)) * (zone[1] === '-' ? -1 : 1);
  return midnight + ((hour * 60 + minute - offset) * 60 + second) * 1000 + milliseconds;
}

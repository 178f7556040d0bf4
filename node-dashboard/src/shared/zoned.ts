/** A day, in milliseconds. */
export const DAY = 86_400_000;

/** The time on a wall in a zone, as an input for date and time takes it: `2026-11-26T14:05:10`. */
export function toWallTime(time: number, zone: string): string {
  return new Date(time + offsetAt(time, zone)).toISOString().slice(0, 19);
}

/** The milliseconds since the epoch of a time on a wall in a zone; not a number for what is no time. */
export function fromWallTime(text: string, zone: string): number {
  const wall = Date.parse(`${text}Z`);
  return Number.isNaN(wall) ? NaN : fromWall(wall, zone);
}

/**
 * When the clocks of a zone show a time, which is given as if it were UTC. One that a change of the clocks leaves out
 * is taken as if they had not changed yet, of one that comes twice the first.
 */
export function fromWall(wall: number, zone: string): number {
  const before = wall - offsetAt(wall - DAY, zone);
  const after = wall - offsetAt(wall + DAY, zone);
  const isRight = (time: number): boolean => time + offsetAt(time, zone) === wall;
  return [before, after].find(isRight) ?? before;
}

/** What is known of clocks is kept for so many times: there are few starts of days, and they are asked for often. */
const MOST_KNOWN = 10_000;

const formats = new Map<string, Intl.DateTimeFormat>();
const known = new Map<string, number>();

/** `Date` knows no times that are further from the epoch than a day more, nor what clocks show then. */
const FARTHEST = 8.64e15 - DAY;

/** How far the clocks of a zone are ahead of UTC at a time, in milliseconds; before and after all times, as then. */
export function offsetAt(at: number, zone: string): number {
  const time = Math.max(-FARTHEST, Math.min(FARTHEST, at));
  const key = `${zone} ${time}`;
  const before = known.get(key);
  if (before !== undefined) {
    return before;
  }
  if (known.size >= MOST_KNOWN) {
    known.clear();
  }
  const offset = wallAt(time, zone) - Math.floor(time / 1000) * 1000;
  known.set(key, offset);
  return offset;
}

/** What the clocks of a zone show, as if that were UTC; in whole seconds. */
function wallAt(time: number, zone: string): number {
  const parts = formatOf(zone).formatToParts(time);
  const part = (type: Intl.DateTimeFormatPartTypes): number =>
    Number(parts.find((found) => found.type === type)?.value);
  return Date.UTC(
    ...([part('year'), part('month') - 1, part('day')] as const),
    ...([part('hour'), part('minute'), part('second')] as const),
  );
}

/** A zone that is not known here has the time of UTC. */
function formatOf(zone: string): Intl.DateTimeFormat {
  const format =
    formats.get(zone) ??
    new Intl.DateTimeFormat('en', {
      ...{
        timeZone: isZone(zone) ? zone : 'UTC',
        hourCycle: 'h23',
        year: 'numeric',
        month: 'numeric',
        day: 'numeric',
      },
      ...{ hour: 'numeric', minute: 'numeric', second: 'numeric', era: 'short' },
    });
  formats.set(zone, format);
  return format;
}

/** Whether there is a time zone of this name. */
export function isZone(name: string): boolean {
  try {
    Intl.DateTimeFormat('en', { timeZone: name });
    return name !== '';
  } catch {
    return false;
  }
}

/** A minute, in milliseconds. */
const MINUTE = 60_000;

/** The time on a wall in a zone, as an input for date and time takes it: `2026-11-26T14:05:10`. */
export function toWallTime(time: number, zone: string): string {
  return new Date(time + offsetAt(time, zone)).toISOString().slice(0, 19);
}

/**
 * The milliseconds since the epoch of a time on a wall in a zone; not a number for what is no time. One that a change
 * of the clocks leaves out is taken as if they had not changed yet, of one that comes twice the first.
 */
export function fromWallTime(text: string, zone: string): number {
  const wall = Date.parse(`${text}Z`);
  if (Number.isNaN(wall)) {
    return NaN;
  }
  const before = wall - offsetAt(wall - 24 * 60 * MINUTE, zone);
  const after = wall - offsetAt(wall + 24 * 60 * MINUTE, zone);
  const isRight = (time: number): boolean => time + offsetAt(time, zone) === wall;
  return [before, after].find(isRight) ?? before;
}

/** How far the clocks of a zone are ahead of UTC at a time, in milliseconds. */
export function offsetAt(time: number, zone: string): number {
  const parts = new Intl.DateTimeFormat('en', {
    ...{ timeZone: zone, hourCycle: 'h23', year: 'numeric', month: 'numeric', day: 'numeric' },
    ...{ hour: 'numeric', minute: 'numeric', second: 'numeric', era: 'short' },
  }).formatToParts(time);
  const part = (type: Intl.DateTimeFormatPartTypes): number =>
    Number(parts.find((found) => found.type === type)?.value);
  const wall = Date.UTC(
    ...([part('year'), part('month') - 1, part('day')] as const),
    ...([part('hour'), part('minute'), part('second')] as const),
  );
  return wall - Math.floor(time / 1000) * 1000;
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

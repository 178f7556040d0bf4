import { BUCKET_DAY, WINDOWS_PER_BUCKET } from './generated/buckets.ts';
import { DAY } from './zoned.ts';
import { placeOf, type Alignment } from './alignment.ts';
import { LIKE_UTC, ZONES } from './generated/zones.ts';

/**
 * How long a window is, how often a new one starts, and where: `10s` (tumbling), `5m/1m` (sliding), `7d@Mon` (later
 * than the epoch), `1d@Europe/Berlin` (days of a zone).
 */
export interface WindowSpec extends Alignment {
  /** The one name of this kind of window in topics and tables: `1m`, also where `60s` was written. */
  readonly label: string;
  /** Length of a window, in milliseconds; of those of a zone, without what its clocks are set meanwhile. */
  readonly size: number;
  /** Distance between the starts of two windows, in milliseconds, likewise; equals `size` for tumbling windows. */
  readonly slide: number;
}

/** The days of the week, from that of the epoch on. */
const WEEKDAYS = ['Thu', 'Fri', 'Sat', 'Sun', 'Mon', 'Tue', 'Wed'];

/** Longest first, so that a duration is written in its largest whole unit. */
const UNITS: readonly (readonly [name: string, length: number])[] = [
  ['d', DAY],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
  ['ms', 1],
];

/** Milliseconds of a duration such as `500ms`, `10s`, `5m`, `1h` or `30d`; throws on anything else. */
export function parseDuration(text: string): number {
  const match = /^(\d+)([a-z]+)$/.exec(text);
  const unit = UNITS.find(([name]) => name === match?.[2]);
  const duration = Number(match?.[1]) * (unit?.[1] ?? NaN);
  if (!Number.isSafeInteger(duration)) {
    throw new Error(
      `'${text}' is not a duration: write a whole number and one of ms, s, m, h, d, such as '10s'`,
    );
  }
  return duration;
}

/** Writes a duration in its largest whole unit, so that `60s` and `1m` have one name. */
export function formatDuration(milliseconds: number): string {
  const [name, length] = UNITS.find(([, length]) => milliseconds > 0 && milliseconds % length === 0) ?? [
    's',
    1000,
  ];
  return `${Math.floor(milliseconds / length)}${name}`;
}

type Lengths = Pick<WindowSpec, 'size' | 'slide'>;

/**
 * Reads `size` or `size/slide`, behind which `@offset` and `@zone` may stand; throws when it is none of these.
 *
 * @param zone the zone of whole days that name none
 */
export function parseWindowSpec(text: string, zone?: string): WindowSpec {
  const { lengths, offset, zone: own } = parseParts(text);
  return named(lengths, offset, zoneInName(own ?? (isOfDays(lengths) ? zone : undefined)));
}

/** Reads the lengths in the name of a kind of window alone; throws when it has none. */
export function parseLengths(text: string): Lengths {
  const [lengths = ''] = text.split('@');
  const [first = '', second = first, ...rest] = lengths.split('/');
  const size = parseDuration(first);
  const slide = parseDuration(second);
  if (rest.length > 0 || slide === 0 || slide > size) {
    throw new Error(
      `'${text}' is not a window: write a size such as '10s', or a size and a shorter slide such as '5m/1m'`,
    );
  }
  return { size, slide };
}

/** Whether windows are whole days, and each begins some days after the one before. */
export function isOfDays({ size, slide }: Lengths): boolean {
  return size % DAY === 0 && slide % DAY === 0;
}

/**
 * The kind among these that has that name, as messages have it; where the name has no zone, also the only one that has
 * it but for its own.
 */
export function windowOf(windows: readonly WindowSpec[], label: string): WindowSpec | undefined {
  const near = windows.filter((window) => named(window, window.offset ?? 0, undefined).label === label);
  return windows.find((window) => window.label === label) ?? (near.length === 1 ? near[0] : undefined);
}

/** The kind among these that a text names, in whatever way. */
export function windowNamed(windows: readonly WindowSpec[], text: string): WindowSpec | undefined {
  try {
    const { lengths, offset, zone } = parseParts(text);
    const { label } = named(lengths, offset, zoneInName(zone));
    return zone === undefined ? windowOf(windows, label) : windows.find((window) => window.label === label);
  } catch {
    return undefined;
  }
}

/** The name of a zone of the database that is part of the programs; throws on others. */
export function readZone(text: string): string {
  if (!ZONES.includes(text) && !LIKE_UTC.includes(text)) {
    throw new Error(`'${text}' is no zone of the IANA database: write its name, such as 'Europe/Berlin'`);
  }
  return text;
}

/** A zone that is UTC by another name is left out of the names of windows. */
function zoneInName(zone: string | undefined): string | undefined {
  return zone === undefined || LIKE_UTC.includes(zone) ? undefined : zone;
}

/** All that a name says. */
function parseParts(text: string): { readonly lengths: Lengths } & ReturnType<typeof parseBehind> {
  const lengths = parseLengths(text);
  return { lengths, ...parseBehind(text, lengths) };
}

/** What stands behind the lengths. */
function parseBehind(
  text: string,
  lengths: Lengths,
): { readonly offset: number; readonly zone: string | undefined } {
  const [, first, second, ...rest] = text.split('@');
  const isOffset = first !== undefined && (/^\d/.test(first) || WEEKDAYS.includes(first));
  const [offsetText, zone] = isOffset || second !== undefined ? [first, second] : [undefined, first];
  if (rest.length > 0) {
    throw wrongOffset(text);
  }
  const offset = offsetText === undefined ? 0 : parseOffset(text, offsetText, lengths);
  if (zone !== undefined && !isOfDays(lengths)) {
    throw new Error(
      `'${text}' is not a window: only windows of whole days, such as '1d' or '7d@Mon', are those of a zone`,
    );
  }
  return { offset, zone: zone === undefined ? undefined : readZone(zone) };
}

function parseOffset(text: string, offsetText: string, lengths: Lengths): number {
  const days = WEEKDAYS.indexOf(offsetText);
  if (days >= 0 && !isOfWeeks(lengths)) {
    throw wrongOffset(text);
  }
  const offset = days >= 0 ? days * DAY : parseDuration(offsetText);
  if (offset >= lengths.slide) {
    throw wrongOffset(text);
  }
  return offset;
}

function isOfWeeks({ size, slide }: Lengths): boolean {
  return size % (7 * DAY) === 0 && slide % (7 * DAY) === 0;
}

function wrongOffset(text: string): Error {
  return new Error(
    `'${text}' is not a window: behind '@' stands how much later than the epoch windows begin, which is less than ` +
      "their slide, such as '1h@15m'; for windows of whole weeks it may be a day, such as '7d@Mon'",
  );
}

function named({ size, slide }: Lengths, offset: number, zone: string | undefined): WindowSpec {
  const lengths = slide === size ? formatDuration(size) : `${formatDuration(size)}/${formatDuration(slide)}`;
  const day = offset % DAY === 0 && isOfWeeks({ size, slide }) ? WEEKDAYS[offset / DAY] : undefined;
  const later = offset === 0 ? '' : `@${day ?? formatDuration(offset)}`;
  const label = `${lengths}${later}${zone === undefined ? '' : `@${zone}`}`;
  return { label, size, slide, ...(offset !== 0 && { offset }), ...(zone !== undefined && { zone }) };
}

/** Time span that one partition of the `windows` table holds: as many whole days as its windows cover. */
export function bucketLength(spec: WindowSpec): number {
  return Math.max(1, Math.ceil((spec.slide * WINDOWS_PER_BUCKET) / BUCKET_DAY)) * BUCKET_DAY;
}

/** The partitions (bucket starts, ascending) that hold the windows which start in `[from, to)`. */
export function bucketsOf(spec: WindowSpec, from: number, to: number): number[] {
  const length = bucketLength(spec);
  const buckets: number[] = [];
  for (let bucket = Math.floor(from / length) * length; bucket < to; bucket += length) {
    buckets.push(bucket);
  }
  return buckets;
}

/** How many windows can start in `[from, to)`. */
export function windowsIn(spec: WindowSpec, from: number, to: number): number {
  const before = (time: number): number => Math.floor(placeOf(spec, time - 1) / spec.slide) + 1;
  return Math.max(0, before(to) - before(from));
}

/** The longest that a window of this kind can be, in milliseconds: the clocks of a zone may be set by a day. */
export function longestOf({ size, zone }: WindowSpec): number {
  return zone === undefined ? size : size + DAY;
}

import { BUCKET_DAY, WINDOWS_PER_BUCKET } from './generated/buckets.ts';

/** How long a window is and how often a new one starts: `10s` (tumbling) or `5m/1m` (sliding). */
export interface WindowSpec {
  /** The one name of this kind of window in topics and tables: `1m`, also where `60s` was written. */
  readonly label: string;
  /** Length of a window, in milliseconds. */
  readonly size: number;
  /** Distance between the starts of two windows, in milliseconds; equals `size` for tumbling windows. */
  readonly slide: number;
}

/** Longest first, so that a duration is written in its largest whole unit. */
const UNITS: readonly (readonly [name: string, length: number])[] = [
  ['d', 86_400_000],
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

/** Reads `size` or `size/slide`; throws when it is neither. */
export function parseWindowSpec(text: string): WindowSpec {
  const [first = '', second = first, ...rest] = text.split('/');
  const size = parseDuration(first);
  const slide = parseDuration(second);
  if (rest.length > 0 || slide === 0 || slide > size) {
    throw new Error(
      `'${text}' is not a window: write a size such as '10s', or a size and a shorter slide such as '5m/1m'`,
    );
  }
  const label = slide === size ? formatDuration(size) : `${formatDuration(size)}/${formatDuration(slide)}`;
  return { label, size, slide };
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
  return Math.max(0, Math.ceil(to / spec.slide) - Math.ceil(from / spec.slide));
}

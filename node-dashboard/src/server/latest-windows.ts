import { WINDOW_MEANINGS } from '../shared/generated/window.ts';
import { PAST_WINDOWS } from '../shared/latest-api.ts';
import { instantAt, isOnStride, placeOf, placeOfStart, UTC, type Alignment } from '../shared/alignment.ts';
import type { WindowSpec } from '../shared/window-spec.ts';
import type { Config } from './config.ts';
import type { LiveStream } from './live-stream.ts';
import { supersedes, type WindowMessage, type WindowValue } from '../shared/window.ts';

/** The lines of all streams together are no more than this, so that memory is bounded: about a kilobyte each. */
export const MAX_LINES = 100_000;

const MOST_OVERLAPPING = 12;
/** Windows that still grow have a place in the ring too. */
const MOST_IN_RING = PAST_WINDOWS + MOST_OVERLAPPING;

const VALUE_NAMES = Object.keys(WINDOW_MEANINGS) as readonly (keyof WindowValue)[];

/** What is known of one series, metric and kind of window. */
export interface Line {
  readonly series: string;
  /** The newest windows: those that still grow, and the newest that is complete. */
  readonly windows: Map<number, WindowValue>;
  /** Averages of the newest windows, each at the position that its start has in a ring. */
  readonly past: Float64Array;
  /** Time of the newest reading, and how late it came, in milliseconds. */
  newestEvent: number;
  lag: number | null;
  /** The place of the start of the newest window in the ring. */
  newest: number;
}

/** Where windows of a kind are in the ring. */
interface Ring {
  readonly alignment: Alignment;
  /** How far apart the starts are that are kept, in milliseconds. */
  readonly stride: number;
}

/** What a stream's lines are looked up by. */
export interface LineKind {
  readonly metric: string;
  readonly window: string;
}

/** The stream, as far as it matters here. */
interface Stream {
  readonly metrics: readonly string[];
  readonly windows: readonly WindowSpec[];
}

/** The newest windows of every series of one stream, as they come in. */
export class LatestWindows {
  /** By kind of window, the shortest first, where and how far apart the starts are that are kept. */
  readonly #rings: ReadonlyMap<string, Ring>;
  readonly #groups: ReadonlyMap<string, Map<string, Line>>;
  readonly #most: number;
  #newestEvent: number | null = null;
  #forgotten = 0;

  constructor({ metrics, windows }: Stream, mostLines = MAX_LINES) {
    const keys = metrics.flatMap((metric) => windows.map(({ label }) => keyOf({ metric, window: label })));
    const byLength = [...windows].sort((a, b) => a.size - b.size);
    this.#rings = new Map(
      byLength.map((window) => [window.label, { alignment: window, stride: strideOf(window) }]),
    );
    this.#groups = new Map(keys.map((key) => [key, new Map<string, Line>()]));
    this.#most = Math.max(1, Math.floor(mostLines / Math.max(1, keys.length)));
  }

  /** The newest event time that has come in; null before the first. */
  get newestEvent(): number | null {
    return this.#newestEvent;
  }

  /** How many lines had to be forgotten for others. */
  get forgotten(): number {
    return this.#forgotten;
  }

  /** Takes in windows in the order in which they come. */
  take(...messages: readonly WindowMessage[]): void {
    for (const message of messages) {
      this.#newestEvent = Math.max(this.#newestEvent ?? -Infinity, message.last_event);
      this.#add(message);
    }
  }

  /** The lines of one metric and kind of window. */
  lines(kind: LineKind): ReadonlyMap<string, Line> {
    return this.#groups.get(keyOf(kind)) ?? new Map<string, Line>();
  }

  /** The newest window of a line whose end an event has reached: from then on only stragglers change it. */
  complete({ windows }: Line): WindowValue | undefined {
    let newest: WindowValue | undefined;
    for (const window of windows.values()) {
      const isComplete = window.end <= (this.#newestEvent ?? -Infinity);
      if (isComplete && (newest === undefined || window.start > newest.start)) {
        newest = window;
      }
    }
    return newest;
  }

  /** The newest complete window of a series and metric, of the shortest kind of which there is one. */
  shortestComplete(series: string, metric: string): WindowValue | undefined {
    for (const window of this.#rings.keys()) {
      const line = this.lines({ metric, window }).get(series);
      const value = line === undefined ? undefined : this.complete(line);
      if (value !== undefined) {
        return value;
      }
    }
    return undefined;
  }

  /** The newest starts, ascending, of complete windows of a kind; at most so many. */
  starts({ window }: LineKind, size: number, most: number): number[] {
    const ring = this.#rings.get(window);
    if (ring === undefined || this.#newestEvent === null) {
      return [];
    }
    const { alignment, stride } = ring;
    const last = Math.floor((placeOf(alignment, this.#newestEvent) - size) / stride) * stride;
    return Array.from({ length: most }, (_, index) =>
      instantAt(alignment, last - (most - 1 - index) * stride),
    );
  }

  /** The averages of a line in the windows that start then; null where it has none. */
  averages({ past, newest }: Line, { window }: LineKind, starts: readonly number[]): (number | null)[] {
    const { alignment, stride } = this.#rings.get(window) ?? { alignment: UTC, stride: 1 };
    return starts.map((start) => {
      const place = placeOfStart(alignment, start);
      const isInRing = place <= newest && place > newest - MOST_IN_RING * stride;
      const value = isInRing ? (past[positionOf(place, stride)] ?? NaN) : NaN;
      return Number.isNaN(value) ? null : value;
    });
  }

  #add(message: WindowMessage): void {
    const ring = this.#rings.get(message.window);
    const group = this.#groups.get(keyOf(message));
    // Of a kind or a metric that the stream had once, or one of those that are left out.
    if (
      ring === undefined ||
      group === undefined ||
      !isOnStride(ring.alignment, message.start, ring.stride)
    ) {
      return;
    }
    const line = group.get(message.series) ?? {
      series: message.series,
      windows: new Map<number, WindowValue>(),
      past: new Float64Array(MOST_IN_RING).fill(NaN),
      newestEvent: -Infinity,
      lag: null,
      newest: -Infinity,
    };
    // Whoever has not been heard of for the longest time stands first.
    group.delete(line.series);
    group.set(line.series, line);
    if (remember(line, message, ring)) {
      this.#settle(line);
    }
    const [oldest] = group.keys();
    if (group.size > this.#most && oldest !== undefined) {
      group.delete(oldest);
      this.#forgotten += 1;
    }
  }

  /** Forgets windows that are older than the newest complete one. */
  #settle(line: Line): void {
    const complete = this.complete(line);
    for (const start of complete === undefined ? [] : line.windows.keys()) {
      if (start < (complete?.start ?? -Infinity)) {
        line.windows.delete(start);
      }
    }
  }
}

/** Takes a version of a window into a line; returns whether it was a newer one. */
function remember(line: Line, message: WindowMessage, { alignment, stride }: Ring): boolean {
  const { start } = message;
  const place = placeOfStart(alignment, start);
  const known = line.windows.get(start);
  const isTooOld = place <= line.newest - MOST_IN_RING * stride;
  if (isTooOld || (known !== undefined && !supersedes(message, known))) {
    return false;
  }
  if (message.last_event > line.newestEvent) {
    line.newestEvent = message.last_event;
    line.lag = Math.max(0, message.emitted - message.last_event);
  }
  for (
    let next = Math.max(line.newest, place - MOST_IN_RING * stride) + stride;
    next < place;
    next += stride
  ) {
    line.past[positionOf(next, stride)] = NaN;
  }
  line.past[positionOf(place, stride)] = message.avg;
  line.newest = Math.max(line.newest, place);
  line.windows.set(start, valueOf(message));
  return true;
}

/** Where in the ring the window at a place is. */
function positionOf(place: number, stride: number): number {
  const position = (place / stride) % MOST_IN_RING;
  return position < 0 ? position + MOST_IN_RING : position;
}

/** Of windows that overlap more than so often some are left out: those that stay hold all readings as well. */
function strideOf({ size, slide }: WindowSpec): number {
  return slide * Math.ceil(size / slide / MOST_OVERLAPPING);
}

/** Only what is not in the line already, since there are many. */
function valueOf(message: WindowMessage): WindowValue {
  const values = VALUE_NAMES.filter((name) => message[name] !== undefined).map(
    (name) => [name, message[name]] as const,
  );
  return Object.fromEntries(values) as unknown as WindowValue;
}

function keyOf({ metric, window }: LineKind): string {
  return `${window}|${metric}`;
}

/** Keeps the newest windows of every stream from now on. */
export function observeLatest(
  { streams }: Pick<Config, 'streams'>,
  live: ReadonlyMap<string, LiveStream>,
): ReadonlyMap<string, LatestWindows> {
  const most = Math.floor(MAX_LINES / Math.max(1, streams.length));
  const latest = new Map(streams.map((stream) => [stream.name, new LatestWindows(stream, most)]));
  for (const [name, windows] of latest) {
    live.get(name)?.observe((message) => {
      windows.take(message);
    });
  }
  return latest;
}

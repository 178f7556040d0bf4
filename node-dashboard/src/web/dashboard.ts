import type { SeriesInfo, StreamInfo } from '../shared/api.ts';
import type { WindowMessage } from '../shared/window.ts';
import { coalesce } from './coalesce.ts';
import { ApiError, getSeries, getStreams, getWindows } from './client.ts';
import { Freshness } from './freshness.ts';
import { LiveConnection, type ConnectionState } from './live-connection.ts';
import { problemOf, readSelection, writeSelection, type Selection } from './selection.ts';
import { WindowStore } from './store.ts';

/** More lines than this in one chart cannot be told apart. */
export const MAX_SHOWN = 20;
/** The list of series is up to a minute behind: of two series that move, one can seem this much older. */
const STILL_MOVES = 150_000;
/** How many requests for history are under way at once: what a browser does in parallel anyway. */
const PARALLEL_LOADS = 6;
const RETRY_AFTER = 3000;

/**
 * What the page knows: the streams, the selection, and the windows of the selected stream, in which the history and
 * the live edge are joined. Calls `changed` whenever there is something new to draw.
 */
export class Dashboard {
  streams: readonly StreamInfo[] = [];
  selection: Selection = { stream: '', window: '', range: 0, series: [] };
  store = new WindowStore();
  freshness = new Freshness();
  connection: ConnectionState = 'connecting';
  /** What is wrong, for the user; empty when nothing is. */
  problem = '';
  /** The series of the stream, shown or not, as far as the server lists them. */
  known: readonly string[] = [];
  /** What the user looks for, and the series that match it. */
  search = '';
  found: readonly string[] = [];
  loading = true;
  readonly #changed: () => void;
  #live: LiveConnection | undefined;
  #drawn = new Set<string>();
  /** Raised with every selection, so that answers to an earlier one are recognized and dropped. */
  #epoch = 0;
  /** Server's clock minus the browser's. */
  #clockOffset = 0;
  #problems = { address: '', live: '', history: '' };

  constructor(changed: () => void) {
    this.#changed = changed;
  }

  /** Milliseconds since the epoch, by the server's clock. */
  now(): number {
    return Date.now() + this.#clockOffset;
  }

  /** The selected stream. */
  get stream(): StreamInfo | undefined {
    return this.streams.find(({ name }) => name === this.selection.stream);
  }

  /** How often a window of the selected kind starts, in milliseconds. */
  get slide(): number {
    return this.stream?.windows.find(({ label }) => label === this.selection.window)?.slide ?? Infinity;
  }

  /** The series that are drawn, sorted: the chosen ones, or the liveliest ones. */
  get shown(): readonly string[] {
    return sorted(this.#drawn);
  }

  /** Where a drawn series stands among all, which gives it its colour: the same one, alone or with others. */
  position(series: string): number {
    const names =
      this.known.length > MAX_SHOWN ? this.shown : sorted(new Set([...this.known, ...this.#drawn]));
    return names.indexOf(series);
  }

  /** Asks for the streams until the server answers, and shows what the address selects. */
  async start(query: string): Promise<void> {
    for (;;) {
      try {
        const asked = Date.now();
        const { now, streams } = await getStreams();
        this.#clockOffset = now - (asked + Date.now()) / 2;
        this.streams = streams;
        const selection = readSelection(query, streams);
        if (selection !== null) {
          this.select(selection);
          this.#problems.address = problemOf(query, streams);
        }
        return;
      } catch (error) {
        this.#problems.history = describe(error);
        this.#update();
        await wait(RETRY_AFTER);
      }
    }
  }

  /** Shows something else. */
  select(selection: Selection): void {
    this.#epoch += 1;
    this.#live?.close();
    if (selection.stream !== this.selection.stream) {
      this.known = [];
      this.search = '';
    }
    this.selection = selection;
    this.store = new WindowStore();
    this.freshness = new Freshness();
    this.connection = 'connecting';
    this.#drawn = new Set(selection.series.slice(0, MAX_SHOWN));
    this.#problems = { address: '', live: '', history: '' };
    history.replaceState(null, '', writeSelection(selection));
    this.loading = true;
    this.#update();
    void this.#show(this.#epoch);
  }

  /** Shows a series alone, or adds it to the chosen ones, or takes it away from them. */
  toggle(series: string): void {
    const { selection } = this;
    const chosen = selection.series.includes(series)
      ? selection.series.filter((name) => name !== series)
      : [...selection.series, series].slice(-MAX_SHOWN);
    this.select({ ...selection, series: chosen });
  }

  /** Lists the series whose name contains the text. */
  async find(text: string): Promise<void> {
    const epoch = this.#epoch;
    this.search = text;
    try {
      const { series } = await getSeries(this.selection.stream, text);
      if (epoch === this.#epoch && text === this.search) {
        this.found = series.map((info) => info.series);
      }
    } catch (error) {
      this.#problems.history = describe(error);
    }
    this.#update();
  }

  async #show(epoch: number): Promise<void> {
    try {
      await this.#list(epoch);
    } catch (error) {
      // Then the page shows the series that come in live, until the history answers.
      this.#problems.history = describe(error);
    }
    if (epoch === this.#epoch) {
      const load = coalesce(() => this.#load(epoch));
      // First live, then the history: whatever comes in between is in one of them.
      this.#live = this.#connect(load);
      await load();
    }
  }

  /** Asks which series there are. */
  async #list(epoch: number): Promise<void> {
    const { stream, series } = this.selection;
    const answer = await getSeries(stream, '');
    if (epoch === this.#epoch) {
      this.known = sorted(new Set(answer.series.map((info) => info.series)));
      const wanted = series.length > 0 ? series : liveliest(answer.series);
      this.#drawn = new Set(wanted.slice(0, MAX_SHOWN));
    }
  }

  #connect(load: () => Promise<void>): LiveConnection {
    // Of a few series all are asked for, so that new ones appear by themselves.
    const few = this.selection.series.length === 0 && this.known.length <= MAX_SHOWN;
    return new LiveConnection(this.selection.stream, few ? [] : this.shown, {
      onWindow: (message) => {
        this.#take(message);
      },
      onReset: () => {
        void load();
      },
      onState: (state, message) => {
        this.connection = state;
        this.#problems.live = message;
        this.#update();
      },
    });
  }

  #take(message: WindowMessage): void {
    const { window, range, series } = this.selection;
    if (series.length === 0 && this.#drawn.size < MAX_SHOWN) {
      this.#drawn.add(message.series);
    }
    const inRange = message.end >= this.now() - range;
    if (message.window === window && inRange && this.#drawn.has(message.series)) {
      this.store.add(message.metric, message.series, message);
      this.freshness.observe(message.last_event);
      this.#update();
    }
  }

  /** Loads the history of the shown series, again and again until that works. */
  async #load(epoch: number): Promise<void> {
    while (epoch === this.#epoch) {
      try {
        if (this.known.length === 0) {
          await this.#list(epoch);
        }
        await this.#loadWindows(epoch);
        this.#problems.history = '';
        break;
      } catch (error) {
        this.#problems.history = describe(error);
        this.#update();
        await wait(RETRY_AFTER);
      }
    }
    if (epoch === this.#epoch) {
      this.loading = false;
      this.#update();
    }
  }

  async #loadWindows(epoch: number): Promise<void> {
    const { stream, window, range } = this.selection;
    const from = String(Math.floor(this.now() - range));
    const metrics = this.stream?.metrics ?? [];
    const queue = metrics.flatMap((metric) => this.shown.map((series) => ({ metric, series })));
    const worker = async (): Promise<void> => {
      for (let next = queue.shift(); next !== undefined && epoch === this.#epoch; next = queue.shift()) {
        const { windows } = await getWindows({ stream, window, from, ...next });
        if (epoch === this.#epoch) {
          for (const value of windows) {
            this.store.add(next.metric, next.series, value);
            this.freshness.start(value.last_event);
          }
          this.#update();
        }
      }
    };
    await Promise.all(Array.from({ length: PARALLEL_LOADS }, worker));
  }

  #update(): void {
    const { address, live, history } = this.#problems;
    this.problem = [address, live, history].filter((text) => text !== '').join('; ');
    this.#changed();
  }
}

/** The series in the order in which they deserve to be drawn: what still moves before what has ended, else by name. */
export function liveliest(series: readonly SeriesInfo[]): string[] {
  const newest = Math.max(...series.map(lastSeen));
  const moves = (info: SeriesInfo): boolean => newest - lastSeen(info) < STILL_MOVES;
  const names = (wanted: boolean): string[] =>
    sorted(new Set(series.filter((info) => moves(info) === wanted).map((info) => info.series)));
  return [...names(true), ...names(false)];
}

/** A series of which it is not known when it was seen last does not move. */
function lastSeen(info: SeriesInfo): number {
  return info.last_seen ?? -Infinity;
}

/** As people sort: s9 before s10. */
function sorted(names: ReadonlySet<string>): string[] {
  return [...names].sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
}

function describe(error: unknown): string {
  if (error instanceof ApiError && error.status === 401) {
    return 'this dashboard asks for its token: open it with ?token=… once';
  }
  return error instanceof Error ? error.message : String(error);
}

function wait(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

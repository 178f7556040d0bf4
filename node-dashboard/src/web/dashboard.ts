import type { AlertsAnswer, SeriesInfo, StreamInfo } from '../shared/api.ts';
import { resolutionFor, type Resolution } from '../shared/resolution.ts';
import type { WindowMessage } from '../shared/window.ts';
import { addressOf, correct, go, query } from './address.ts';
import { coalesce } from './coalesce.ts';
import { ApiError, getHistory, getSeries, getStreams } from './client.ts';
import { EventLag } from './event-lag.ts';
import { Freshness } from './freshness.ts';
import { historyRequests } from './history-requests.ts';
import { seriesToAsk, type ConnectionState } from './live-connection.ts';
import { listen, type Listening } from './listening.ts';
import { missingText, seriesOffers, streamOffers, type Offer } from './missing.ts';
import { lookUp } from './series-lookup.ts';
import { problemOf, readSelection, viewProblemOf, type Selection, type Span } from './selection.ts';
import { DrawnOrder, liveliest, sorted } from './series-order.ts';
import { WindowStore, type NewestWindows } from './store.ts';
import { token } from './token.ts';

/** More lines than this in one chart are no help, even if most of them stand back. */
export const MAX_SHOWN = 100;
/** How many requests for history are under way at once: what a browser does in parallel anyway. */
const PARALLEL_LOADS = 6;
const RETRY_AFTER = 3000;
/** Nothing shorter is shown, in milliseconds. */
const SHORTEST_SPAN = 60_000;
/** More points in each pixel cannot be seen. */
const POINTS_PER_PIXEL = 2;
/** Merged points of the past that have changed are loaded again, at most this often, in milliseconds. */
const RELOAD_AFTER = 5000;
const NONE = { label: '', size: 1, slide: 1 };
const NO_RESOLUTION: Resolution = { window: NONE, stride: 1, step: 1 };

/** What is new: points that came in live, or anything. */
export type Change = 'points' | 'all';

/**
 * What the page knows: the streams, the selection, and the windows of the selected stream, in which the history and
 * the live edge are joined. Calls `changed` whenever there is something new to draw.
 */
export class Dashboard {
  streams: readonly StreamInfo[] = [];
  selection: Selection = { stream: '', window: '', range: 0, series: [] };
  /** How the range is shown: by which kind of window, and by how many of them in one point. */
  resolution: Resolution = NO_RESOLUTION;
  store = new WindowStore(NO_RESOLUTION);
  freshness = new Freshness();
  /** How late the readings of each series come. */
  lag = new EventLag();
  connection: ConnectionState = 'connecting';
  /** What is wrong, for the user; empty when nothing is. */
  problem = '';
  /** What to show instead of what the address asks for in vain. */
  offers: readonly Offer[] = [];
  /** The series of the stream, shown or not, as far as the server lists them. */
  known: readonly string[] = [];
  /** Whether the stream has more series than these. */
  hasMore = false;
  /** What the user looks for, and the series that match it; null until the server has answered. */
  search = '';
  found: readonly string[] | null = null;
  /** Whether there are more series, or more that match, than the server lists. */
  truncated = false;
  loading = true;
  /** Windows that have come in since the charts show a span of the past. */
  missed = 0;
  /** Is told the alerts, when they are others, and once they have to be asked for since events come from then on. */
  onAlerts: (answer: AlertsAnswer | null) => void = () => undefined;
  readonly #changed: (change: Change) => void;
  /** How many pixels there are for a chart; at least one. */
  readonly #pixels: () => number;
  #reload: ReturnType<typeof setTimeout> | undefined;
  #live: Listening | undefined;
  #drawn = new Set<string>();
  readonly #order = new DrawnOrder(MAX_SHOWN);
  /** Raised with every selection, so that answers to an earlier one are recognized and dropped. */
  #epoch = 0;
  /** Server's clock minus the browser's. */
  #clockOffset = 0;
  #problems = { address: '', live: '', history: '' };
  /** What is known of the series that the server lists. */
  #infos: ReadonlyMap<string, SeriesInfo> = new Map();
  /** Chosen series that do not exist. */
  #missing: readonly string[] = [];
  #streamOffers: readonly Offer[] = [];

  constructor(changed: (change: Change) => void, pixels: () => number) {
    this.#changed = changed;
    this.#pixels = pixels;
  }

  /** Milliseconds since the epoch, by the server's clock. */
  now(): number {
    return Date.now() + this.#clockOffset;
  }

  /** What the charts show. */
  get span(): Span {
    const { span, range } = this.selection;
    const now = Math.floor(this.now());
    return span ?? { from: now - range, to: now };
  }

  /** Shows a part of what is shown, in which nothing moves any more. */
  zoom(from: number, to: number): void {
    const middle = (from + to) / 2;
    const half = Math.max(to - from, SHORTEST_SPAN) / 2;
    this.select({
      ...this.selection,
      span: { from: Math.floor(middle - half), to: Math.ceil(middle + half) },
    });
  }

  /** Shows a span in which nothing moves any more. */
  show(span: Span): void {
    const { from, to } = span;
    this.select({ ...this.selection, span: { from: Math.floor(from), to: Math.ceil(to) } });
  }

  /** Holds what is shown, or goes on. */
  togglePause(): void {
    if (this.selection.span === undefined) {
      this.show(this.span);
    } else {
      this.backToLive();
    }
  }

  /** Shows the range up to now. */
  backToLive(): void {
    const { stream, window, range, series } = this.selection;
    this.select({ stream, window, range, series });
  }

  /** The selected stream. */
  get stream(): StreamInfo | undefined {
    return this.streams.find(({ name }) => name === this.selection.stream);
  }

  /** The series that are drawn, sorted: the chosen ones, or the liveliest ones. */
  get shown(): readonly string[] {
    return this.#order.of(this.#drawn, this.known).shown;
  }

  /** What is known of a series; undefined when the server does not list it. */
  infoOf(series: string): SeriesInfo | undefined {
    return this.#infos.get(series);
  }

  /** Whether a series has the metric, or may have it since the server does not list it. */
  mayHave(series: string, metric: string): boolean {
    return this.infoOf(series)?.metrics.includes(metric) ?? true;
  }

  /** The listed series that have the metric. */
  seriesWith(metric: string): readonly string[] {
    return this.known.filter((name) => this.infoOf(name)?.metrics.includes(metric) === true);
  }

  /** The newest windows of a drawn series. */
  newestOf(metric: string, series: string): NewestWindows {
    return this.store.newest(metric, series, this.freshness.newest);
  }

  /** Where a drawn series stands among all, which gives it its colour: the same one, alone or with others. */
  position(series: string): number {
    return this.#order.of(this.#drawn, this.known).positions.get(series) ?? -1;
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
        if (selection === null) {
          this.#problems.address = 'no stream is configured: add a [[stream]] to freshet.toml';
        } else {
          correct(addressOf(selection));
          this.#begin(selection);
          this.#problems.address = problemOf(query, streams);
          this.#streamOffers = streamOffers(query, streams, selection);
        }
        this.#update();
        return;
      } catch (error) {
        this.#problems.history = describe(error);
        this.#update();
        await wait(RETRY_AFTER);
      }
    }
  }

  /** Shows something else, to which the browser's Back button leads back. */
  select(selection: Selection): void {
    go(addressOf(selection));
    this.#begin(selection);
  }

  /** Shows what the address says, after the browser's Back button has changed it. */
  restore(query: string): void {
    const selection = readSelection(query, this.streams);
    if (selection !== null) {
      this.#begin(selection);
    }
  }

  #begin(selection: Selection): void {
    this.#epoch += 1;
    this.#live?.close();
    clearTimeout(this.#reload);
    this.#reload = undefined;
    if (selection.stream !== this.selection.stream) {
      this.known = [];
      this.#infos = new Map();
      this.search = '';
      this.found = null;
    }
    const { store, resolution, selection: before } = this;
    this.selection = selection;
    this.resolution = this.#resolve();
    this.store = new WindowStore(this.resolution);
    const isSame = selection.stream === before.stream && this.resolution.window === resolution.window;
    if (isSame && this.resolution.step === resolution.step && this.resolution.stride === resolution.stride) {
      // What is known stays in sight until the history answers, and if it does not.
      this.store.carryOver(store, this.span.from, this.span.to);
    } else {
      this.connection = 'connecting';
    }
    this.freshness = isSame ? this.freshness : new Freshness();
    this.lag = isSame ? this.lag : new EventLag();
    this.missed = 0;
    // Known already, unless it is another stream: what is shown stays in sight while the server is asked again.
    const wanted = selection.series.length > 0 ? selection.series : liveliest([...this.#infos.values()]);
    this.#drawn = new Set(wanted.slice(0, MAX_SHOWN));
    this.#problems = { address: '', live: '', history: '' };
    this.#missing = [];
    this.#streamOffers = [];
    this.loading = true;
    this.#update();
    void this.#show(this.#epoch);
  }

  /** Shows the same when there is more or less room for it. */
  resize(): void {
    if (this.stream !== undefined && this.#resolve().step !== this.resolution.step) {
      this.#begin(this.selection);
    }
  }

  #resolve(): Resolution {
    const windows = this.stream?.windows ?? [];
    const wanted = windows.find(({ label }) => label === this.selection.window) ?? NONE;
    const { from, to } = this.span;
    return resolutionFor(windows, wanted, to - from, this.#points);
  }

  get #points(): number {
    return POINTS_PER_PIXEL * this.#pixels();
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
    this.found = null;
    try {
      const { series, truncated } = await getSeries(this.selection.stream, text);
      if (epoch === this.#epoch && text === this.search) {
        this.found = series.map((info) => info.series);
        this.truncated = truncated;
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
      this.#infos = new Map(answer.series.map((info) => [info.series, info]));
      this.known = sorted(new Set(this.#infos.keys()));
      this.hasMore = answer.truncated;
      this.truncated = answer.truncated;
      // What has come in live meanwhile may not be listed yet, and nothing more of it come for long.
      const wanted = series.length > 0 ? series : [...liveliest(answer.series), ...this.#drawn];
      this.#drawn = new Set([...new Set(wanted)].slice(0, MAX_SHOWN));
      await this.#lookFor(series, answer.truncated, epoch);
    }
  }

  /** Finds out which of the chosen series do not exist. */
  async #lookFor(chosen: readonly string[], truncated: boolean, epoch: number): Promise<void> {
    const unlisted = chosen.filter((name) => !this.#infos.has(name));
    const { found, missing } = await lookUp(this.selection.stream, unlisted, truncated);
    if (epoch === this.#epoch) {
      this.#infos = new Map([...this.#infos, ...found.map((info) => [info.series, info] as const)]);
      this.#missing = missing;
    }
  }

  #connect(load: () => Promise<void>): Listening {
    // Of a few series all are asked for, so that new ones appear by themselves.
    const few = this.selection.series.length === 0 && this.known.length <= MAX_SHOWN;
    const wanted = {
      address: new URL('api/live', document.baseURI).href,
      token,
      stream: this.selection.stream,
      windows: [this.resolution.window.label],
      series: few ? [] : seriesToAsk(this.shown),
    };
    return listen(wanted, {
      onWindow: (message) => {
        this.#take(message);
        if (this.store.takeOutdated()) {
          this.#reload ??= setTimeout(() => {
            this.#reload = undefined;
            void load();
          }, RELOAD_AFTER);
        }
      },
      onReset: () => {
        void load();
      },
      onState: (state, message) => {
        this.connection = state;
        this.#problems.live = message;
        this.#update();
      },
      onAlerts: (answer) => {
        this.onAlerts(answer);
      },
      onBegin: () => {
        this.onAlerts(null);
      },
    });
  }

  #take(message: WindowMessage): void {
    const { series } = this.selection;
    if (series.length === 0 && this.#drawn.size < MAX_SHOWN) {
      this.#drawn.add(message.series);
    }
    const { from, to } = this.span;
    const isOfKind = message.window === this.resolution.window.label && this.#drawn.has(message.series);
    if (isOfKind) {
      this.freshness.observe(message.last_event);
      this.lag.observe(message);
    }
    const inRange = message.end >= from && (this.selection.span === undefined || message.start < to);
    if (isOfKind && inRange) {
      if (this.#missing.includes(message.series)) {
        this.#missing = this.#missing.filter((name) => name !== message.series);
        this.#update();
      }
      this.store.add(message.metric, message.series, message);
      this.#changed('points');
    } else if (isOfKind) {
      this.missed += 1;
      this.#changed('points');
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
    const { stream, window } = this.selection;
    const points = this.#points;
    const { from, to } = this.span;
    const has = (series: string, metric: string): boolean => this.mayHave(series, metric);
    const metrics = this.stream?.metrics ?? [];
    const windowsEach = Math.ceil((to - from) / this.resolution.window.slide) + 1;
    const queue = historyRequests(metrics, this.shown, has, windowsEach);
    const worker = async (): Promise<void> => {
      for (let next = queue.shift(); next !== undefined && epoch === this.#epoch; next = queue.shift()) {
        const { charts } = await getHistory({
          ...{ stream, window, from, to, points },
          ...next,
        });
        if (epoch === this.#epoch) {
          for (const { series, metric, points: loaded } of charts) {
            for (const point of loaded) {
              this.store.addPoint(metric, series, point);
              this.freshness.start(point.last_event);
            }
          }
          this.#update();
        }
      }
    };
    await Promise.all(Array.from({ length: PARALLEL_LOADS }, worker));
  }

  #update(): void {
    const { address, live, history } = this.#problems;
    // The user may have corrected that on the page, without choosing anything else.
    const shown = viewProblemOf(query.value);
    const missing = missingText(this.#missing, this.selection.stream);
    this.problem = [address, shown, live, history, missing].filter((text) => text !== '').join('; ');
    this.offers = [...this.#streamOffers, ...seriesOffers(this.#missing, this.selection, this.known)];
    this.#changed('all');
  }
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

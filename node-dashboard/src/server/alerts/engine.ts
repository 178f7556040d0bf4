import type { AlertsAnswer } from '../../shared/api.ts';
import type { WindowMessage } from '../../shared/window.ts';
import type { AlertConfig } from '../config-alerts.ts';
import { messageOf } from '../errors.ts';
import { pause } from '../backoff.ts';
import { inParts } from '../in-parts.ts';
import { limited } from '../limited.ts';
import { CompleteWindows } from './complete-windows.ts';
import { answerOf, type Told } from './words.ts';
import { NewestEvents } from './newest-events.ts';
import { compareAge, compareWindow, keyOf, type Subject } from './rules.ts';
import { silencedUntil, type Silence } from './silences.ts';
import { advance, type Comparison, type Watch } from './state.ts';
import { AT_ONCE, type StoredAlert, type StoredState } from './store.ts';
import { OTHERS_INTERVAL, Takeover } from './takeover.ts';
import { Telling, type TellingOptions } from './telling.ts';

/** What the engine works with. */
export interface EngineOptions extends TellingOptions {
  /** The name of this dashboard among those of the pipeline. */
  readonly dashboard: string;
  readonly alerts: readonly AlertConfig[];
  /** How long windows of a stream wait for stragglers, in milliseconds. */
  readonly lateness: ReadonlyMap<string, number>;
  /** Tells those who look that something is another than before. */
  readonly changed: (answer: AlertsAnswer) => void;
  /** When a series was heard of last, to know which are silent already. */
  readonly heard?: (stream: string) => Promise<readonly Heard[]>;
}

/** When a series was heard of last. */
export interface Heard {
  readonly series: string;
  readonly metrics: readonly string[];
  readonly last_seen: number | null;
}

/** How often the engine compares, in milliseconds. */
const INTERVAL = 1000;
/** How long it waits for what is stored, before it goes on without it, in milliseconds. */
const PATIENCE = 30_000;
/** How long closing waits for what is being stored, in milliseconds. */
const PATIENCE_OF_CLOSING = 1000;
/** What is over is remembered this long, and series that were silent for longer before the start are not missed. */
const DAY = 86_400_000;

interface Entry {
  readonly alert: AlertConfig;
  readonly subject: Subject;
  watch: Watch | undefined;
  stored: StoredState | null;
  /** What was told last by this dashboard. */
  told: StoredState | null;
}

/** The alerts of one dashboard: compares what comes in, stores what has changed, and tells it. */
export class AlertEngine {
  readonly #options: EngineOptions;
  readonly #complete: ReadonlyMap<string, CompleteWindows>;
  readonly #entries = new Map<string, Entry>();
  readonly #events: NewestEvents;
  readonly #telling: Telling;
  readonly #takeover: Takeover;
  readonly #stop = new AbortController();
  /** What other dashboards have left untold, and this one tells. */
  #takenOver: Told[] = [];
  #othersAsked = -Infinity;
  /** What was stored is known. */
  #loaded = false;
  #begun: number | undefined;
  #running: Promise<unknown> | undefined;

  constructor(options: EngineOptions) {
    this.#options = options;
    this.#events = new NewestEvents(options.alerts);
    this.#telling = new Telling(options);
    const watched = new Set(options.alerts.map(({ stream }) => stream));
    this.#complete = new Map(
      [...watched].map((stream) => {
        const alerts = options.alerts.filter((alert) => alert.stream === stream && alert.field !== 'age');
        const kinds = new Set(alerts.map(({ window }) => window.label));
        return [stream, new CompleteWindows(options.lateness.get(stream) ?? 0, kinds)];
      }),
    );
    this.#takeover = new Takeover(options, [...watched]);
  }

  /** Begins to compare. */
  start(): void {
    if (this.#options.alerts.length > 0) {
      this.#running ??= Promise.all([this.#run(), this.#stayPresent()]);
    }
  }

  /**
   * Stops comparing. A store that hangs holds nobody up: the state that was being stored is found again, and what was
   * not told yet the next dashboard tells.
   */
  async close(): Promise<void> {
    this.#stop.abort();
    if (this.#running !== undefined) {
      await this.#limited(this.#running.then(() => this.#telling.settled()));
      await this.#limited(this.#takeover.leave());
    }
  }

  /** Takes in a window message of a stream. */
  observe(message: WindowMessage): void {
    const complete = this.#complete.get(message.stream);
    if (complete === undefined) {
      return;
    }
    complete.add(message);
    const { stream, series, metric, last_event: time } = message;
    this.#events.hear({ stream, series, metric, time });
  }

  /** What the alerts say now. */
  answer(now: number): AlertsAnswer {
    const shown = [...this.#entries.values()].flatMap(({ alert, subject, watch }) =>
      watch === undefined || watch.state === 'fine'
        ? []
        : [{ alert, subject, watch, silencedUntil: silencedUntil(this.#telling.silences, subject, now) }],
    );
    return answerOf(shown);
  }

  /** How many series and metrics of an alert are in a state, by `alert|state`. */
  counts(): ReadonlyMap<string, number> {
    const counts = new Map<string, number>();
    for (const { alert, watch } of this.#entries.values()) {
      const key = `${alert.name}|${watch?.state ?? 'fine'}`;
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
    return counts;
  }

  /** Tells nobody of an alert until then. */
  async silence(silence: Silence, now: number): Promise<void> {
    await this.#options.store.silence(silence);
    await this.#telling.readSilences();
    this.#options.changed(this.answer(now));
  }

  /** Tells people of it again. */
  async unsilence(silence: Omit<Silence, 'until'>, now: number): Promise<void> {
    await this.#options.store.unsilence(silence);
    await this.#telling.readSilences();
    this.#options.changed(this.answer(now));
  }

  /** Compares what has come in since the last time; one call after the other. */
  async tick(now: number): Promise<void> {
    this.#begun ??= now;
    const isPatient = now - this.#begun < PATIENCE;
    const isWaiting = !this.#loaded && isPatient;
    if (isWaiting || now - this.#othersAsked >= OTHERS_INTERVAL) {
      await this.#askOthers(now, isPatient);
    }
    if (!this.#loaded && isPatient) {
      return;
    }
    const changed = [...this.#compareWindows(), ...this.#compareAges(now)];
    const news = await this.#storeAll(changed);
    this.#telling.tell([...this.#takenOver.splice(0), ...news, ...this.#noLongerSilenced(now)], now);
    this.#forget(now);
    if (changed.length > 0) {
      this.#options.changed(this.answer(now));
    }
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    for (;;) {
      await pause(INTERVAL, signal);
      if (signal.aborted) {
        return;
      }
      await this.tick(Date.now()).catch((error: unknown) => {
        this.#options.failed(`alerts cannot be compared: ${messageOf(error)}`);
      });
    }
  }

  /** Says that this dashboard is there, however long it compares and stores meanwhile. */
  async #stayPresent(): Promise<void> {
    const { signal } = this.#stop;
    for (;;) {
      await pause(OTHERS_INTERVAL, signal);
      if (signal.aborted) {
        return;
      }
      // The next tick finds out as well, and says so.
      await this.#takeover.appear(Date.now()).catch(() => undefined);
    }
  }

  async #limited(work: Promise<unknown>): Promise<void> {
    await limited(work, PATIENCE_OF_CLOSING, new AbortController().signal).catch(() => undefined);
  }

  /** What other dashboards, of now or of before, have stored, silenced and left untold. */
  async #askOthers(now: number, isPatient: boolean): Promise<void> {
    this.#othersAsked = now;
    try {
      await this.#telling.readSilences();
      await this.#load(now);
    } catch (error) {
      // Cassandra's absence is told where it is noticed.
      if (!isPatient || this.#loaded) {
        const without = this.#loaded ? '' : 'alerts go on without what was stored: ';
        this.#options.failed(`${without}what others say of alerts cannot be read: ${messageOf(error)}`);
      }
    }
  }

  /** Reads what is stored: the first time to begin with it, and always to tell what nobody else does any more. */
  async #load(now: number): Promise<void> {
    const stored = await this.#options.store.load([...this.#complete.keys()]);
    const known = stored.flatMap((one) => {
      const { alert: name, stream } = one.subject;
      const alert = this.#options.alerts.find(
        (watched) => watched.name === name && watched.stream === stream,
      );
      return alert === undefined ? [] : [{ ...one, alert }];
    });
    if (!this.#loaded) {
      known.forEach((alert) => {
        this.#begin(alert);
      });
      await this.#hearOfSilent(now);
      this.#loaded = true;
    }
    for (const left of await this.#takeover.takeLeft(known, now)) {
      this.#begin(left);
      this.#takenOver.push({ ...left, watch: watchOf(left.stored) });
    }
  }

  /** Begins with what is stored, unless something was found since: that is newer. */
  #begin({ alert, subject, stored }: StoredAlert & { readonly alert: AlertConfig }): void {
    const key = keyOf(subject);
    if (!this.#entries.has(key)) {
      this.#entries.set(key, { ...{ alert, subject, stored, told: stored }, watch: watchOf(stored) });
    }
  }

  /** Series that were heard of lately may be silent since before the newest messages. */
  async #hearOfSilent(now: number): Promise<void> {
    for (const stream of new Set(this.#events.alerts.map((alert) => alert.stream))) {
      for (const { series, metrics, last_seen: time } of (await this.#options.heard?.(stream)) ?? []) {
        if (time !== null && time > now - DAY) {
          metrics.forEach((metric) => {
            this.#events.hear({ stream, series, metric, time });
          });
        }
      }
    }
  }

  #compareWindows(): Entry[] {
    const changed: Entry[] = [];
    for (const [stream, windows] of this.#complete) {
      const alerts = this.#options.alerts.filter((alert) => alert.stream === stream);
      for (const message of windows.take()) {
        for (const alert of alerts) {
          const comparison = compareWindow(alert, message);
          if (comparison !== null) {
            changed.push(...this.#compare(alert, message.series, message.metric, comparison));
          }
        }
      }
    }
    return changed;
  }

  #compareAges(now: number): Entry[] {
    return this.#events.alerts.flatMap((alert) => {
      const known = this.#events.of(alert);
      const newest = known.reduce((latest, { time }) => Math.max(latest, time), this.#begun ?? now);
      // While there is none at all, the stream itself is missed.
      const stream = known.length === 0 || this.#entries.has(keyOf(subjectOf(alert, '', '')));
      return [
        ...known.flatMap(({ series, metric, time }) =>
          this.#compare(alert, series, metric, compareAge(alert, time, now)),
        ),
        ...(stream ? this.#compare(alert, '', '', compareAge(alert, newest, now)) : []),
      ];
    });
  }

  /** Compares one value; returns the entry when its state is another one now. */
  #compare(alert: AlertConfig, series: string, metric: string, comparison: Comparison): Entry[] {
    const subject = subjectOf(alert, series, metric);
    const key = keyOf(subject);
    const entry = this.#entries.get(key) ?? {
      ...{ alert, subject, watch: undefined, stored: null, told: null },
    };
    const before = entry.watch?.state;
    entry.watch = advance(entry.watch, alert.lasting, comparison);
    if (entry.watch === undefined) {
      return [];
    }
    this.#entries.set(key, entry);
    return entry.watch.state === before ? [] : [entry];
  }

  /** Stores what has changed; returns what this dashboard was the first to store, and has to tell. */
  async #storeAll(changed: readonly Entry[]): Promise<Told[]> {
    // It may have changed several times at once: what it is now counts.
    const entries = [...new Set(changed)];
    const failures = new Set<string>();
    // A store that has just failed may hang for each of the rest: people must not wait for that.
    const news = await inParts(entries, AT_ONCE, (entry) =>
      this.#store(entry, failures.size === 0, failures),
    );
    const told = entries.flatMap((entry, index) => {
      const { alert, subject, watch } = entry;
      this.#telling.forget(subject);
      if (news[index] !== true || watch === undefined) {
        return [];
      }
      entry.told = watch;
      return [{ alert, subject, watch }];
    });
    failures.forEach((failure) => {
      this.#options.failed(`the state of an alert cannot be stored: ${failure}`);
    });
    return told;
  }

  /**
   * Whether this dashboard has stored what people have to be told of. Where nothing can be stored it tells them: rather
   * twice than never.
   */
  async #store(entry: Entry, canStore: boolean, failures: Set<string>): Promise<boolean> {
    const { subject, watch } = entry;
    if (watch === undefined) {
      return false;
    }
    const { state, since, value } = watch;
    // What has begun and ended while nobody compared was told to nobody.
    const isNews = (from: StoredState | null): boolean =>
      state === 'firing' || (state === 'resolved' && [from?.state, entry.told?.state].includes('firing'));
    const to: StoredState = { state, since, value };
    if (!canStore) {
      return isNews(entry.told);
    }
    try {
      for (let from = entry.stored; ;) {
        const toldBy = isNews(from) ? this.#options.dashboard : null;
        const instead = await this.#options.store.replace(subject, from, to, toldBy);
        if (instead === null) {
          entry.stored = to;
          return isNews(from);
        }
        entry.stored = instead;
        if (instead.state === state || instead.since >= since) {
          entry.watch = { ...instead, at: Math.max(watch.at, instead.since) };
          return false;
        }
        from = instead;
      }
    } catch (error) {
      failures.add(messageOf(error));
      return isNews(entry.told);
    }
  }

  #noLongerSilenced(now: number): Told[] {
    return this.#telling.takeNoLongerSilenced(now).flatMap((subject) => {
      const { alert, watch } = this.#entries.get(keyOf(subject)) ?? {};
      return alert !== undefined && watch?.state === 'firing' ? [{ alert, subject, watch }] : [];
    });
  }

  #forget(now: number): void {
    for (const [key, { watch }] of this.#entries) {
      const isOver = watch?.state === 'fine' || watch?.state === 'resolved';
      if (isOver && Math.max(watch.at, watch.since) < now - DAY) {
        this.#entries.delete(key);
      }
    }
  }
}

function subjectOf({ name, stream }: AlertConfig, series: string, metric: string): Subject {
  return { alert: name, stream, series, metric };
}

function watchOf(stored: StoredState): Watch {
  return { ...stored, at: stored.since };
}

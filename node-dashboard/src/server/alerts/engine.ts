import type { AlertsAnswer } from '../../shared/api.ts';
import type { WindowMessage } from '../../shared/window.ts';
import type { AlertConfig } from '../config-alerts.ts';
import { messageOf } from '../errors.ts';
import { pause } from '../backoff.ts';
import { limited } from '../limited.ts';
import { CompleteWindows } from './complete-windows.ts';
import { answerOf, notificationsOf, type Told } from './words.ts';
import type { Notification } from './notifier.ts';
import { NewestEvents } from './newest-events.ts';
import { compareAge, compareWindow, keyOf, type Subject } from './rules.ts';
import { silencedUntil, type Silence } from './silences.ts';
import { advance, type Comparison, type Watch } from './state.ts';
import type { AlertStore, StoredState } from './store.ts';

/** What the engine works with. */
export interface EngineOptions {
  readonly alerts: readonly AlertConfig[];
  /** How long windows of a stream wait for stragglers, in milliseconds. */
  readonly lateness: ReadonlyMap<string, number>;
  readonly store: AlertStore;
  /** Tells people who are not looking. */
  readonly notify: (notification: Notification) => void;
  /** Tells those who look that something is another than before. */
  readonly changed: (answer: AlertsAnswer) => void;
  /** Notes what began, or ended, beside the charts. */
  readonly note?: (told: readonly Told[]) => void;
  /** When a series was heard of last, to know which are silent already. */
  readonly heard?: (stream: string) => Promise<readonly Heard[]>;
  readonly failed: (message: string) => void;
}

/** When a series was heard of last. */
export interface Heard {
  readonly series: string;
  readonly metrics: readonly string[];
  readonly last_seen: number | null;
}

/** How often the engine compares, in milliseconds. */
const INTERVAL = 1000;
/** How often it asks what others have silenced, in milliseconds. */
const SILENCES_INTERVAL = 10_000;
/** How long it waits for what is stored, before it goes on without it, in milliseconds. */
const PATIENCE = 30_000;
/** How long closing waits for what is being stored, in milliseconds. */
const PATIENCE_OF_CLOSING = 1000;
/** What is over is remembered this long, and series that were silent for longer before the start are not missed. */
const DAY = 86_400_000;
/** How many states are stored at once. */
const AT_ONCE = 32;

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
  /** Who fires and was not told of, since it is silenced. */
  readonly #untold = new Set<Entry>();
  /** Who fired at the start already, until it is known which of them are silenced. */
  #foundFiring: readonly Entry[] = [];
  readonly #stop = new AbortController();
  #silences: readonly Silence[] = [];
  #silencesAsked = -Infinity;
  /** What was stored is known. */
  #loaded = false;
  #begun: number | undefined;
  #running: Promise<void> | undefined;

  constructor(options: EngineOptions) {
    this.#options = options;
    this.#events = new NewestEvents(options.alerts);
    const watched = new Set(options.alerts.map(({ stream }) => stream));
    this.#complete = new Map(
      [...watched].map((stream) => {
        const alerts = options.alerts.filter((alert) => alert.stream === stream && alert.field !== 'age');
        const kinds = new Set(alerts.map(({ window }) => window.label));
        return [stream, new CompleteWindows(options.lateness.get(stream) ?? 0, kinds)];
      }),
    );
  }

  /** Begins to compare. */
  start(): void {
    if (this.#options.alerts.length > 0) {
      this.#running ??= this.#run();
    }
  }

  /** Stops comparing. A store that hangs holds nobody up: the state that was being stored is found again. */
  async close(): Promise<void> {
    this.#stop.abort();
    const last = this.#running ?? Promise.resolve();
    await limited(last, PATIENCE_OF_CLOSING, new AbortController().signal).catch(() => undefined);
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
        : [{ alert, subject, watch, silencedUntil: silencedUntil(this.#silences, subject, now) }],
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
    await this.#readSilences(now);
    this.#options.changed(this.answer(now));
  }

  /** Tells people of it again. */
  async unsilence(silence: Omit<Silence, 'until'>, now: number): Promise<void> {
    await this.#options.store.unsilence(silence);
    await this.#readSilences(now);
    this.#options.changed(this.answer(now));
  }

  /** Compares what has come in since the last time; one call after the other. */
  async tick(now: number): Promise<void> {
    this.#begun ??= now;
    const isPatient = now - this.#begun < PATIENCE;
    if (!this.#loaded && isPatient && !(await this.#load(now))) {
      return;
    }
    if (now - this.#silencesAsked >= SILENCES_INTERVAL) {
      await this.#ask(now);
    }
    const changed = [...this.#compareWindows(), ...this.#compareAges(now)];
    const told = [...(await this.#storeAll(changed)), ...this.#noLongerSilenced(now)];
    this.#forget(now);
    this.#tell(told, now);
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

  /** What others have silenced, and what was stored, if it could not be read before. */
  async #ask(now: number): Promise<void> {
    if (!this.#loaded && !(await this.#load(now))) {
      this.#silencesAsked = now;
      this.#options.failed('alerts go on without what was stored, which cannot be read');
      return;
    }
    await this.#readSilences(now).catch((error: unknown) => {
      this.#options.failed(`silences cannot be read: ${messageOf(error)}`);
    });
  }

  /** Whether it could read what was stored. What was found since then is newer. */
  async #load(now: number): Promise<boolean> {
    try {
      const streams = [...this.#complete.keys()];
      for (const { subject, stored } of await this.#options.store.load(streams)) {
        const alert = this.#options.alerts.find(
          ({ name, stream }) => name === subject.alert && stream === subject.stream,
        );
        if (alert !== undefined && !this.#entries.has(keyOf(subject))) {
          this.#entries.set(keyOf(subject), {
            ...{ alert, subject, stored, told: stored },
            watch: { ...stored, at: stored.since },
          });
        }
      }
      this.#foundFiring = [...this.#entries.values()].filter(({ watch }) => watch?.state === 'firing');
      await this.#hearOfSilent(now);
      this.#loaded = true;
    } catch {
      // Cassandra's absence is told where it is noticed.
    }
    return this.#loaded;
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
    const told: Told[] = [];
    const failures = new Set<string>();
    for (let index = 0; index < entries.length; index += AT_ONCE) {
      // A store that has just failed may hang for each of them: people must not wait for that.
      const canStore = failures.size === 0;
      const news = await Promise.all(
        entries
          .slice(index, index + AT_ONCE)
          .map(async (entry) => [entry, await this.#store(entry, canStore, failures)] as const),
      );
      for (const [entry, isNews] of news) {
        const { alert, subject, watch } = entry;
        this.#untold.delete(entry);
        if (isNews && watch !== undefined) {
          entry.told = watch;
          told.push({ alert, subject, watch });
        }
      }
    }
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
        const instead = await this.#options.store.replace(subject, from, to);
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
    const told: Told[] = [];
    for (const entry of this.#untold) {
      const { alert, subject, watch } = entry;
      if (watch?.state !== 'firing') {
        this.#untold.delete(entry);
      } else if (silencedUntil(this.#silences, subject, now) === null) {
        this.#untold.delete(entry);
        told.push({ alert, subject, watch });
      }
    }
    return told;
  }

  #tell(told: readonly Told[], now: number): void {
    this.#options.note?.(told);
    const loud = told.filter(({ subject, watch }) => {
      const isSilenced = silencedUntil(this.#silences, subject, now) !== null;
      const entry = this.#entries.get(keyOf(subject));
      if (isSilenced && watch.state === 'firing' && entry !== undefined) {
        this.#untold.add(entry);
      }
      return !isSilenced;
    });
    notificationsOf(loud, now).forEach(this.#options.notify);
  }

  async #readSilences(now: number): Promise<void> {
    this.#silencesAsked = now;
    this.#silences = await this.#options.store.silences();
    // Whether people were told of them before they were silenced nobody knows any more: rather twice than never.
    this.#foundFiring
      .filter(({ subject }) => silencedUntil(this.#silences, subject, now) !== null)
      .forEach((entry) => this.#untold.add(entry));
    this.#foundFiring = [];
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

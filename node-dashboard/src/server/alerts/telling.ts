import { inParts } from '../in-parts.ts';
import { messageOf } from '../errors.ts';
import type { Notification } from './notifier.ts';
import { keyOf, type Subject } from './rules.ts';
import { silencedUntil, type Silence } from './silences.ts';
import { AT_ONCE, type AlertStore } from './store.ts';
import { notificationsOf, type Told } from './words.ts';

/** What telling works with. */
export interface TellingOptions {
  readonly store: AlertStore;
  /** Tells people who are not looking; answers whether all who have to hear of it took it. */
  readonly notify: (notification: Notification) => Promise<boolean>;
  /** Notes what began, or ended, beside the charts. */
  readonly note?: (told: readonly Told[]) => void;
  readonly failed: (message: string) => void;
}

/**
 * Tells people what has become of alerts, unless they want to hear nothing of it, and stores what they were told of.
 * Whoever finds an alert of which that is not stored, while nobody is at it any more, tells it.
 */
export class Telling {
  readonly #options: TellingOptions;
  /** What fires and is silenced, by the name of the subject. */
  readonly #silenced = new Map<string, Subject>();
  readonly #running = new Set<Promise<void>>();
  #silences: readonly Silence[] = [];

  constructor(options: TellingOptions) {
    this.#options = options;
  }

  /** What people want to hear nothing of. */
  get silences(): readonly Silence[] {
    return this.#silences;
  }

  /** Asks what people want to hear nothing of. */
  async readSilences(): Promise<void> {
    this.#silences = await this.#options.store.silences();
  }

  /** Tells these now; those that are silenced and fire when the silence is over. */
  tell(told: readonly Told[], now: number): void {
    if (told.length === 0) {
      return;
    }
    this.#options.note?.(told);
    const isSilenced = ({ subject }: Told) => silencedUntil(this.#silences, subject, now) !== null;
    const silenced = told.filter(isSilenced);
    for (const { subject, watch } of silenced) {
      if (watch.state === 'firing') {
        this.#silenced.set(keyOf(subject), subject);
      }
    }
    // Nobody wants to hear of the end of what was silenced, later neither.
    this.#run(this.#mark(silenced.filter(({ watch }) => watch.state !== 'firing')));
    const loud = told.filter((one) => !isSilenced(one));
    for (const { notification, about } of notificationsOf(loud, now)) {
      this.#run(this.#deliver(notification, about));
    }
  }

  /** It has become something else: that is told instead. */
  forget(subject: Subject): void {
    this.#silenced.delete(keyOf(subject));
  }

  /** What fires and is silenced no longer; it is to be told. */
  takeNoLongerSilenced(now: number): Subject[] {
    const over = [...this.#silenced.values()].filter(
      (subject) => silencedUntil(this.#silences, subject, now) === null,
    );
    over.forEach((subject) => {
      this.forget(subject);
    });
    return over;
  }

  /** Resolves when what is being told was told, or given up, and that is stored. */
  async settled(): Promise<void> {
    await Promise.all(this.#running);
  }

  #run(work: Promise<void>): void {
    const running = work.finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  async #deliver(notification: Notification, about: readonly Told[]): Promise<void> {
    if (await this.#options.notify(notification)) {
      await this.#mark(about);
    }
  }

  /** Never fails: what cannot be stored as told may be told twice. */
  async #mark(told: readonly Told[]): Promise<void> {
    const failures = new Set<string>();
    await inParts(told, AT_ONCE, async ({ subject, watch }) => {
      await this.#options.store.told(subject, watch.since).catch((error: unknown) => {
        failures.add(messageOf(error));
      });
    });
    failures.forEach((failure) => {
      this.#options.failed(`that an alert was told cannot be stored: ${failure}`);
    });
  }
}

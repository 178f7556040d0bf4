import type { Annotation } from '../../shared/api.ts';
import type { Told } from '../alerts/words.ts';
import { wordsOf } from '../alerts/rules.ts';
import { messageOf, UnavailableError } from '../errors.ts';
import type { AnnotationStore } from './store.ts';

/** How many marks wait for Cassandra; of more the oldest are dropped. */
const MAX_WAITING = 1000;

/** Alerts on more series than this at once are marked as one. */
const MAX_MARKS = 20;

/** Notes what happens by itself: marks wait until Cassandra takes them. */
export class Notes {
  readonly #store: AnnotationStore;
  readonly #failed: (message: string) => void;
  #waiting: Annotation[] = [];
  #isBusy = false;

  constructor(store: AnnotationStore, failed: (message: string) => void) {
    this.#store = store;
    this.#failed = failed;
  }

  /** Notes these, and whatever waits. */
  async add(annotations: readonly Annotation[]): Promise<void> {
    this.#waiting.push(...annotations);
    if (this.#waiting.length > MAX_WAITING) {
      this.#failed(`${this.#waiting.length - MAX_WAITING} marks could not be stored`);
      this.#waiting = this.#waiting.slice(-MAX_WAITING);
    }
    if (this.#isBusy) {
      return;
    }
    this.#isBusy = true;
    try {
      for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
        await this.#note(next);
      }
    } catch {
      // Cassandra's absence is told where it is noticed; the marks wait.
    } finally {
      this.#isBusy = false;
    }
  }

  /** What cannot be stored whatever comes holds up none of the others. */
  async #note(annotation: Annotation): Promise<void> {
    try {
      await this.#store.add(annotation);
    } catch (error) {
      if (error instanceof UnavailableError) {
        throw error;
      }
      this.#failed(`a mark could not be stored: ${messageOf(error)}`);
    }
    // It need not be the first any more: meanwhile more may have come than can wait.
    this.#waiting = this.#waiting.filter((waiting) => waiting !== annotation);
  }
}

/** The marks of alerts: one that fires begins a mark, and one that is resolved is a mark of its own. */
export function marksOf(told: readonly Told[]): Annotation[] {
  const shown = told.slice(0, MAX_MARKS);
  return shown.map(({ alert, subject, watch }, index) => {
    const more =
      index === MAX_MARKS - 1 && told.length > MAX_MARKS ? ` and ${told.length - MAX_MARKS} more` : '';
    return {
      id: `alert|${alert.name}|${subject.series}|${subject.metric}|${watch.state}`,
      ...{ at: Math.round(watch.since), until: null, kind: 'alert', stream: alert.stream },
      text: `${alert.name} ${watch.state}: ${wordsOf(alert, subject, watch.value)}${more}`,
    };
  });
}

import type { DeadLetter } from '../shared/pipeline-api.ts';
import { deletesKey, type TopicRecord } from './kafka-tail.ts';
import { visibleText } from './visible-text.ts';

/** So many of the newest letters are kept, and read at the start. */
export const MAX_LETTERS = 1000;
/** So many bytes of a record are shown, of what exactly was wrong, and of a name. */
export const MAX_TEXT = 2048;
const MAX_DETAIL = 1024;
const MAX_NAME = 256;
const NOTHING = Buffer.alloc(0);

/** Which letters are wanted; null for those of all streams, and for all reasons. */
export interface LetterFilter {
  readonly stream: string | null;
  readonly reason: string | null;
}

/** Letters by what they are about, and how many there are for each reason. */
export interface FoundLetters {
  /** Newest first. */
  readonly letters: DeadLetter[];
  /** By reason, how many letters of the stream are kept. */
  readonly reasons: Record<string, number>;
  /** How many of the kept letters match, beyond those that are listed too. */
  readonly matched: number;
}

/** The newest dead letters, with the beginning of the record that each is about. */
export class DeadLetters {
  readonly #streamOf: (topic: string) => string | null;
  readonly #most: number;
  /** By the letters' keys, in the order in which they came. */
  readonly #letters = new Map<string, DeadLetter>();
  #topicId: string | null = null;
  #unreadable = 0;

  /** Takes who says of which stream the records of a topic are. */
  constructor(streamOf: (topic: string) => string | null, most = MAX_LETTERS) {
    this.#streamOf = streamOf;
    this.#most = most;
  }

  /** How many records of the topic were no dead letters. */
  get unreadable(): number {
    return this.#unreadable;
  }

  /** How many letters are kept. */
  get kept(): number {
    return this.#letters.size;
  }

  /** The topic is read from somewhere on; letters of an earlier topic of that name are gone with it. */
  begin(topicId: string): void {
    if (this.#topicId !== topicId) {
      this.#letters.clear();
    }
    this.#topicId = topicId;
  }

  /** Takes in records of the topic. */
  append(partition: number, records: readonly TopicRecord[]): void {
    for (const record of records) {
      const { key: bytes, value } = record;
      const name = shown(bytes ?? NOTHING, MAX_NAME);
      const key = name === '' ? `${partition}:${record.offset}` : name;
      const letter = this.#letter(record, value ?? NOTHING);
      // A letter of the same record is a repetition; a record that deletes its key deletes the letter.
      this.#letters.delete(key);
      if (letter !== null) {
        this.#letters.set(key, letter);
      } else if (!deletesKey(record)) {
        this.#unreadable += 1;
      }
    }
    for (const key of this.#letters.keys()) {
      if (this.#letters.size <= this.#most) {
        break;
      }
      this.#letters.delete(key);
    }
  }

  /** The newest letters that match. */
  find({ stream, reason }: LetterFilter, limit: number): FoundLetters {
    const ofStream = [...this.#letters.values()].filter(
      (letter) => stream === null || letter.stream === stream,
    );
    const reasons = new Map<string, number>();
    for (const letter of ofStream) {
      reasons.set(letter.reason, (reasons.get(letter.reason) ?? 0) + 1);
    }
    const matching = ofStream.filter((letter) => reason === null || letter.reason === reason).reverse();
    return {
      letters: matching.slice(0, limit),
      reasons: Object.fromEntries(reasons),
      matched: matching.length,
    };
  }

  #letter(record: TopicRecord, value: Buffer): DeadLetter | null {
    const headers = new Map(record.headers.map(([name, bytes]) => [name.toString(), bytes]));
    const header = (name: string, most = MAX_NAME): string | null => {
      const bytes = headers.get(`freshet-${name}`);
      return bytes === undefined || bytes === null ? null : shown(bytes, most);
    };
    const reason = header('reason');
    if (reason === null) {
      return null;
    }
    const topic = header('topic');
    const left = wholeNumber(header('truncated'));
    const { text, truncated } = visibleText(value, MAX_TEXT);
    return {
      at: record.timestamp,
      stream: topic === null ? null : this.#streamOf(topic),
      topic,
      partition: wholeNumber(header('partition')),
      offset: wholeNumber(header('offset')),
      stage: header('stage'),
      source: header('source'),
      reason,
      detail: header('detail', MAX_DETAIL) ?? '',
      key: header('key'),
      text,
      bytes: left ?? value.length,
      truncated: truncated || left !== null,
    };
  }
}

function shown(bytes: Buffer, most: number): string {
  return visibleText(bytes, most).text;
}

/** A number of a header; null for what is none. */
function wholeNumber(text: string | null): number | null {
  const number = text === null || !/^\d+$/.test(text) ? NaN : Number(text);
  return Number.isSafeInteger(number) ? number : null;
}

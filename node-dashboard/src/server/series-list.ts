import type { SeriesAnswer, SeriesInfo } from '../shared/api.ts';

/** A list that is older than this is read again, in milliseconds. */
const FRESH = 30_000;
/** The first answer is waited for this long, in milliseconds: what comes in live can be told without it. */
const PATIENCE = 3000;
/** So many series of a stream are kept. */
export const MAX_SERIES = 50_000;

/** The series of a stream that are stored, as of a moment ago. */
export interface StoredSeries {
  readonly series: readonly SeriesInfo[];
  /** Why there may be more; empty when there were none then. */
  readonly problem: string;
}

/** Keeps the stored series of each stream in memory, so that a search need not read them anew. */
export class SeriesList {
  readonly #read: (stream: string, limit: number) => Promise<SeriesAnswer>;
  readonly #known = new Map<string, { readonly stored: StoredSeries; readonly at: number }>();
  readonly #reading = new Map<string, Promise<void>>();

  /** Takes what reads the list of a stream. */
  constructor(read: (stream: string, limit: number) => Promise<SeriesAnswer>) {
    this.#read = read;
  }

  /** The series of a stream: at once when they are known, and if not, as soon as they are read. */
  async of(stream: string): Promise<StoredSeries> {
    const known = this.#known.get(stream);
    const isFresh = known !== undefined && Date.now() - known.at < FRESH;
    const reading = isFresh ? undefined : this.#refresh(stream);
    if (known === undefined) {
      await Promise.race([reading, new Promise((resolve) => setTimeout(resolve, PATIENCE).unref())]);
    }
    return (
      this.#known.get(stream)?.stored ?? { series: [], problem: 'the stored series are still being read' }
    );
  }

  #refresh(stream: string): Promise<void> {
    const reading =
      this.#reading.get(stream) ??
      this.#readInto(stream).finally(() => {
        this.#reading.delete(stream);
      });
    this.#reading.set(stream, reading);
    return reading;
  }

  async #readInto(stream: string): Promise<void> {
    const before = this.#known.get(stream)?.stored.series ?? [];
    const stored = await this.#read(stream, MAX_SERIES).then(
      ({ series, truncated }) => ({
        series,
        problem: truncated ? `only the first ${series.length} stored series are known here` : '',
      }),
      // What was stored before still is, as far as anybody can know.
      (error: unknown) => ({
        series: before,
        problem: error instanceof Error ? error.message : String(error),
      }),
    );
    // A failure is tried again with the next question.
    this.#known.set(stream, {
      stored,
      at: stored.problem === '' || stored.series !== before ? Date.now() : 0,
    });
  }
}

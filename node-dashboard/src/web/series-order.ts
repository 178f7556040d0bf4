import type { SeriesInfo } from '../shared/api.ts';

/** The list of series is up to a minute behind: of two series that move, one can seem this much older. */
const STILL_MOVES = 150_000;
/** Made once: names are compared for every drawing. */
const BY_NAME = new Intl.Collator('en', { numeric: true });

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
export function sorted(names: ReadonlySet<string>): string[] {
  return [...names].sort(BY_NAME.compare);
}

/** The order of the series that are drawn; worked out once for the same ones, since every line asks for it. */
export class DrawnOrder {
  readonly #mostKnown: number;
  #drawn: ReadonlySet<string> = new Set();
  #size = -1;
  #known: readonly string[] = [];
  #shown: readonly string[] = [];
  #positions: ReadonlyMap<string, number> = new Map();

  /** Of more known series than this, only those that are drawn have a position. */
  constructor(mostKnown: number) {
    this.#mostKnown = mostKnown;
  }

  /** The drawn series, sorted, and where each stands; series may be added to the set, and none taken away. */
  of(
    drawn: ReadonlySet<string>,
    known: readonly string[],
  ): { readonly shown: readonly string[]; readonly positions: ReadonlyMap<string, number> } {
    if (drawn !== this.#drawn || drawn.size !== this.#size || known !== this.#known) {
      [this.#drawn, this.#size, this.#known] = [drawn, drawn.size, known];
      this.#shown = sorted(drawn);
      const all = known.length > this.#mostKnown ? this.#shown : sorted(new Set([...known, ...drawn]));
      this.#positions = new Map(all.map((name, position) => [name, position]));
    }
    return { shown: this.#shown, positions: this.#positions };
  }
}

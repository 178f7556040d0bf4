import type { Annotation } from '../../shared/api.ts';
import type { CassandraHistory } from '../cassandra-history.ts';

/** The span of a partition of the table `annotations`, in milliseconds. */
const BUCKET = 30 * 86_400_000;
/** Something that lasts is found as long as it began this long before the span that is asked for, in milliseconds. */
const LONGEST = BUCKET;

const KINDS: readonly string[] = ['note', 'restart', 'deployment', 'alert'] satisfies Annotation['kind'][];

/** Where annotations are kept. */
export interface AnnotationStore {
  /** Those that lie in `[from, to)`, or reach into it, ascending by time. */
  between(from: number, to: number): Promise<Annotation[]>;
  /** Adds one, or replaces that with the same time and id. */
  add(annotation: Annotation): Promise<void>;
}

/** Keeps annotations in Cassandra. */
export class CassandraAnnotationStore implements AnnotationStore {
  readonly #history: CassandraHistory;

  constructor(history: CassandraHistory) {
    this.#history = history;
  }

  async between(from: number, to: number): Promise<Annotation[]> {
    const begin = Math.max(0, from - LONGEST);
    const buckets: number[] = [];
    for (let bucket = bucketOf(begin); bucket < to; bucket += BUCKET) {
      buckets.push(bucket);
    }
    const rows = await Promise.all(
      buckets.map((bucket) =>
        this.#history.read(
          (keyspace) =>
            `SELECT at, id, until, kind, stream, text FROM ${keyspace}.annotations ` +
            'WHERE bucket = ? AND at >= ? AND at < ?',
          [new Date(bucket), new Date(begin), new Date(to)],
          toAnnotation,
        ),
      ),
    );
    return rows.flat().filter((found) => found !== null && (found.until ?? found.at) >= from) as Annotation[];
  }

  async add({ id, at, until, kind, stream, text }: Annotation): Promise<void> {
    await this.#history.change(
      (keyspace) =>
        `INSERT INTO ${keyspace}.annotations (bucket, at, id, until, kind, stream, text) VALUES (?, ?, ?, ?, ?, ?, ?)`,
      [new Date(bucketOf(at)), new Date(at), id, until === null ? null : new Date(until), kind, stream, text],
    );
  }
}

function bucketOf(time: number): number {
  return Math.floor(time / BUCKET) * BUCKET;
}

function toAnnotation(row: Readonly<Record<string, unknown>>): Annotation | null {
  const { at, id, until, kind, stream, text } = row;
  if (!(at instanceof Date) || typeof kind !== 'string' || !KINDS.includes(kind)) {
    return null;
  }
  return {
    ...{ id: String(id), at: at.getTime(), until: until instanceof Date ? until.getTime() : null },
    ...{ kind: kind as Annotation['kind'], stream: typeof stream === 'string' ? stream : null },
    text: String(text),
  };
}

import { createHash, randomBytes } from 'node:crypto';

/** Where a client has got to: what it has of every partition, or of what one server has read. */
export type Place =
  | { readonly kind: 'offsets'; readonly next: readonly bigint[] }
  | { readonly kind: 'sequence'; readonly sequence: number };

/** What an id turned out to be: a place, or one that is over, or no id of this stream at all. */
export type ReadId =
  Place | { readonly kind: 'past' } | { readonly kind: 'refused'; readonly reason: string };

/** The longest id, in characters. */
export const MAX_ID_LENGTH = 200;
const MAX_BYTES = (MAX_ID_LENGTH / 4) * 3;
const TAG_BYTES = 6;
const HEAD_BYTES = 1 + 2 * TAG_BYTES;
const MAX_VARINT_BYTES = 9;
const OFFSETS = 1;
const SEQUENCE = 2;

/**
 * Writes and reads the event ids of one stream: opaque, in base64url, of at most `MAX_ID_LENGTH` characters, and
 * bound to the stream and to its topic by digests of their names.
 *
 * An id holds the next offset of every partition where these fit, so that every server of the same Kafka cluster can
 * resume from it, also after a restart. Those of many partitions (more than about 25) do not fit: then it is the
 * number of the last record that this server has read, in the order in which it read them, and only this server can
 * resume from it.
 */
export class ResumeIds {
  readonly #stream: Buffer;
  readonly #server = randomBytes(TAG_BYTES);
  #topic: Buffer = tag('');

  constructor(stream: string) {
    this.#stream = tag(stream);
  }

  /** The ids are of this topic from now on; those of an earlier one are past. */
  bind(topicId: string): void {
    this.#topic = tag(topicId);
  }

  /** The id of a place: `next` offsets by partition, which are those after the record of number `sequence`. */
  write(next: readonly bigint[], sequence: number): string {
    const bytes = Buffer.allocUnsafe(MAX_BYTES);
    let end = this.#writeHead(bytes, OFFSETS);
    end = putVarint(bytes, end, next.length);
    for (let partition = 0; partition < next.length && end <= MAX_BYTES; partition += 1) {
      end = putVarint(bytes, end, Number(next[partition]));
    }
    if (end > MAX_BYTES) {
      end = this.#writeHead(bytes, SEQUENCE);
      end += this.#server.copy(bytes, end);
      end = putVarint(bytes, end, sequence);
    }
    return bytes.toString('base64url', 0, end);
  }

  #writeHead(bytes: Buffer, kind: number): number {
    const topicAt = bytes.writeUInt8(kind) + this.#stream.copy(bytes, 1);
    return topicAt + this.#topic.copy(bytes, topicAt);
  }

  /** Reads an id; `partitions` is how many the topic has. */
  read(id: string, partitions: number): ReadId {
    const bytes = Buffer.from(id, 'base64url');
    if (id.length > MAX_ID_LENGTH || bytes.toString('base64url') !== id || bytes.length < HEAD_BYTES) {
      return refused('is none that a dashboard has sent');
    }
    if (!bytes.subarray(1, 1 + TAG_BYTES).equals(this.#stream)) {
      return refused('is of another stream');
    }
    const isPast = !bytes.subarray(1 + TAG_BYTES, HEAD_BYTES).equals(this.#topic);
    const content = bytes.subarray(HEAD_BYTES);
    switch (bytes[0]) {
      case OFFSETS:
        return isPast ? { kind: 'past' } : offsetsOf(content, partitions);
      case SEQUENCE: {
        const isOurs = content.subarray(0, TAG_BYTES).equals(this.#server);
        return isPast || !isOurs ? { kind: 'past' } : sequenceOf(content.subarray(TAG_BYTES));
      }
      default:
        return refused('is none that a dashboard has sent');
    }
  }
}

function refused(reason: string): ReadId {
  return { kind: 'refused', reason };
}

function offsetsOf(content: Buffer, partitions: number): ReadId {
  const [count, ...next] = varintsOf(content) ?? [];
  if (count === undefined || BigInt(next.length) !== count) {
    return refused('is damaged');
  }
  return next.length > partitions
    ? refused(`names ${next.length} partitions, but the topic has ${partitions}`)
    : { kind: 'offsets', next };
}

function sequenceOf(content: Buffer): ReadId {
  const [sequence, ...rest] = varintsOf(content) ?? [];
  return sequence === undefined || rest.length > 0
    ? refused('is damaged')
    : { kind: 'sequence', sequence: Number(sequence) };
}

function tag(name: string): Buffer {
  return createHash('sha256').update(name).digest().subarray(0, TAG_BYTES);
}

/**
 * Writes a number with seven bits a byte, the lowest first; the highest bit says that more follow (LEB128). Returns
 * where the next one goes, or infinity when there is no room, or when the number is too large to be exact.
 */
function putVarint(bytes: Buffer, at: number, value: number): number {
  let end = at;
  let rest = value;
  for (; rest > 127; rest = Math.floor(rest / 128)) {
    bytes[end] = (rest % 128) | 128;
    end += 1;
  }
  bytes[end] = rest;
  return end < bytes.length && value <= Number.MAX_SAFE_INTEGER ? end + 1 : Infinity;
}

/** The numbers one after the other; null when the last one is not complete, or one is larger than an offset can be. */
function varintsOf(bytes: Buffer): bigint[] | null {
  const values: bigint[] = [];
  let value = 0n;
  let length = 0;
  for (const byte of bytes) {
    value |= BigInt(byte & 127) << BigInt(7 * length);
    length += 1;
    if (length > MAX_VARINT_BYTES) {
      return null;
    }
    if (byte < 128) {
      values.push(value);
      value = 0n;
      length = 0;
    }
  }
  return length === 0 ? values : null;
}

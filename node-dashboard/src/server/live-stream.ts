import type { HealthCounters } from '../shared/api.ts';
import { parseWindowMessage, supersedes, windowKey, type WindowMessage } from '../shared/window.ts';
import { resetEvent, statusEvent, windowEvent } from './sse.ts';

/** A record of a windows topic, as the tail hands it over. */
export interface TailRecord {
  readonly offset: bigint;
  /** Null for a record that deletes its key. */
  readonly value: string | null;
}

/** Someone who is sent the events of a stream. */
export interface Listener {
  /** The series wanted; null for all. */
  readonly series: ReadonlySet<string> | null;
  send(events: string): void;
}

interface Entry {
  readonly offset: bigint;
  readonly message: WindowMessage;
  readonly json: string;
}

/** What is remembered of one partition: everything from `from` up to, not including, `next`. */
interface Partition {
  from: bigint;
  next: bigint;
  entries: Entry[];
  bytes: number;
}

type Position = ReadonlyMap<number, bigint>;

/** How much of a stream is remembered at least, in characters of JSON: some minutes of a few hundred windows. */
export const REMEMBERED = 2 * 1024 * 1024;

/**
 * The live edge of one stream: what came last on its windows topic, and who is listening.
 *
 * An event's id is the position after it in every partition (`0:124,1:457`). A listener that comes back with the id
 * of the last event it saw is sent what it missed, as long as that is still remembered; otherwise it is told to
 * start over (`reset`). Of what is replayed only the newest version of each window is sent, since it overrides the
 * others. A listener that comes without an id starts with the newest version of every remembered window: so nothing
 * is lost between the history, which the writer stores a moment later, and the live edge.
 */
export class LiveStream {
  readonly name: string;
  readonly #remembered: number;
  readonly #partitions = new Map<number, Partition>();
  readonly #listeners = new Set<Listener>();
  #sent = 0;
  #sentBytes = 0;
  #read = 0;
  #readBytes = 0;

  constructor(name: string, remembered = REMEMBERED) {
    this.name = name;
    this.#remembered = remembered;
  }

  /** Whether the tail has found the topic, so that there is something to listen to. */
  get ready(): boolean {
    return this.#partitions.size > 0;
  }

  /** Window messages read so far, and events sent to all listeners. */
  get counters(): HealthCounters {
    return {
      records_in: this.#read,
      records_out: this.#sent,
      bytes_in: this.#readBytes,
      bytes_out: this.#sentBytes,
    };
  }

  /** Sets where a partition begins. If it was known before, records were lost in between: listeners start over. */
  begin(partition: number, offset: bigint): void {
    const known = this.#partitions.has(partition);
    this.#partitions.set(partition, { from: offset, next: offset, entries: [], bytes: 0 });
    if (known) {
      this.#broadcast(resetEvent('kafka no longer has the records that come next: load the history again'));
    }
  }

  /** Takes in what was read of a partition, up to `next`. Returns how many records were no window messages. */
  append(partition: number, records: readonly TailRecord[], next: bigint): number {
    const ring = this.#partitions.get(partition);
    if (ring === undefined) {
      throw new Error(`partition ${partition} of ${this.name} was not begun`);
    }
    let invalid = 0;
    const entries: Entry[] = [];
    for (const { offset, value } of records) {
      const message = value === null ? null : parseWindowMessage(value);
      if (message === null) {
        invalid += value === null ? 0 : 1;
      } else {
        this.#read += 1;
        this.#readBytes += Buffer.byteLength(value ?? '');
        entries.push({ offset, message, json: JSON.stringify(message) });
      }
    }
    this.#publish(partition, ring, entries, next);
    return invalid;
  }

  /** Starts to send to a listener; returns what is to be sent to it first. */
  subscribe(listener: Listener, lastEventId: string | null): string {
    this.#listeners.add(listener);
    const position = lastEventId === null ? null : parsePosition(lastEventId);
    if (lastEventId === null) {
      return this.#replay(listener, this.#beginning());
    }
    if (position === null || !this.#covers(position)) {
      const reason = 'the server no longer has the windows since the last event id: load the history again';
      return resetEvent(reason) + this.#replay(listener, this.#beginning());
    }
    return this.#replay(listener, position);
  }

  /** Sends nothing more to a listener. */
  unsubscribe(listener: Listener): void {
    this.#listeners.delete(listener);
  }

  /** Tells the listeners whether new windows can come at all. */
  announce(connected: boolean, message: string): void {
    this.#broadcast(statusEvent(connected, message));
  }

  /** The position after everything taken in so far, as an event id. */
  get position(): string {
    return formatPosition(new Map([...this.#partitions].map(([index, { next }]) => [index, next])));
  }

  #publish(partition: number, ring: Partition, entries: readonly Entry[], next: bigint): void {
    const position = new Map([...this.#partitions].map(([index, known]) => [index, known.next]));
    const events = entries.map(({ offset, message, json }) => {
      position.set(partition, offset + 1n);
      return { series: message.series, text: windowEvent(formatPosition(position), json) };
    });
    ring.next = next;
    this.#remember(ring, entries);
    for (const listener of this.#listeners) {
      this.#send(
        listener,
        events.filter(({ series }) => listener.series?.has(series) ?? true),
      );
    }
  }

  #send(listener: Listener, events: readonly { readonly text: string }[]): void {
    if (events.length > 0) {
      listener.send(this.#countSent(events.map(({ text }) => text)));
    }
  }

  #remember(ring: Partition, entries: readonly Entry[]): void {
    ring.entries.push(...entries);
    ring.bytes += entries.reduce((sum, { json }) => sum + json.length, 0);
    const share = this.#remembered / this.#partitions.size;
    // Forgetting twice what must be forgotten, but rarely, costs less than moving the array for each record.
    if (ring.bytes > share * 2) {
      let forgotten = 0;
      for (; ring.bytes > share; forgotten += 1) {
        ring.bytes -= ring.entries[forgotten]?.json.length ?? ring.bytes;
      }
      const last = ring.entries.splice(0, forgotten).at(-1);
      ring.from = last === undefined ? ring.from : last.offset + 1n;
    }
  }

  #beginning(): Position {
    return new Map([...this.#partitions].map(([index, { from }]) => [index, from]));
  }

  #covers(position: Position): boolean {
    return [...this.#partitions].every(([index, { from, next }]) => {
      const offset = position.get(index) ?? 0n;
      return from <= offset && offset <= next;
    });
  }

  #replay(listener: Listener, from: Position): string {
    const missed = new Map<number, readonly Entry[]>();
    const newest = new Map<string, WindowMessage>();
    for (const [index, { entries }] of this.#partitions) {
      const since = from.get(index) ?? 0n;
      const wanted = entries.filter(
        ({ offset, message }) => offset >= since && (listener.series?.has(message.series) ?? true),
      );
      for (const { message } of wanted) {
        const key = windowKey(message);
        const current = newest.get(key);
        if (current === undefined || supersedes(message, current)) {
          newest.set(key, message);
        }
      }
      missed.set(index, wanted);
    }
    return this.#replayEvents(missed, new Set(newest.values()), new Map(from));
  }

  #replayEvents(
    missed: ReadonlyMap<number, readonly Entry[]>,
    newest: ReadonlySet<WindowMessage>,
    position: Map<number, bigint>,
  ): string {
    const events: string[] = [];
    for (const [index, entries] of missed) {
      for (const { offset, message, json } of entries) {
        if (newest.has(message)) {
          position.set(index, offset + 1n);
          events.push(windowEvent(formatPosition(position), json));
        }
      }
    }
    return this.#countSent(events);
  }

  /** Counts events and joins them. */
  #countSent(events: readonly string[]): string {
    const text = events.join('');
    this.#sent += events.length;
    this.#sentBytes += Buffer.byteLength(text);
    return text;
  }

  #broadcast(event: string): void {
    for (const listener of this.#listeners) {
      listener.send(event);
    }
  }
}

/** Writes a position as an event id: `partition:next offset`, joined by commas. */
export function formatPosition(position: Position): string {
  return [...position].map(([partition, offset]) => `${partition}:${offset}`).join(',');
}

/** Reads an event id; null when it is none. */
export function parsePosition(id: string): Position | null {
  const position = new Map<number, bigint>();
  for (const part of id.split(',')) {
    const match = /^(\d{1,9}):(\d{1,19})$/.exec(part);
    if (match === null) {
      return null;
    }
    position.set(Number(match[1]), BigInt(match[2] ?? 0));
  }
  return position;
}

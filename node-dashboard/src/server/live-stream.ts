import type { HealthCounters } from '../shared/api.ts';
import { parseWindowMessage, supersedes, windowKey, type WindowMessage } from '../shared/window.ts';
import { ResumeIds, type Place } from './resume-ids.ts';
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
  /** The kinds of window wanted; null, or left out, for all. */
  readonly kinds?: ReadonlySet<string> | null;
  send(events: string): void;
}

interface Entry {
  readonly partition: number;
  readonly offset: bigint;
  /** Its number among all that this server has read of the stream. */
  readonly sequence: number;
  readonly message: WindowMessage;
  readonly json: string;
}

/** What is remembered of one partition: everything from `from` up to, not including, `next`. */
interface Partition {
  from: bigint;
  next: bigint;
  /** Where the topic ended when it was begun: what is before that has been there for clients to have seen. */
  readonly until: bigint;
  entries: Entry[];
  bytes: number;
}

/**
 * How much of a stream is remembered at least, in characters of JSON. All windows that are read at the start have to
 * fit (`WINDOWS_BACKLOG`, of some 600 characters each): clients of the server before this one come back to them.
 */
export const REMEMBERED = 8 * 1024 * 1024;

/**
 * The live edge of one stream: what came last on its windows topic, and who is listening.
 *
 * An event's id is the place after it (`ResumeIds`). A listener that comes back with the id of the last event it saw
 * is sent what it missed, as long as that is still remembered; otherwise it is told to start over (`reset`). Of what is
 * replayed only the newest version of each window is sent, since it overrides the others. A listener that comes without
 * an id starts with the newest version of every remembered window: so nothing is lost between the history, which the
 * writer stores a moment later, and the live edge.
 */
export class LiveStream {
  readonly name: string;
  readonly #remembered: number;
  readonly #ids: ResumeIds;
  readonly #listeners = new Set<Listener>();
  readonly #observers: ((message: WindowMessage) => void)[] = [];
  #topicId: string | null = null;
  #partitions: Partition[] = [];
  /** The number of the newest record, and of the newest one that is no longer remembered. */
  #sequence = 0;
  #forgotten = 0;
  #sent = 0;
  #sentBytes = 0;
  #read = 0;
  #readBytes = 0;

  constructor(name: string, remembered = REMEMBERED) {
    this.name = name;
    this.#remembered = remembered;
    this.#ids = new ResumeIds(name);
  }

  /**
   * Whether the tail has found the topic, and has read what was there: before that, a client that comes back to a
   * server that was started again may know more than this does, and would have to start over.
   */
  get ready(): boolean {
    return this.#partitions.length > 0 && this.#partitions.every(({ next, until }) => next >= until);
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

  /**
   * Sets where some partitions of a topic begin. If one of them was known before, or the topic is another one, records
   * were lost in between: listeners start over, once for all partitions. `ends` says where the partitions end now.
   */
  begin(
    topicId: string,
    offsets: ReadonlyMap<number, bigint>,
    ends: ReadonlyMap<number, bigint> = offsets,
  ): void {
    const isAnother = topicId !== this.#topicId;
    const isKnown = [...offsets.keys()].some((partition) => this.#partitions[partition] !== undefined);
    if (isAnother) {
      this.#topicId = topicId;
      this.#partitions = [];
      this.#ids.bind(topicId);
    }
    for (const [partition, offset] of offsets) {
      const until = ends.get(partition) ?? offset;
      this.#partitions[partition] = { from: offset, next: offset, until, entries: [], bytes: 0 };
    }
    if (isKnown) {
      this.#forgotten = this.#sequence;
      const reason = isAnother
        ? 'the topic was made anew: load the history again'
        : 'kafka no longer has the records that come next: load the history again';
      this.#broadcast(resetEvent(reason));
    }
  }

  /** Takes in what was read of a partition, up to `next`. Returns how many records were no window messages. */
  append(partition: number, records: readonly TailRecord[], next: bigint): number {
    const ring = this.#partitions[partition];
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
        this.#sequence += 1;
        this.#observers.forEach((observe) => {
          observe(message);
        });
        const json = JSON.stringify(message);
        entries.push({ partition, offset, sequence: this.#sequence, message, json });
      }
    }
    this.#publish(ring, entries, next);
    return invalid;
  }

  /** Why nobody can resume after this id, because it never was one of this stream; null when it may have been. */
  refusalOf(lastEventId: string): string | null {
    const place = this.#ids.read(lastEventId, this.#partitions.length);
    return place.kind === 'refused' ? place.reason : null;
  }

  /** Starts to send to a listener; returns what is to be sent to it first. */
  subscribe(listener: Listener, lastEventId: string | null): string {
    const place = lastEventId === null ? null : this.#ids.read(lastEventId, this.#partitions.length);
    const covered =
      place !== null && place.kind !== 'past' && place.kind !== 'refused' && this.#covers(place)
        ? place
        : null;
    const events = this.#replay(listener, covered);
    this.#listeners.add(listener);
    if (place === null || covered !== null) {
      return events;
    }
    const reason = 'the server no longer has the windows since the last event id: load the history again';
    return resetEvent(reason) + events;
  }

  /** Sends nothing more to a listener. */
  unsubscribe(listener: Listener): void {
    this.#listeners.delete(listener);
  }

  /** Calls this with each window message from now on. */
  observe(observer: (message: WindowMessage) => void): void {
    this.#observers.push(observer);
  }

  /** Sends an event to all listeners that is no part of the stream. */
  tell(event: string): void {
    this.#broadcast(event);
  }

  /** Tells the listeners whether new windows can come at all. */
  announce(connected: boolean, message: string): void {
    this.#broadcast(statusEvent(connected, message));
  }

  /** The place after everything taken in so far, as an event id. */
  get position(): string {
    const next = this.#partitions.map((partition) => partition.next);
    return this.#ids.write(next, this.#sequence);
  }

  #publish(ring: Partition, entries: readonly Entry[], next: bigint): void {
    const events = this.#events(
      entries,
      this.#partitions.map((partition) => partition.next),
    );
    ring.next = next;
    this.#remember(ring, entries);
    // Those that want the same are sent one and the same text: what waits for many that are slow takes memory once.
    const texts = new Map<string, string>();
    for (const listener of this.#listeners) {
      const places = entries.flatMap((entry, index) => (isWanted(listener, entry) ? [index] : []));
      if (places.length > 0) {
        const key = places.length === entries.length ? 'all' : places.join();
        const text = texts.get(key) ?? places.map((place) => events[place] ?? '').join('');
        texts.set(key, text);
        this.#sent += places.length;
        this.#sentBytes += Buffer.byteLength(text);
        listener.send(text);
      }
    }
  }

  /** The events of some entries, each with the id of the place after it; `next` moves past them. */
  #events(entries: readonly Entry[], next: bigint[]): string[] {
    return entries.map(({ partition, offset, sequence, json }) => {
      next[partition] = offset + 1n;
      return windowEvent(this.#ids.write(next, sequence), json);
    });
  }

  #remember(ring: Partition, entries: readonly Entry[]): void {
    ring.entries.push(...entries);
    ring.bytes += entries.reduce((sum, { json }) => sum + json.length, 0);
    const share = this.#remembered / this.#partitions.length;
    // Forgetting twice what must be forgotten, but rarely, costs less than moving the array for each record.
    if (ring.bytes > share * 2) {
      let forgotten = 0;
      for (; ring.bytes > share; forgotten += 1) {
        ring.bytes -= ring.entries[forgotten]?.json.length ?? ring.bytes;
      }
      const last = ring.entries.splice(0, forgotten).at(-1);
      ring.from = last === undefined ? ring.from : last.offset + 1n;
      this.#forgotten = Math.max(this.#forgotten, last?.sequence ?? 0);
    }
  }

  /** Whether everything after the place is remembered, and the place is none that this server has yet to reach. */
  #covers(place: Place): boolean {
    if (place.kind === 'sequence') {
      return this.#forgotten <= place.sequence && place.sequence <= this.#sequence;
    }
    return this.#partitions.every(({ from, next }, partition) => {
      const offset = place.next[partition] ?? 0n;
      return from <= offset && offset <= next;
    });
  }

  /** The newest version of every window after a place, in the order in which they came; of all windows without one. */
  #replay(listener: Listener, since: Place | null): string {
    const missed = this.#partitions.map(({ entries }) =>
      entries.filter((entry) => since === null || isAfter(since, entry)),
    );
    const next = this.#partitions.map((partition, index) => missed[index]?.[0]?.offset ?? partition.next);
    const wanted = missed
      .flat()
      .filter((entry) => isWanted(listener, entry))
      .sort((a, b) => a.sequence - b.sequence);
    const newest = newestOf(wanted);
    return this.#countSent(
      this.#events(
        wanted.filter(({ message }) => newest.has(message)),
        next,
      ),
    );
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

function isWanted({ series, kinds }: Listener, entry: Entry | undefined): boolean {
  return (
    entry !== undefined &&
    (series?.has(entry.message.series) ?? true) &&
    (kinds?.has(entry.message.window) ?? true)
  );
}

function isAfter(place: Place, { partition, offset, sequence }: Entry): boolean {
  return place.kind === 'sequence' ? sequence > place.sequence : offset >= (place.next[partition] ?? 0n);
}

/** Of every window the version that overrides the others. */
function newestOf(entries: readonly Entry[]): Set<WindowMessage> {
  const newest = new Map<string, WindowMessage>();
  for (const { message } of entries) {
    const key = windowKey(message);
    const current = newest.get(key);
    if (current === undefined || supersedes(message, current)) {
      newest.set(key, message);
    }
  }
  return new Set(newest.values());
}

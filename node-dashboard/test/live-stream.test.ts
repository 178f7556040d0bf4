import { describe, expect, it } from 'vitest';
import { LiveStream, type Listener } from '../src/server/live-stream.ts';
import { ResumeIds } from '../src/server/resume-ids.ts';
import type { WindowMessage } from '../src/shared/window.ts';
import { windowMessage } from './messages.ts';

/** Listens as a client does: keeps the ids and the windows it is sent, and the other events' names. */
class Client implements Listener {
  readonly series: ReadonlySet<string> | null;
  readonly kinds: ReadonlySet<string> | null;
  readonly windows: WindowMessage[] = [];
  readonly others: string[] = [];
  lastEventId: string | null = null;

  constructor(series: readonly string[] | null = null, kinds: readonly string[] | null = null) {
    this.series = series === null ? null : new Set(series);
    this.kinds = kinds === null ? null : new Set(kinds);
  }

  send(text: string): void {
    for (const block of text.split('\n\n').filter((part) => part !== '')) {
      const fields = new Map(
        block.split('\n').map((line) => line.split(/: (.*)/s).slice(0, 2) as [string, string]),
      );
      this.lastEventId = fields.get('id') ?? this.lastEventId;
      if (fields.get('event') === 'window') {
        this.windows.push(JSON.parse(fields.get('data') ?? '') as WindowMessage);
      } else {
        this.others.push(fields.get('event') ?? '');
      }
    }
  }

  get revisions(): string[] {
    return this.windows.map(({ series, start, revision }) => `${series}@${start}#${revision}`);
  }
}

function connect(
  stream: LiveStream,
  client: Client,
  lastEventId: string | null = client.lastEventId,
): Client {
  client.send(stream.subscribe(client, lastEventId));
  return client;
}

function append(
  stream: LiveStream,
  partition: number,
  from: number,
  ...messages: readonly WindowMessage[]
): number {
  const records = messages.map((message, index) => ({
    offset: BigInt(from + index),
    value: JSON.stringify(message),
  }));
  return stream.append(partition, records, BigInt(from + messages.length));
}

/** Every partition of a topic begins at the same offset. */
function begin(stream: LiveStream, topicId: string, partitions: number, offset = 0n): void {
  stream.begin(topicId, new Map(Array.from({ length: partitions }, (_, partition) => [partition, offset])));
}

function streamOf(partitions: number, remembered?: number): LiveStream {
  const stream = new LiveStream('host', remembered);
  begin(stream, 'topic', partitions);
  return stream;
}

const a = (revision: number, start = 0): WindowMessage => windowMessage({ series: 'a', start, revision });
const b = (revision: number, start = 0): WindowMessage => windowMessage({ series: 'b', start, revision });

describe('a live stream', () => {
  it('is not ready before its topic is found', () => {
    expect(new LiveStream('host').ready).toBe(false);
    expect(streamOf(1).ready).toBe(true);
  });

  it('is not ready before it has read what its topic held at the start', () => {
    const stream = new LiveStream('host');
    stream.begin(
      'topic',
      new Map([
        [0, 5n],
        [1, 0n],
      ]),
      new Map([
        [0, 7n],
        [1, 0n],
      ]),
    );
    expect(stream.ready).toBe(false);
    stream.append(0, [], 6n);
    expect(stream.ready).toBe(false);
    stream.append(0, [], 7n);
    expect(stream.ready).toBe(true);
  });

  it('sends what comes in to every listener, each only the series it wants', () => {
    const stream = streamOf(1);
    const all = connect(stream, new Client());
    const some = connect(stream, new Client(['b']));
    append(stream, 0, 0, a(1), b(1), a(2));
    expect(all.revisions).toEqual(['a@0#1', 'b@0#1', 'a@0#2']);
    expect(some.revisions).toEqual(['b@0#1']);
    expect(stream.counters).toMatchObject({ records_out: 4 });
  });

  it('starts a new listener with the newest version of every window that it remembers', () => {
    const stream = streamOf(2);
    append(stream, 0, 0, a(1), a(2), a(1, 10_000));
    append(stream, 1, 0, b(5), b(4));
    expect(connect(stream, new Client()).revisions).toEqual(['a@0#2', 'a@10000#1', 'b@0#5']);
  });

  it('sends a listener that comes back exactly what it missed, in every partition', () => {
    const stream = streamOf(2);
    const client = connect(stream, new Client());
    append(stream, 0, 0, a(1));
    append(stream, 1, 0, b(1));
    stream.unsubscribe(client);
    append(stream, 0, 1, a(2), a(3));
    append(stream, 1, 1, b(2));
    connect(stream, client);
    append(stream, 1, 2, b(3));
    expect(client.revisions).toEqual(['a@0#1', 'b@0#1', 'a@0#3', 'b@0#2', 'b@0#3']);
    expect(client.others).toEqual([]);
    expect(client.lastEventId).toBe(stream.position);
  });

  it.each([2, 200])(
    'can be resumed from every event of a replay that broke off, of %i partitions',
    (partitions) => {
      const stream = streamOf(partitions);
      const start = stream.position;
      append(stream, 0, 0, a(1), a(2), a(1, 10_000));
      append(stream, 1, 0, b(1), b(1, 10_000));
      append(stream, 0, 3, a(2, 10_000));
      const events = stream
        .subscribe(new Client(), start)
        .split('\n\n')
        .filter((event) => event !== '');
      expect(events).toHaveLength(4);
      for (const [index] of events.entries()) {
        const client = new Client();
        client.send(events.slice(0, index + 1).join('\n\n'));
        connect(stream, client);
        expect(client.revisions).toEqual(['a@0#2', 'b@0#1', 'b@10000#1', 'a@10000#2']);
        expect(client.others).toEqual([]);
        expect(client.lastEventId).toBe(stream.position);
      }
    },
  );

  it.each([1, 200])(
    'starts a listener over whose last event id is too old, of %i partitions',
    (partitions) => {
      const stream = streamOf(partitions, 1000 * partitions);
      const old = stream.position;
      for (let revision = 1; revision <= 20; revision += 1) {
        append(stream, 0, revision - 1, a(revision));
      }
      const client = connect(stream, new Client(), old);
      expect(client.others).toEqual(['reset']);
      expect(client.revisions).toEqual(['a@0#20']);
      expect(stream.refusalOf(old)).toBeNull();
    },
  );

  it('starts a listener over that knows more of the topic than is there, as after a loss of Kafka', () => {
    const ahead = streamOf(1);
    append(ahead, 0, 0, a(1), a(2), a(3));
    const stream = streamOf(1);
    append(stream, 0, 0, a(1), a(9));
    const client = connect(stream, new Client(), ahead.position);
    expect(client.others).toEqual(['reset']);
    expect(client.revisions).toEqual(['a@0#9']);
  });

  it('goes on for a listener that comes from another server of the same topic, where all offsets fit', () => {
    const [one, other] = [streamOf(20), streamOf(20)];
    const client = connect(one, new Client());
    for (const server of [one, other]) {
      append(server, 19, 0, a(1), a(2));
      append(server, 3, 0, b(1));
    }
    append(other, 3, 1, b(2));
    connect(other, client);
    expect(client.others).toEqual([]);
    expect(client.revisions).toEqual(['a@0#1', 'a@0#2', 'b@0#1', 'b@0#2']);
  });

  it('starts a listener over that comes from another server with the number of a record there', () => {
    const [one, other] = [streamOf(200), streamOf(200)];
    append(one, 0, 0, a(1));
    append(other, 0, 0, a(1));
    expect(connect(other, new Client(), one.position).others).toEqual(['reset']);
    expect(connect(one, new Client(), one.position).others).toEqual([]);
  });

  it('goes on for a listener when partitions were added', () => {
    const stream = streamOf(2);
    const client = connect(stream, new Client());
    append(stream, 0, 0, a(1));
    stream.unsubscribe(client);
    stream.begin('topic', new Map([[2, 0n]]));
    append(stream, 2, 0, b(1));
    connect(stream, client);
    expect(client.others).toEqual([]);
    expect(client.revisions).toEqual(['a@0#1', 'b@0#1']);
  });

  it('remembers no more than it was told to, but as much as that', () => {
    const stream = streamOf(1, 10_000);
    for (let revision = 1; revision <= 1000; revision += 1) {
      append(stream, 0, revision - 1, a(1, revision * 10_000));
    }
    const { revisions } = connect(stream, new Client());
    const size = JSON.stringify(a(1, 1_000_000)).length;
    expect(revisions.length).toBeGreaterThan(10_000 / size - 2);
    expect(revisions.length).toBeLessThan((2 * 10_000) / size + 2);
    expect(revisions.at(-1)).toBe('a@10000000#1');
  });

  it('starts everybody over, once, when the records of many partitions were lost before it could read them', () => {
    const stream = streamOf(50);
    const client = connect(stream, new Client());
    append(stream, 0, 0, a(1));
    begin(stream, 'topic', 50, 500n);
    append(stream, 0, 500, a(9));
    expect(client.others).toEqual(['reset']);
    expect(client.revisions).toEqual(['a@0#1', 'a@0#9']);
    expect(client.lastEventId).toBe(stream.position);
  });

  it('starts everybody over, once, when the topic was made anew, also with fewer partitions', () => {
    const stream = streamOf(50);
    const client = connect(stream, new Client());
    append(stream, 49, 0, a(1), a(2));
    const before = stream.position;
    begin(stream, 'topic made anew', 5);
    append(stream, 4, 0, a(1, 10_000));
    expect(client.others).toEqual(['reset']);
    expect(client.revisions).toEqual(['a@0#1', 'a@0#2', 'a@10000#1']);
    const late = connect(stream, new Client(), before);
    expect(late.others).toEqual(['reset']);
    expect(late.revisions).toEqual(['a@10000#1']);
    expect(() => append(stream, 49, 2, a(3))).toThrow(/partition 49 of host was not begun/);
  });

  it('skips and counts what is no window, and goes on', () => {
    const stream = streamOf(1);
    const client = connect(stream, new Client());
    const records = [
      { offset: 0n, value: 'nonsense' },
      { offset: 1n, value: null },
      { offset: 2n, value: JSON.stringify(a(1)) },
    ];
    expect(stream.append(0, records, 3n)).toBe(1);
    expect(client.revisions).toEqual(['a@0#1']);
    connect(stream, client, stream.position);
    expect(client.others).toEqual([]);
  });

  it('tells its listeners when the tail is lost', () => {
    const stream = streamOf(1);
    const client = connect(stream, new Client());
    stream.announce(false, 'kafka is gone');
    expect(client.others).toEqual(['status']);
  });
});

describe('an event id', () => {
  it.each([1, 2, 20, 25, 26, 50, 1000])('of %i partitions has at most 200 characters', (partitions) => {
    const stream = new LiveStream('host');
    begin(stream, 'topic', partitions, 123_456_789_012n);
    const client = connect(stream, new Client());
    append(stream, 0, 123_456_789_012, a(1));
    expect(client.lastEventId).toBe(stream.position);
    expect(stream.position.length).toBeLessThanOrEqual(200);
    expect(stream.position).toMatch(/^[\w-]+$/);
    expect(stream.refusalOf(stream.position)).toBeNull();
  });

  it.each([0n, 127n, 128n, 16_383n, 16_384n, 2n ** 32n, BigInt(Number.MAX_SAFE_INTEGER)])(
    'holds the offset %s exactly',
    (offset) => {
      const ids = new ResumeIds('host');
      expect(ids.read(ids.write([offset, 5n], 7), 2)).toEqual({ kind: 'offsets', next: [offset, 5n] });
    },
  );

  it('holds no offset that it could not hold exactly', () => {
    const ids = new ResumeIds('host');
    expect(ids.read(ids.write([2n ** 53n], 7), 1)).toEqual({ kind: 'sequence', sequence: 7 });
  });

  it('is refused when it is of another stream', () => {
    const other = new LiveStream('sensors');
    begin(other, 'topic', 2);
    expect(streamOf(2).refusalOf(other.position)).toMatch(/is of another stream/);
  });

  it('is refused when it names partitions that the topic does not have', () => {
    const [few, many] = [streamOf(2), streamOf(20)];
    expect(few.refusalOf(many.position)).toMatch(/names 20 partitions, but the topic has 2/);
    const client = connect(few, new Client(), many.position);
    expect(client.others).toEqual(['reset']);
    append(few, 0, 0, a(1));
    expect(client.lastEventId).toBe(few.position);
  });

  it.each([
    ...['', 'abc', '0:5,1:7', '0:-1', 'ä', 'A'.repeat(201), `${'0:1,'.repeat(3000)}0:1`],
    ...[streamOf(2).position.slice(0, -1), `${streamOf(2).position}gA`, `${streamOf(200).position}_w`],
  ])('is refused when nobody has sent it: %s', (id) => {
    expect(streamOf(2).refusalOf(id)).toMatch(/is none that|is damaged/);
    expect(connect(streamOf(2), new Client(), id).others).toEqual(['reset']);
  });
});

it('sends only the kind of window that is asked for, live and of what came before', () => {
  const stream = new LiveStream('host');
  begin(stream, 'topic', 1);
  const ten = windowMessage({ window: '10s' });
  const minute = windowMessage({ window: '1m', end: 60_000 });
  append(stream, 0, 0, ten, minute);
  const client = connect(stream, new Client(null, ['1m']));
  append(stream, 0, 2, { ...ten, revision: 2 }, { ...minute, revision: 2 });
  expect(client.windows.map(({ window, revision }) => `${window}#${revision}`)).toEqual(['1m#1', '1m#2']);
});

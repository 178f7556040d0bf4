import { LONGEST_NAMES } from './history-requests.ts';
import type { AlertsAnswer } from '../shared/api.ts';
import type { WindowMessage } from '../shared/window.ts';

/** How the live edge is connected. */
export type ConnectionState = 'connecting' | 'live' | 'lost';

/** What is listened to; no series means all. */
export interface LiveSelection {
  /** Where the events come from: as a whole, since a worker is in another folder than the page. */
  readonly address: string;
  /** What the server asks for; empty where it has given a cookie for it, or asks for none. */
  readonly token: string;
  readonly stream: string;
  /** Kinds of window. */
  readonly windows: readonly string[];
  readonly series: readonly string[];
}

/**
 * The series to ask for: these, or all, when an address cannot hold their names. Whoever asks passes over what it does
 * not want in any case. So many names as the server refuses are longer than this, too.
 */
export function seriesToAsk(series: readonly string[]): readonly string[] {
  const names = new URLSearchParams(series.map((name) => ['series', name])).toString();
  return names.length > LONGEST_NAMES ? [] : series;
}

/** Who is told what comes in. */
export interface LiveListener {
  onWindow(message: WindowMessage): void;
  /** Windows were missed: the history has to be loaded again. */
  onReset(): void;
  onState(state: ConnectionState, message: string): void;
  /** The alerts are others now. */
  onAlerts(answer: AlertsAnswer): void;
  /** Events come from here on: what is told only when it changes has to be asked for once. */
  onBegin(): void;
}

const SHORTEST_WAIT = 250;
/** A server that is started again is away for some seconds, of which none should be added. */
const LONGEST_WAIT = 500;
/** After this many tries in a row without an answer, the server may no longer know the event after which to resume. */
export const MAX_RESUMES = 16;
/** Who is away for longer than that is asked less often. */
const LATER_WAIT = 1000;
/** The server says something at least every ten seconds; after this long of nothing the connection is dead. */
const SILENCE = 25_000;
/** A first answer that takes longer than this comes after the history, in milliseconds. */
const LATE_BEGIN = 10_000;

/**
 * The events of one stream, for as long as the page shows it.
 *
 * The browser's EventSource reconnects by itself only after some failures, and not at all after an answer such as
 * 503. So every failure closes it, and a new one resumes after the last event that came.
 */
export class LiveConnection {
  readonly #address: string;
  readonly #query: URLSearchParams;
  readonly #listener: LiveListener;
  #source: EventSource | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #wait = SHORTEST_WAIT;
  #lastEventId = '';
  readonly #begin = Date.now();
  /** Whether the server has ever been heard. */
  #isBegun = false;
  /** Tries since the server was last heard. */
  #tries = 0;

  constructor({ address, token, stream, windows, series }: LiveSelection, listener: LiveListener) {
    this.#address = address;
    this.#query = new URLSearchParams([
      ['stream', stream],
      ...windows.map((label) => ['window', label]),
      ...series.map((name) => ['series', name]),
      ...(token === '' ? [] : [['token', token]]),
    ]);
    this.#listener = listener;
    this.#open();
  }

  /** Stops for good. */
  close(): void {
    clearTimeout(this.#timer);
    this.#source?.close();
  }

  #open(): void {
    this.#tries += 1;
    if (this.#tries > MAX_RESUMES && this.#lastEventId !== '') {
      this.#lastEventId = '';
      this.#listener.onReset();
    }
    const query = new URLSearchParams(this.#query);
    if (this.#lastEventId !== '') {
      query.set('last_event_id', this.#lastEventId);
    }
    const source = new EventSource(`${this.#address}?${query.toString()}`);
    this.#source = source;
    this.#expectWithin(SILENCE);
    source.addEventListener('open', () => {
      this.#listener.onBegin();
    });
    source.addEventListener('alerts', (event: MessageEvent<string>) => {
      this.#heard(event);
      this.#listener.onAlerts(JSON.parse(event.data) as AlertsAnswer);
    });
    source.addEventListener('window', (event: MessageEvent<string>) => {
      this.#heard(event);
      // The server has checked it, as it has what it answers with.
      this.#listener.onWindow(JSON.parse(event.data) as WindowMessage);
    });
    source.addEventListener('reset', (event: MessageEvent<string>) => {
      this.#heard(event);
      this.#listener.onReset();
    });
    source.addEventListener('status', (event: MessageEvent<string>) => {
      this.#heard(event);
      const { connected, message } = JSON.parse(event.data) as { connected: boolean; message: string };
      this.#listener.onState(connected ? 'live' : 'lost', message);
    });
    source.addEventListener('error', () => {
      this.#reconnect('the connection to the dashboard server is lost');
    });
  }

  #heard({ lastEventId }: MessageEvent): void {
    if (!this.#isBegun && Date.now() - this.#begin > LATE_BEGIN) {
      // The server may have forgotten some of what came since the history was loaded.
      this.#listener.onReset();
    }
    this.#isBegun = true;
    this.#lastEventId = lastEventId === '' ? this.#lastEventId : lastEventId;
    this.#wait = SHORTEST_WAIT;
    this.#tries = 0;
    this.#expectWithin(SILENCE);
  }

  #expectWithin(milliseconds: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#reconnect('the dashboard server has gone silent');
    }, milliseconds);
  }

  #reconnect(reason: string): void {
    this.#source?.close();
    this.#listener.onState('lost', reason);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#open();
    }, this.#wait);
    const longest = this.#tries > MAX_RESUMES ? LATER_WAIT : LONGEST_WAIT;
    this.#wait = Math.min(this.#wait * 2, longest);
  }
}

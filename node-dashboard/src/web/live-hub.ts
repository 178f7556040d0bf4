import { LiveConnection, seriesToAsk, type ConnectionState, type LiveSelection } from './live-connection.ts';
import type { AlertsAnswer } from '../shared/api.ts';
import type { WindowMessage } from '../shared/window.ts';

/** What a page tells the hub. `ping` says that it is still there, and what it listens to. */
export type ToHub =
  { readonly kind: 'listen' | 'ping'; readonly selection: LiveSelection } | { readonly kind: 'leave' };

/** What the hub tells a page. */
export type FromHub =
  | { readonly kind: 'window'; readonly message: WindowMessage }
  | { readonly kind: 'reset' }
  | { readonly kind: 'begin' }
  | { readonly kind: 'alerts'; readonly answer: AlertsAnswer }
  | { readonly kind: 'state'; readonly state: ConnectionState; readonly message: string };

/** The part of a port that the hub needs. */
export interface HubPort {
  postMessage(message: FromHub): void;
}

/** The part of a connection that the hub needs. */
export interface HubConnection {
  close(): void;
}

/** How often a page says that it is there, in milliseconds; browsers let one in the background do so once a minute. */
export const PING_INTERVAL = 20_000;
/** A page that has said nothing for this long has gone without a word. */
const GONE_AFTER = 180_000;

interface Member {
  readonly selection: LiveSelection;
  seen: number;
}

/**
 * Shares event streams among the pages of a browser, which has few connections for each server: there is one for each
 * stream of the pipeline, which brings what any page wants of it, and every page gets what it wants itself.
 *
 * A page that comes makes the connection begin anew, since it needs what the server remembers: that lies between the
 * history, which it loads, and the live edge. The others get it once more, which changes nothing.
 */
export class LiveHub {
  readonly #members = new Map<HubPort, Member>();
  readonly #connections = new Map<string, HubConnection>();
  readonly #connect: (selection: LiveSelection, told: (event: FromHub) => void) => HubConnection;

  constructor(connect = connectTo) {
    this.#connect = connect;
  }

  /** How many event streams are open. */
  get connections(): number {
    return this.#connections.size;
  }

  /** Takes in what a page says. */
  take(port: HubPort, said: ToHub, now = Date.now()): void {
    const known = this.#members.get(port);
    if (said.kind === 'leave') {
      this.#remove([port]);
    } else if (said.kind === 'listen' || known === undefined) {
      this.#remove([port]);
      this.#members.set(port, { selection: said.selection, seen: now });
      this.#open(said.selection.stream);
      if (said.kind === 'ping') {
        // It was taken for gone, and has missed what has come since.
        port.postMessage({ kind: 'reset' });
      }
    } else {
      known.seen = now;
    }
    const gone = [...this.#members].filter(([, { seen }]) => now - seen > GONE_AFTER);
    this.#remove(gone.map(([member]) => member));
  }

  /** Forgets pages; a connection that nobody is left for ends. */
  #remove(ports: readonly HubPort[]): void {
    for (const port of ports) {
      const stream = this.#members.get(port)?.selection.stream;
      this.#members.delete(port);
      if (stream !== undefined && this.#of(stream).length === 0) {
        this.#connections.get(stream)?.close();
        this.#connections.delete(stream);
      }
    }
  }

  #of(stream: string): [HubPort, Member][] {
    return [...this.#members].filter(([, { selection }]) => selection.stream === stream);
  }

  /** Begins anew, for everything that the pages want of a stream. */
  #open(stream: string): void {
    this.#connections.get(stream)?.close();
    const wanted = this.#of(stream).map(([, { selection }]) => selection);
    const isAll = wanted.some(({ series }) => series.length === 0);
    const union: LiveSelection = {
      address: wanted[0]?.address ?? '',
      token: wanted.find(({ token }) => token !== '')?.token ?? '',
      stream,
      windows: [...new Set(wanted.flatMap(({ windows }) => windows))],
      series: isAll ? [] : seriesToAsk([...new Set(wanted.flatMap(({ series }) => series))]),
    };
    const connection = this.#connect(union, (event) => {
      this.#tell(stream, event);
    });
    this.#connections.set(stream, connection);
  }

  #tell(stream: string, event: FromHub): void {
    for (const [port, { selection }] of this.#of(stream)) {
      if (event.kind !== 'window' || isWanted(selection, event.message)) {
        port.postMessage(event);
      }
    }
  }
}

function isWanted({ windows, series }: LiveSelection, message: WindowMessage): boolean {
  return windows.includes(message.window) && (series.length === 0 || series.includes(message.series));
}

function connectTo(selection: LiveSelection, told: (event: FromHub) => void): HubConnection {
  return new LiveConnection(selection, {
    onWindow: (message) => {
      told({ kind: 'window', message });
    },
    onReset: () => {
      told({ kind: 'reset' });
    },
    onState: (state, message) => {
      told({ kind: 'state', state, message });
    },
    onAlerts: (answer) => {
      told({ kind: 'alerts', answer });
    },
    onBegin: () => {
      told({ kind: 'begin' });
    },
  });
}

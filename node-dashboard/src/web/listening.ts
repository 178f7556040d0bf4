import { LiveConnection, type LiveListener, type LiveSelection } from './live-connection.ts';
import { PING_INTERVAL, type FromHub, type ToHub } from './live-hub.ts';

/** Somebody who listens, until it is closed. */
export interface Listening {
  close(): void;
}

/** The server says something every ten seconds, and the worker when it does not: after so many pings it has ended. */
const MOST_SILENT = 2;

/** The worker that holds the connections of all pages; undefined where the browser has none, or could not load it. */
let worker: SharedWorker | undefined = startWorker();

/**
 * Listens to the live edge, over a connection that all pages of the browser share; where there is no shared worker,
 * over one of the page's own.
 */
export function listen(selection: LiveSelection, listener: LiveListener): Listening {
  return worker === undefined
    ? new LiveConnection(selection, listener)
    : new SharedListening(worker, selection, listener);
}

function startWorker(): SharedWorker | undefined {
  try {
    const started = new SharedWorker(new URL('./live-worker.ts', import.meta.url), {
      type: 'module',
      name: 'freshet-live',
    });
    started.port.start();
    started.addEventListener('error', () => {
      worker = undefined;
    });
    return started;
  } catch {
    return undefined;
  }
}

class SharedListening implements Listening {
  readonly #worker: SharedWorker;
  readonly #selection: LiveSelection;
  readonly #listener: LiveListener;
  readonly #timer: ReturnType<typeof setInterval>;
  readonly #ended = new AbortController();
  #own: LiveConnection | undefined;
  /** How often the page has asked since it heard the worker last. */
  #silent = 0;

  constructor(shared: SharedWorker, selection: LiveSelection, listener: LiveListener) {
    this.#worker = shared;
    this.#selection = selection;
    this.#listener = listener;
    const { signal } = this.#ended;
    shared.port.addEventListener(
      'message',
      ({ data }: MessageEvent<FromHub>) => {
        this.#take(data);
      },
      { signal },
    );
    shared.addEventListener(
      'error',
      () => {
        this.#goOnAlone();
      },
      { signal },
    );
    // A page that is kept for the Back button hears nothing meanwhile, and needs no connection.
    addEventListener(
      'pagehide',
      () => {
        this.#say({ kind: 'leave' });
      },
      { signal },
    );
    addEventListener(
      'pageshow',
      () => {
        this.#say({ kind: 'ping', selection });
      },
      { signal },
    );
    this.#timer = setInterval(() => {
      this.#silent += 1;
      if (this.#silent > MOST_SILENT) {
        this.#goOnAlone();
      } else {
        this.#say({ kind: 'ping', selection });
      }
    }, PING_INTERVAL);
    this.#say({ kind: 'listen', selection });
  }

  close(): void {
    if (this.#own === undefined) {
      this.#say({ kind: 'leave' });
    }
    this.#stop();
    this.#own?.close();
  }

  #stop(): void {
    clearInterval(this.#timer);
    this.#ended.abort();
  }

  #take(event: FromHub): void {
    this.#silent = 0;
    switch (event.kind) {
      case 'window':
        // What was on its way when the page chose another stream comes all the same.
        if (event.message.stream === this.#selection.stream) {
          this.#listener.onWindow(event.message);
        }
        break;
      case 'reset':
        this.#listener.onReset();
        break;
      case 'state':
        this.#listener.onState(event.state, event.message);
        break;
      case 'alerts':
        this.#listener.onAlerts(event.answer);
        break;
      case 'begin':
        this.#listener.onBegin();
    }
  }

  /** The worker could not be loaded, or has ended. */
  #goOnAlone(): void {
    worker = undefined;
    this.#say({ kind: 'leave' });
    this.#stop();
    this.#own = new LiveConnection(this.#selection, this.#listener);
  }

  #say(said: ToHub): void {
    this.#worker.port.postMessage(said);
  }
}

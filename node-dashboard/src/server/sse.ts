import type { ServerResponse } from 'node:http';

/** A version of a window, with the id that resumes after it. */
export function windowEvent(id: string, json: string): string {
  return `id: ${id}\nevent: window\ndata: ${json}\n\n`;
}

/** The client has missed windows that cannot be sent again: it has to load the history anew. */
export function resetEvent(reason: string): string {
  return `event: reset\ndata: ${JSON.stringify({ reason })}\n\n`;
}

/** Whether new windows can come. */
export function statusEvent(connected: boolean, message: string): string {
  return `event: status\ndata: ${JSON.stringify({ connected, message })}\n\n`;
}

/** What the alerts say, when that has changed. */
export function alertsEvent(json: string): string {
  return `event: alerts\ndata: ${json}\n\n`;
}

/**
 * Keeps the connection open, shows the client that it is alive, and moves the client's `Last-Event-ID` past the windows
 * that it did not ask for.
 */
export function keepAlive(id: string, connected: boolean, message: string): string {
  return `id: ${id}\n${statusEvent(connected, message)}`;
}

/** How much more than its first events may wait for a slow client before it is cut off, in bytes. */
const MAX_BACKLOG = 1024 * 1024;

/**
 * The sending side of one Server-Sent Events connection.
 *
 * A client that does not keep up is cut off: it comes back with its `Last-Event-ID` and is sent only the newest
 * version of what it missed, so the server's memory is bounded and the client loses nothing.
 */
export class EventChannel {
  readonly #response: ServerResponse;
  readonly #cutOff: () => void;
  readonly #maxBacklog: number;
  /** What still waits of the first events, at most: they are as many as there are. */
  #first = 0;

  constructor(response: ServerResponse, cutOff: () => void, maxBacklog = MAX_BACKLOG) {
    this.#response = response;
    this.#cutOff = cutOff;
    this.#maxBacklog = maxBacklog;
  }

  /** Sends the first events, however many these are. */
  begin(events: string): void {
    this.send(events);
    this.#first = this.#response.writableLength;
  }

  /** Sends events, or cuts the client off when too much is waiting for it already. */
  send(events: string): void {
    if (this.#response.destroyed || this.#response.writableEnded || events === '') {
      return;
    }
    this.#first = Math.min(this.#first, this.#response.writableLength);
    if (this.#response.writableLength > this.#first + this.#maxBacklog) {
      this.#response.destroy();
      this.#cutOff();
    } else {
      this.#response.write(events);
    }
  }

  /** Ends the connection in good order. */
  close(): void {
    this.#response.end();
  }
}

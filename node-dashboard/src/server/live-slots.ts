import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { TooManyRequestsError, UnavailableError } from './errors.ts';

/** Which part of the clients may come from one address: a proxy's, if it does not run on this machine. */
const SHARE_OF_ADDRESS = 0.5;

/** A connection of a client that listens. */
export interface LiveClient {
  readonly address: string;
  readonly socket: Socket;
  readonly response: ServerResponse;
  /** Called once, when the place is given back: there is nobody to send to any more. */
  readonly left: () => void;
}

/**
 * The places of the clients of `/api/live`. One client must not be able to take them all, and each is given back on
 * whatever way its connection ends.
 */
export class LiveSlots {
  readonly #most: number;
  readonly #mostOfAddress: number;
  readonly #byAddress = new Map<string, number>();
  readonly #streams = new Map<Socket, { readonly response: ServerResponse; readonly release: () => void }>();

  /** @param most how many clients may listen at once: with what may wait for each, this bounds their memory */
  constructor(most: number) {
    this.#most = most;
    this.#mostOfAddress = Math.max(1, Math.floor(most * SHARE_OF_ADDRESS));
  }

  /** How many are taken. */
  get taken(): number {
    return this.#streams.size;
  }

  /** Takes a place, or throws what the client is to be told. Returns what gives it back. */
  take({ address, socket, response, left }: LiveClient): () => void {
    this.refuseBehindStream(socket);
    this.#check(address);
    const release = (): void => {
      if (this.#streams.delete(socket)) {
        this.#count(address, -1);
        response.off('close', release);
        socket.off('close', release);
        left();
      }
    };
    this.#streams.set(socket, { response, release });
    this.#count(address, 1);
    // A response that waits behind another one of its socket is not told when that closes.
    response.once('close', release);
    socket.once('close', release);
    return release;
  }

  /**
   * Throws when the socket carries an event stream: since that has no end, whatever is asked for behind it would wait
   * for ever, and hide that the client has left. The stream ends, so that the client gets to know.
   */
  refuseBehindStream(socket: Socket): void {
    const stream = this.#streams.get(socket);
    if (stream !== undefined) {
      stream.release();
      stream.response.end();
      throw new TooManyRequestsError(
        'this connection carried an event stream, which has no end, when it asked for more: ' +
          'use another connection for each event stream',
        { Connection: 'close' },
      );
    }
  }

  #check(address: string): void {
    if ((this.#byAddress.get(address) ?? 0) >= this.#mostOfAddress) {
      throw new TooManyRequestsError(
        `${this.#mostOfAddress} clients are listening from ${address} already: close one`,
      );
    }
    if (this.taken >= this.#most) {
      throw new UnavailableError(
        `${this.#most} clients are listening already: close one, or start another dashboard`,
      );
    }
  }

  #count(address: string, change: 1 | -1): void {
    const count = (this.#byAddress.get(address) ?? 0) + change;
    if (count === 0) {
      this.#byAddress.delete(address);
    } else {
      this.#byAddress.set(address, count);
    }
  }
}

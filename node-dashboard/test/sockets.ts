import { connect, type Socket } from 'node:net';
import { once } from 'node:events';

/** A client that speaks HTTP by hand: it sends what it likes, and keeps what comes back. */
export class RawClient {
  readonly socket: Socket;
  received = '';
  closed = false;

  constructor(port: number, address = '127.0.0.1') {
    this.socket = connect(port, address);
    this.socket.setEncoding('utf8');
    this.socket.on('data', (text: string) => {
      this.received += text;
    });
    this.socket.on('error', () => undefined);
    this.socket.on('close', () => {
      this.closed = true;
    });
  }

  /** Sends a request `times` times, without waiting for answers. */
  ask(
    requestLine: string,
    { times = 1, headers = {} }: { times?: number; headers?: Record<string, string> } = {},
  ): void {
    const lines = Object.entries({ Host: 'localhost', ...headers }).map(
      ([name, value]) => `${name}: ${value}`,
    );
    this.socket.write(`${requestLine} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`.repeat(times));
  }

  /** Waits until what came satisfies the condition. */
  async until(condition: (received: string) => boolean): Promise<string> {
    while (!condition(this.received)) {
      if (this.closed) {
        throw new Error(`the connection was closed after: ${this.received}`);
      }
      await Promise.race([once(this.socket, 'data'), once(this.socket, 'close')]);
    }
    return this.received;
  }

  /** Waits until the other side has closed the connection. */
  async end(): Promise<string> {
    if (!this.closed) {
      await once(this.socket, 'close');
    }
    return this.received;
  }

  /** Breaks off. */
  leave(): void {
    this.socket.destroy();
  }
}

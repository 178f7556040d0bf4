import { createServer, type Server, type ServerResponse } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { EventChannel } from '../src/server/sse.ts';

const MEBIBYTE = 'x'.repeat(1024 * 1024);

let server: Server;
let socket: Socket;
let response: ServerResponse;
let cutOff: ReturnType<typeof vi.fn<() => void>>;

/** The response to a client that reads nothing. */
beforeEach(async () => {
  cutOff = vi.fn();
  server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const asked = new Promise<ServerResponse>((resolve) => {
    server.once('request', (_, answer) => {
      resolve(answer);
    });
  });
  socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  socket.on('error', () => undefined);
  socket.pause();
  socket.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
  response = await asked;
});

afterEach(async () => {
  socket.destroy();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

it('a client that does not read is cut off once more waits than may', () => {
  const channel = new EventChannel(response, cutOff);
  let sent = 0;
  // The system's own buffers take some of it.
  while (cutOff.mock.calls.length === 0 && sent < 32) {
    channel.send(MEBIBYTE);
    sent += 1;
  }
  expect(cutOff).toHaveBeenCalledOnce();
  expect(sent).toBeLessThan(32);
  expect(response.destroyed).toBe(true);
});

it('the first events may be as many as there are', () => {
  const channel = new EventChannel(response, cutOff);
  channel.begin(MEBIBYTE.repeat(16));
  channel.send('event: status\n\n');
  expect(cutOff).not.toHaveBeenCalled();
  for (let sent = 0; sent < 32; sent += 1) {
    channel.send(MEBIBYTE);
  }
  expect(cutOff).toHaveBeenCalledOnce();
});

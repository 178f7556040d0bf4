import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, it } from 'vitest';
import { askReadiness } from '../src/server/readiness.ts';
import { configOf } from './configuration.ts';

it.each([
  ['ends', (response: ServerResponse) => response.destroy(), /other side closed|terminated|aborted/],
  ['goes silent', () => undefined, /timeout/],
])(
  'an answer that %s in its middle is told with the address that was asked',
  async (_, then, reason) => {
    const server = createServer((_request, response) => {
      response.writeHead(503, { 'content-length': 100 });
      response.write('{', () => then(response));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    try {
      const { dashboard } = await configOf({ port });
      const error: unknown = await askReadiness(dashboard).catch((thrown: unknown) => thrown);
      const { message } = error as Error;
      expect(message).toContain(`no answer from http://127.0.0.1:${port}/ready: `);
      expect(message).toMatch(reason);
    } finally {
      server.closeAllConnections();
      server.close();
    }
  },
  10_000,
);

import { existsSync } from 'node:fs';
import path from 'node:path';
import type { FastifyInstance } from 'fastify';
import type { DashboardConfig } from '../config.ts';
import { framedBy } from '../plugins/helmet.ts';

/** The page of one chart; a build without one shows the whole page in its place. */
const PAGES = ['embed.html', 'index.html'];

/** `GET /embed`: one chart, for the pages of some origins to show in a frame. */
export function embedRoute(app: FastifyInstance, { embedOrigins }: DashboardConfig, root: string): void {
  const page = PAGES.find((name) => existsSync(path.join(root, name)));
  if (page !== undefined) {
    const options = { schema: { hide: true }, helmet: framedBy(embedOrigins) };
    app.get('/embed', options, (_, reply) => reply.sendFile(page));
  }
}

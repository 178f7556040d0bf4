import type { FastifyInstance } from 'fastify';
import type { DashboardConfig } from './config.ts';
import { ForbiddenError } from './errors.ts';
import { configuredHost, hostOf } from './hosts.ts';

const CHANGING = ['POST', 'DELETE', 'PUT', 'PATCH'];

/**
 * Refuses changes that a page of somebody else has sent with the rights of whoever looks at it (cross-site request
 * forgery). Browsers say with each change where it comes from; programs need not. What they send has to be JSON, which
 * such a page cannot send without being asked first: Fastify refuses every other type with 415.
 */
export function guardChanges(app: FastifyInstance, { allowedHosts }: DashboardConfig): void {
  const allowed = new Set(allowedHosts.flatMap((name) => configuredHost(name) ?? []));
  // A form can send it without being asked.
  app.removeContentTypeParser('text/plain');
  app.addHook('onRequest', (request, _, done) => {
    const { origin, host = '', 'sec-fetch-site': site } = request.headers;
    if (CHANGING.includes(request.method)) {
      const isForeign = site !== undefined && !['same-origin', 'none'].includes(site);
      if (isForeign || (origin !== undefined && !isOwn(origin, host, allowed))) {
        throw new ForbiddenError(
          `a page of ${JSON.stringify(origin ?? 'another site')} may change nothing here: use the dashboard's own ` +
            'page, or send it without the header Origin',
        );
      }
    }
    done();
  });
}

/** A proxy may send a host of its own; then the configured names are those that browsers know. */
function isOwn(origin: string, host: string, allowed: ReadonlySet<string>): boolean {
  const [, authority] = /^https?:\/\/([^/]+)$/.exec(origin.toLowerCase()) ?? [];
  return (
    authority !== undefined && (authority === host.toLowerCase() || allowed.has(hostOf(authority) ?? ''))
  );
}

import type { FastifyInstance } from 'fastify';
import { MethodNotAllowedError } from './errors.ts';

const METHODS = ['GET', 'HEAD', 'POST', 'DELETE'] as const;

/** Refuses the methods that an address does not have, as HTTP has it (RFC 9110, section 15.5.6). */
export function refuseOtherMethods(app: FastifyInstance): void {
  app.addHook('onRequest', (request, _, done) => {
    const path = request.url.split('?', 1)[0] ?? '';
    const possible = METHODS.filter((method) =>
      [path, '/*'].some((url) => app.hasRoute({ method, url })),
    ) as string[];
    if (possible.length > 0 && !possible.includes(request.method)) {
      const others = possible.slice(0, -1).join(', ');
      throw new MethodNotAllowedError(
        `${request.method} is not possible here: ask with ${others} or ${possible.at(-1) ?? ''}`,
        { Allow: possible.join(', ') },
      );
    }
    done();
  });
}

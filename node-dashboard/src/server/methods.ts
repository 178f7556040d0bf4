import type { FastifyInstance } from 'fastify';
import { MethodNotAllowedError } from './errors.ts';

const METHODS = ['GET', 'HEAD'];

/** Refuses every method but GET and HEAD as HTTP has it (RFC 9110, section 15.5.6): the dashboard only shows. */
export function refuseOtherMethods(app: FastifyInstance): void {
  app.addHook('onRequest', (request, _, done) => {
    const path = request.url.split('?', 1)[0] ?? '';
    const isThere = [path, '/*'].some((url) => app.hasRoute({ method: 'GET', url }));
    if (isThere && !METHODS.includes(request.method)) {
      throw new MethodNotAllowedError(
        `${request.method} is not possible here: the dashboard only shows, ask with ${METHODS.join(' or ')}`,
        { Allow: METHODS.join(', ') },
      );
    }
    done();
  });
}

import { createHash, timingSafeEqual } from 'node:crypto';
import type { FastifyInstance, FastifyRequest } from 'fastify';

const COOKIE = 'freshet_token';

/** Asks for the token on everything below `/api`, and lets a browser in that opens the page with `?token=…`. */
export function protect(app: FastifyInstance, token: string): void {
  const expected = digest(token);
  const isRight = (given: string | undefined): given is string =>
    given !== undefined && timingSafeEqual(digest(given), expected);

  app.addHook('onRequest', async (request, reply) => {
    const { pathname, searchParams } = new URL(request.url, 'http://localhost');
    const inQuery = searchParams.get('token') ?? undefined;
    if (pathname.startsWith('/api/') || pathname === '/api') {
      if (![bearer(request), inQuery, cookie(request)].some(isRight)) {
        const message =
          'this dashboard asks for its token: send it as "Authorization: Bearer …" or as ?token=…';
        await reply.code(401).header('WWW-Authenticate', 'Bearer').send(unauthorized(message));
      }
    } else if (pathname === '/' && isRight(inQuery)) {
      // The cookie keeps the token out of the page's address, and of everything that records addresses.
      searchParams.delete('token');
      const rest = searchParams.toString();
      await reply
        .header('Set-Cookie', `${COOKIE}=${encodeURIComponent(inQuery)}; Path=/; HttpOnly; SameSite=Strict`)
        .redirect(rest === '' ? '/' : `/?${rest}`, 303);
    }
  });
}

/** The address of a request as it may stand in a log: without the token. */
export function withoutToken(url: string): string {
  return url.replace(/([?&]token=)[^&]*/g, '$1…');
}

/** Digests have one length, so that comparing them tells nothing about the token, not even its length. */
function digest(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}

function bearer(request: FastifyRequest): string | undefined {
  return /^Bearer (.+)$/i.exec(request.headers.authorization ?? '')?.[1];
}

function cookie(request: FastifyRequest): string | undefined {
  const pairs = (request.headers.cookie ?? '').split(';').map((pair) => pair.trim());
  const value = pairs.find((pair) => pair.startsWith(`${COOKIE}=`))?.slice(COOKIE.length + 1);
  try {
    return value === undefined ? undefined : decodeURIComponent(value);
  } catch {
    return undefined;
  }
}

function unauthorized(message: string): object {
  return { statusCode: 401, error: 'Unauthorized', message };
}

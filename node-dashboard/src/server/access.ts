import { createHash, timingSafeEqual } from 'node:crypto';
import type { FastifyInstance, FastifyRequest } from 'fastify';

const COOKIE = 'freshet_token';

/**
 * Asks for the token on everything below `/api` and on `/metrics`, and lets a browser in that opens the page with
 * `?token=…`.
 */
export function protect(app: FastifyInstance, token: string): void {
  const expected = digest(token);
  // A repeated parameter is a list, and no token.
  const isRight = (given: unknown): given is string =>
    typeof given === 'string' && timingSafeEqual(digest(given), expected);

  app.addHook('onRequest', async (request, reply) => {
    // What the router has matched decides, not the address: there are many ways to write one.
    const route = request.routeOptions.url ?? '';
    const { token: inQuery } = request.query as { token?: string };
    if (route.startsWith('/api/') || route === '/metrics') {
      if (![bearer(request), inQuery, cookie(request)].some(isRight)) {
        const message =
          'this dashboard asks for its token: send it as "Authorization: Bearer …" or as ?token=…';
        await reply.code(401).header('WWW-Authenticate', 'Bearer').send(unauthorized(message));
      }
    } else if (request.url.startsWith('/?') && isRight(inQuery)) {
      // The cookie keeps the token out of the page's address, and of everything that records addresses.
      const rest = new URLSearchParams(request.url.slice('/?'.length));
      rest.delete('token');
      await reply
        .header('Set-Cookie', cookieOf(inQuery, request))
        // Relative: a proxy may serve the page below a path that only the browser knows.
        .redirect(rest.size === 0 ? './' : `./?${rest.toString()}`, 303);
    }
  });
}

/** Without a path of its own, the cookie is for the folder of the page, wherever a proxy has put it. */
function cookieOf(token: string, { headers }: FastifyRequest): string {
  const [scheme] = String(headers['x-forwarded-proto'] ?? '').split(',');
  const secure = scheme?.trim().toLowerCase() === 'https' ? '; Secure' : '';
  return `${COOKIE}=${encodeURIComponent(token)}; HttpOnly; SameSite=Strict${secure}`;
}

/** The address of a request as it may stand in a log: without the token. */
export function withoutToken(url: string): string {
  const [path = '', ...queries] = url.split('?');
  const pairs = queries.join('?').split('&');
  const shown = pairs.map((pair) => (new URLSearchParams(pair).has('token') ? 'token=…' : pair));
  return queries.length === 0 ? path : `${path}?${shown.join('&')}`;
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

import { createHash, timingSafeEqual } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { TooManyRequestsError, UnauthorizedError } from './errors.ts';

const COOKIE = 'freshet_token';
/** How many wrong tokens one address may send in a minute: a person mistypes it a few times, a program guesses. */
const MAX_WRONG = 30;

/**
 * Asks for the token on everything below `/api`, on `/metrics` and on badges, and lets a browser in that opens the page
 * with `?token=…`.
 */
export function protect(app: FastifyInstance, token: string): void {
  const expected = digest(token);
  // A repeated parameter is a list, and no token.
  const isRight = (given: unknown): given is string =>
    typeof given === 'string' && timingSafeEqual(digest(given), expected);
  const countWrong = app.createRateLimit({ max: MAX_WRONG, timeWindow: 60_000 });

  app.addHook('onRequest', async (request, reply) => {
    const { token: inQuery } = request.query as { token?: string };
    if (isProtected(request)) {
      const given = [bearer(request), inQuery, request.cookies[COOKIE]];
      if (!given.some(isRight)) {
        const counted = given.some((one) => one !== undefined) ? await countWrong(request) : undefined;
        throw refusal(counted !== undefined && !counted.isAllowed && counted.isExceeded);
      }
    } else if (request.url.startsWith('/?') && isRight(inQuery)) {
      await tradeForCookie(inQuery, request, reply);
    }
  });
}

/** What the router has matched decides, not the address: there are many ways to write one. */
function isProtected({ routeOptions }: FastifyRequest): boolean {
  const route = routeOptions.url ?? '';
  return route.startsWith('/api/') || ['/metrics', '/badge'].includes(route);
}

function refusal(isGuessing: boolean): Error {
  return isGuessing
    ? new TooManyRequestsError(`more than ${MAX_WRONG} wrong tokens in a minute: come again later`)
    : new UnauthorizedError(
        'this dashboard asks for its token: send it as "Authorization: Bearer …" or as ?token=…',
        { 'WWW-Authenticate': 'Bearer' },
      );
}

/** The cookie keeps the token out of the page's address, and of everything that records addresses. */
async function tradeForCookie(token: string, request: FastifyRequest, reply: FastifyReply): Promise<void> {
  const rest = new URLSearchParams(request.url.slice('/?'.length));
  rest.delete('token');
  const [scheme] = String(request.headers['x-forwarded-proto'] ?? '').split(',');
  await reply
    // Without a path of its own, it is for the folder of the page, wherever a proxy has put it.
    .setCookie(COOKIE, token, {
      httpOnly: true,
      sameSite: 'strict',
      secure: scheme?.trim().toLowerCase() === 'https',
    })
    // Relative: a proxy may serve the page below a path that only the browser knows.
    .redirect(rest.size === 0 ? './' : `./?${rest.toString()}`, 303);
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

import rateLimit from '@fastify/rate-limit';
import type { FastifyRequest } from 'fastify';
import plugin from 'fastify-plugin';
import { TooManyRequestsError } from '../errors.ts';

/** How long requests are counted, in milliseconds. */
const PERIOD = 10_000;
/** How many one address may send in that time: many pages behind one proxy stay far below. */
const MAX_REQUESTS = 10_000;
/** How many of those may change something, or ask for a picture that somebody else's page shows to many. */
export const MAX_CHANGES = 50;
export const MAX_BADGES = 200;

/** The limit of a route that has one of its own. */
export const limitedTo = (max: number) => ({ rateLimit: { max, timeWindow: PERIOD } });

/** What those ask who watch the dashboard must get an answer whatever others do. */
const WATCHED = ['/healthz', '/ready', '/metrics'];

/** Answers one address only so many requests at once, so that the others get answers as well. */
export default plugin(async (app) => {
  await app.register(rateLimit, {
    max: MAX_REQUESTS,
    timeWindow: PERIOD,
    cache: 10_000,
    allowList: ({ routeOptions }: FastifyRequest) => WATCHED.includes(routeOptions.url ?? ''),
    addHeadersOnExceeding: {
      'x-ratelimit-limit': false,
      'x-ratelimit-remaining': false,
      'x-ratelimit-reset': false,
    },
    addHeaders: {
      'x-ratelimit-limit': false,
      'x-ratelimit-remaining': false,
      'x-ratelimit-reset': false,
      'retry-after': true,
    },
    errorResponseBuilder: ({ ip }, { max, after }) =>
      new TooManyRequestsError(
        `${ip} has sent more than the ${max} requests that this address takes in ${PERIOD / 1000} s: ` +
          `come again in ${after}`,
      ),
  });
});

import underPressure from '@fastify/under-pressure';
import plugin from 'fastify-plugin';
import { UnavailableError } from '../errors.ts';

/** When the server is this late on average, in milliseconds, whatever it takes on makes it later still. */
const MAX_DELAY = 3000;

/** What those ask who watch the dashboard, and who would start it anew if they got no answer. */
const WATCHED = ['/healthz', '/ready', '/metrics'];

/** Refuses work while the server is late with what it has, instead of making everybody wait. */
export default plugin(async (app) => {
  await app.register(underPressure, {
    maxEventLoopDelay: MAX_DELAY,
    pressureHandler: (request) => {
      if (!WATCHED.includes(request.routeOptions.url ?? '')) {
        throw new UnavailableError('the dashboard has more to do than it can: come again in a moment');
      }
    },
  });
});

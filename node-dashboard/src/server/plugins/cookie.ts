import cookie from '@fastify/cookie';
import plugin from 'fastify-plugin';

/** Reads and writes cookies. */
export default plugin(async (app) => {
  await app.register(cookie, { hook: 'onRequest' });
});

import fastifyStatic from '@fastify/static';
import plugin from 'fastify-plugin';

/** Serves the files of the page. */
export default plugin<{ readonly root: string }>(async (app, { root }) => {
  await app.register(fastifyStatic, {
    root,
    cacheControl: false,
    setHeaders: (response, path) => {
      // The names of the assets change with their content; the page's does not.
      const immutable = /[\\/]assets[\\/]/.test(path);
      response.setHeader('Cache-Control', immutable ? 'public, max-age=31536000, immutable' : 'no-cache');
    },
  });
});

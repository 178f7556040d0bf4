import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import plugin from 'fastify-plugin';
import { VERSION } from '../version.ts';
import { WITH_DATA_IMAGES } from './helmet.ts';

/** Where the page is that shows the API. */
const DOCS = '/docs';

/** Describes the API in `/openapi.json`, and shows it at `/docs`, from files of its own. */
export default plugin<{ readonly withToken: boolean }>(async (app, { withToken }) => {
  await app.register(swagger, { openapi: openApi(withToken) });
  app.addHook('onRoute', (route) => {
    if (route.url.startsWith(`${DOCS}/`) || route.url === DOCS) {
      route.helmet = WITH_DATA_IMAGES;
    }
  });
  await app.register(swaggerUi, {
    routePrefix: DOCS,
    // The other layout asks for the address of an API.
    uiConfig: { layout: 'BaseLayout', deepLinking: true, tryItOutEnabled: true },
    theme: { title: 'Freshet dashboard: API' },
  });
});

function openApi(withToken: boolean): object {
  return {
    openapi: '3.1.0',
    info: { title: 'Freshet dashboard', version: VERSION, description: 'Windowed averages of live streams' },
    ...(withToken && {
      components: { securitySchemes: { token: { type: 'http', scheme: 'bearer' } } },
      security: [{ token: [] }],
    }),
  };
}

import type { FastifyInstance } from 'fastify';

/** How `/openapi.json` describes an object. */
export interface ObjectSchema {
  readonly required: readonly string[];
  readonly properties: Readonly<Record<string, object>>;
}

interface Description {
  readonly paths: {
    readonly '/api/windows': {
      readonly get: {
        readonly responses: {
          readonly 200: {
            readonly content: {
              readonly 'application/json': {
                readonly schema: {
                  readonly properties: { readonly windows: { readonly items: ObjectSchema } };
                };
              };
            };
          };
        };
      };
    };
  };
}

/** How `/openapi.json` describes a window. */
export async function windowSchema(app: FastifyInstance): Promise<ObjectSchema> {
  const { paths } = (await app.inject({ url: '/openapi.json' })).json<Description>();
  return paths['/api/windows'].get.responses[200].content['application/json'].schema.properties.windows.items;
}

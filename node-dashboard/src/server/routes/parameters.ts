import type { FastifyInstance, FastifyRequest } from 'fastify';
import { BadRequestError } from '../errors.ts';

/** What a schema says of one parameter, as far as it matters here. */
interface ParameterSchema {
  readonly type: string;
  readonly minLength?: number;
}

/** The parameter that lets a client in that cannot send a header; every route takes it. */
const TOKEN = 'token';

/**
 * Refuses parameters that a route does not know, that are there twice, or that are empty. One that is passed over in
 * silence, because it is mistyped, makes an answer look like what was asked for.
 */
export function checkParameters(app: FastifyInstance): void {
  app.addHook('preValidation', (request, _, done) => {
    check(request);
    done();
  });
}

function check({ query, routeOptions }: FastifyRequest): void {
  const { properties = {} } = (routeOptions.schema?.querystring ?? {}) as {
    properties?: Record<string, ParameterSchema>;
  };
  const given = Object.entries(query as Record<string, string | string[]>).filter(([name]) => name !== TOKEN);
  const unknown = given.map(([name]) => name).filter((name) => !Object.hasOwn(properties, name));
  if (unknown.length > 0) {
    throw new BadRequestError(`${named(unknown)}; ${known(Object.keys(properties))}`);
  }
  for (const [name, value] of given) {
    const values = [value].flat();
    const { type, minLength = 0 } = properties[name] ?? { type: 'string' };
    if (type !== 'array' && values.length > 1) {
      throw new BadRequestError(`the parameter "${name}" is there ${values.length} times: give it once`);
    }
    if ((type === 'array' || minLength > 0) && values.includes('')) {
      throw new BadRequestError(`the parameter "${name}" is empty: give it a value, or leave it out`);
    }
  }
}

/** The names that are not known, as far as a reader can use them. */
function named(names: readonly string[]): string {
  const shown = names.slice(0, 5).map((name) => JSON.stringify(name.slice(0, 50)));
  const more = names.length > shown.length ? ` and ${names.length - shown.length} more` : '';
  return names.length === 1
    ? `there is no parameter ${shown.join('')}`
    : `there are no parameters ${shown.join(', ')}${more}`;
}

function known(names: readonly string[]): string {
  return names.length === 0 ? 'this address takes none' : `there are: ${names.join(', ')}`;
}

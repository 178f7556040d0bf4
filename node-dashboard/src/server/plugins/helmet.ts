import helmet from '@fastify/helmet';
import plugin from 'fastify-plugin';

const NOBODY = ["'none'"];
const SELF = ["'self'"];

const POLICY = {
  'default-src': NOBODY,
  'script-src': SELF,
  'style-src': SELF,
  'img-src': SELF,
  'connect-src': SELF,
  'base-uri': NOBODY,
  'form-action': SELF,
  'frame-ancestors': NOBODY,
} as const;

/** The Content-Security-Policy, with some of its directives replaced. */
function policy(more: Readonly<Record<string, readonly string[]>> = {}) {
  const directives = Object.entries({ ...POLICY, ...more }).map(([name, values]) => [name, [...values]]);
  return {
    contentSecurityPolicy: {
      useDefaults: false,
      directives: Object.fromEntries(directives) as Record<string, string[]>,
    },
  };
}

/** Of a page that pages of these origins may show in a frame; nobody may when there are none. */
export function framedBy(origins: readonly string[]) {
  return {
    ...policy({ 'frame-ancestors': origins.length === 0 ? NOBODY : origins }),
    // A page of another origin that shows it in a frame would not get it otherwise.
    ...(origins.length > 0 && { crossOriginResourcePolicy: { policy: 'cross-origin' as const } }),
  };
}

/** Of pages whose styles have images in them. */
export const WITH_DATA_IMAGES = policy({ 'img-src': ["'self'", 'data:'] });

/**
 * The headers by which a browser keeps the page to itself: nothing but its own files, no frame around it, and no page
 * of another origin that reads it. Those that only make sense for HTTPS are a proxy's business.
 */
export default plugin(async (app) => {
  await app.register(helmet, {
    ...policy(),
    crossOriginOpenerPolicy: { policy: 'same-origin' },
    crossOriginResourcePolicy: { policy: 'same-origin' },
    referrerPolicy: { policy: 'no-referrer' },
    noSniff: true,
    crossOriginEmbedderPolicy: false,
    originAgentCluster: false,
    hsts: false,
    dnsPrefetchControl: false,
    ieNoOpen: false,
    frameguard: false,
    permittedCrossDomainPolicies: false,
    hidePoweredBy: false,
    xssFilter: false,
  });
});

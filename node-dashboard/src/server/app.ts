import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import Fastify, {
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
} from 'fastify';
import { protect, withoutToken } from './access.ts';
import { guardChanges } from './changes.ts';
import type { Config } from './config.ts';
import { RequestError } from './errors.ts';
import { checkHosts } from './hosts.ts';
import { LiveSlots } from './live-slots.ts';
import { refuseOtherMethods } from './methods.ts';
import { createPipeline, type Pipeline } from './pipeline.ts';
import compress from './plugins/compress.ts';
import cookie from './plugins/cookie.ts';
import helmet from './plugins/helmet.ts';
import rateLimit from './plugins/rate-limit.ts';
import staticFiles from './plugins/static.ts';
import swagger from './plugins/swagger.ts';
import underPressure from './plugins/under-pressure.ts';
import { alertRoutes } from './routes/alerts.ts';
import { annotationRoutes } from './routes/annotations.ts';
import { anomaliesRoute } from './routes/anomalies.ts';
import { badgeRoute } from './routes/badge.ts';
import { embedRoute } from './routes/embed.ts';
import { healthRoutes } from './routes/health.ts';
import { historyRoute } from './routes/history.ts';
import { deadLettersRoute } from './routes/dead-letters.ts';
import { latestRoute } from './routes/latest.ts';
import { liveRoute } from './routes/live.ts';
import { metricsRoute } from './routes/metrics.ts';
import { checkParameters } from './routes/parameters.ts';
import { pipelineRoute } from './routes/pipeline.ts';
import { seriesRoute } from './routes/series.ts';
import { streamsRoute } from './routes/streams.ts';
import { windowsRoute } from './routes/windows.ts';
import type { TypedApp } from './typed-app.ts';

/** What the app is built from. */
export interface AppOptions {
  readonly config: Config;
  /** Least severe level that is logged; `silent` logs nothing. */
  readonly logLevel: string;
  /** The folder of the built page; without it only the API is served. */
  readonly webRoot?: string;
  /** What the routes read from; by default the parts that the configuration describes. */
  readonly pipeline?: Pipeline;
}

/** The largest body of a request: an annotation in any alphabet, in bytes. */
const MAX_BODY = 8192;
/** When a client that got a 503 or 429 should come again, in seconds. */
const RETRY_AFTER = 2;

/**
 * Builds the app. It begins to connect to Kafka and Cassandra when it gets ready, does not wait for them, and
 * leaves them when it is closed.
 */
export async function buildApp({
  config,
  logLevel,
  webRoot,
  pipeline: given,
}: AppOptions): Promise<FastifyInstance> {
  const app = Fastify({
    logger: { level: logLevel, serializers: { req: requestForLog } },
    requestTimeout: 10_000,
    bodyLimit: MAX_BODY,
    // A query cannot be a JSON body: refuse what is not understood rather than ignore it.
    ajv: { customOptions: { removeAdditional: false } },
    forceCloseConnections: 'idle',
    // A proxy on this machine stands for many clients, and tells their addresses.
    trustProxy: 'loopback',
  });
  const pipeline = given ?? createPipeline(config, app.log);
  const slots = new LiveSlots(config.dashboard.maxClients);

  app.setErrorHandler(answerError);
  await app.register(helmet);
  app.addHook('onRequest', (request, _, done) => {
    slots.refuseBehindStream(request.raw.socket);
    done();
  });
  checkHosts(app, config.dashboard);
  refuseOtherMethods(app);
  guardChanges(app, config.dashboard);
  await app.register(underPressure);
  await app.register(cookie);
  await app.register(rateLimit);
  if (config.dashboard.token !== undefined) {
    protect(app, config.dashboard.token);
  }
  await app.register(compress);
  await app.register(swagger, { withToken: config.dashboard.token !== undefined });
  await app.register((scope, _, done) => {
    registerRoutes(scope.withTypeProvider<TypeBoxTypeProvider>(), pipeline, slots);
    done();
  });
  if (webRoot !== undefined) {
    await app.register(staticFiles, { root: webRoot });
    embedRoute(app, config.dashboard, webRoot);
  }
  closeUnused(app);
  app.addHook('onReady', () => {
    pipeline.history.start();
    pipeline.tail.start();
    pipeline.letters.tail.start();
    pipeline.past.start();
    pipeline.reporter.start();
    pipeline.alerts.start();
  });
  app.addHook('onClose', async () => {
    const { alerts, notifier, past, history, tail, reporter, letters } = pipeline;
    past.close();
    await Promise.all([alerts.close(), notifier.close()]);
    await Promise.all([history.close(), tail.close(), reporter.close(), letters.tail.close()]);
  });
  return app;
}

/**
 * The server counts as idle, and closes, only what is idle when it begins to close. It would wait for connections that
 * browsers open ahead of need; and for a minute for one whose answer is given while it closes, since clients keep it.
 */
function closeUnused(app: FastifyInstance): void {
  const unused = new Set<Socket>();
  let isClosing = false;
  app.server.on('connection', (socket: Socket) => {
    if (isClosing) {
      socket.destroy();
      return;
    }
    unused.add(socket);
    socket.once('close', () => unused.delete(socket));
  });
  app.server.on('request', ({ socket }, response) => {
    unused.delete(socket);
    response.once('close', () => {
      if (isClosing) {
        socket.destroySoon();
      }
    });
  });
  app.addHook('preClose', (done) => {
    isClosing = true;
    for (const socket of unused) {
      socket.destroy();
    }
    done();
  });
}

function registerRoutes(app: TypedApp, pipeline: Pipeline, slots: LiveSlots): void {
  checkParameters(app);
  // What is true now is not true in a moment.
  app.addHook('onRequest', async (_, reply) => {
    reply.header('Cache-Control', 'no-store');
  });
  healthRoutes(app, pipeline);
  streamsRoute(app, pipeline);
  seriesRoute(app, pipeline);
  windowsRoute(app, pipeline);
  historyRoute(app, pipeline);
  liveRoute(app, pipeline, slots);
  latestRoute(app, pipeline);
  deadLettersRoute(app, pipeline);
  pipelineRoute(app, pipeline);
  alertRoutes(app, pipeline);
  annotationRoutes(app, pipeline);
  anomaliesRoute(app, pipeline);
  badgeRoute(app, pipeline);
  metricsRoute(app, pipeline, slots);
  app.get('/openapi.json', { schema: { hide: true } }, () => app.swagger());
}

function answerError(error: FastifyError, request: FastifyRequest, reply: FastifyReply): void {
  const statusCode = error.statusCode ?? 500;
  if (statusCode === 503 || statusCode === 429) {
    if (!reply.hasHeader('Retry-After')) {
      reply.header('Retry-After', RETRY_AFTER);
    }
  } else if (statusCode >= 500) {
    request.log.error(error);
  }
  if (error instanceof RequestError) {
    reply.headers(error.headers);
  }
  // What went wrong inside is for the log, not for the client.
  const message =
    statusCode === 500 ? 'something went wrong inside the dashboard: see its log' : error.message;
  void reply.code(statusCode).send({ statusCode, error: STATUS_CODES[statusCode] ?? 'Error', message });
}

function requestForLog(request: { method: string; url: string; ip: string }): Record<string, unknown> {
  return { method: request.method, url: withoutToken(request.url), remoteAddress: request.ip };
}

import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Static } from 'typebox';
import { BadRequestError, UnavailableError } from '../errors.ts';
import { LiveSlots } from '../live-slots.ts';
import type { Listener, LiveStream } from '../live-stream.ts';
import { windowsTopic, type Pipeline } from '../pipeline.ts';
import { schemas } from '../schemas.ts';
import { EventChannel, keepAlive, statusEvent } from '../sse.ts';
import type { TypedApp } from '../typed-app.ts';
import { findStream, findWindow } from './query.ts';

/** Connections with nothing to say are closed by proxies after half a minute or more. */
const KEEP_ALIVE_INTERVAL = 10_000;

type Query = Static<typeof schemas.live.querystring>;

type LiveRequest = Pick<FastifyRequest, 'headers' | 'ip' | 'raw'> & { readonly query: Query };

/** `GET /api/live` */
export function liveRoute(app: TypedApp, pipeline: Pipeline, slots: LiveSlots): void {
  const channels = new Set<EventChannel>();

  // The server would wait for these connections for ever.
  app.addHook('preClose', () => {
    for (const channel of channels) {
      channel.close();
    }
  });

  app.get('/api/live', { schema: schemas.live }, (request, reply) => {
    const configured = findStream(pipeline.config, request.query.stream);
    const kinds = request.query.window?.map((label) => findWindow(configured, label).label);
    const stream = readyStream(pipeline, configured.name);
    const since = lastEventId(request, stream);
    if (request.method === 'HEAD') {
      sendHead(reply);
      reply.raw.end();
    } else if (request.raw.socket.destroyed) {
      // Nobody is there any more, and nothing will say so again.
      reply.hijack();
    } else {
      listen({ pipeline, slots, channels }, stream, { since, kinds }, request, reply);
    }
  });
}

/** Sends a client the events of a stream until it, or the server, goes. */
function listen(
  { pipeline, slots, channels }: { pipeline: Pipeline; slots: LiveSlots; channels: Set<EventChannel> },
  stream: LiveStream,
  { since, kinds }: { since: string | null; kinds: readonly string[] | undefined },
  request: LiveRequest,
  reply: FastifyReply,
): void {
  const status = () => pipeline.tail.topicHealth(windowsTopic(pipeline.config, stream.name));
  const { series } = request.query;
  const listener: Listener = {
    series: series === undefined ? null : new Set(series),
    kinds: kinds === undefined ? null : new Set(kinds),
    send: (events) => {
      channel.send(events);
    },
  };
  const left = (): void => {
    clearInterval(timer);
    stream.unsubscribe(listener);
    channels.delete(channel);
  };
  // Whatever is thrown from here on ends the response, and with that gives the place back.
  const release = slots.take({
    address: request.ip,
    socket: request.raw.socket,
    response: reply.raw,
    left,
  });
  const channel = new EventChannel(reply.raw, () => {
    pipeline.errors.add('slow_client', `${request.ip} was cut off: it did not take in the events in time`);
    release();
  });
  const timer = setInterval(() => {
    const { connected, message } = status();
    channel.send(keepAlive(stream.position, connected, message));
  }, KEEP_ALIVE_INTERVAL);
  const missed = stream.subscribe(listener, since);
  sendHead(reply);
  channels.add(channel);
  const { connected, message } = status();
  channel.begin(statusEvent(connected, message) + missed);
}

function readyStream({ config, tail, live }: Pipeline, name: string): LiveStream {
  const stream = live.get(name);
  if (stream?.ready !== true) {
    throw new UnavailableError(tail.topicHealth(windowsTopic(config, name)).message);
  }
  return stream;
}

/** Takes the response out of Fastify's hands, since it has no end. */
function sendHead(reply: FastifyReply): void {
  reply.hijack();
  for (const [name, value] of Object.entries(reply.getHeaders())) {
    reply.raw.setHeader(name, value ?? '');
  }
  reply.raw.on('error', () => {
    reply.raw.destroy();
  });
  reply.raw.writeHead(200, {
    'Content-Type': 'text/event-stream; charset=utf-8',
    'Cache-Control': 'no-store',
    // Asks nginx not to hold events back.
    'X-Accel-Buffering': 'no',
  });
}

/**
 * The id after which a client resumes. A browser that reconnects by itself sends the header, whatever the id: if it is
 * none, the client starts over, since an error would make the browser give up for good. In the parameter it is a
 * mistake of whoever wrote it.
 */
function lastEventId({ headers, query }: LiveRequest, stream: LiveStream): string | null {
  const header = headers['last-event-id'];
  if (typeof header === 'string' && header !== '') {
    return header;
  }
  const refusal = query.last_event_id === undefined ? null : stream.refusalOf(query.last_event_id);
  if (refusal !== null) {
    throw new BadRequestError(
      `the parameter "last_event_id" ${refusal}: send the id of the last event of this stream, or leave it out`,
    );
  }
  return query.last_event_id ?? null;
}

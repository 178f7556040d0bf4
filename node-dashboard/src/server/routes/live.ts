import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { UnavailableError } from '../errors.ts';
import type { Listener, LiveStream } from '../live-stream.ts';
import { windowsTopic, type Pipeline } from '../pipeline.ts';
import { schemas } from '../schemas.ts';
import { EventChannel, keepAlive, statusEvent } from '../sse.ts';
import { findStream } from './query.ts';

/** Connections with nothing to say are closed by proxies after half a minute or more. */
const KEEP_ALIVE_INTERVAL = 10_000;
/** With the limit on what may wait for each, this bounds the memory that slow clients can take. */
const MAX_CLIENTS = 100;

interface Query {
  stream: string;
  series?: string[];
  last_event_id?: string;
}

/** `GET /api/live` */
export function liveRoute(app: FastifyInstance, pipeline: Pipeline): void {
  const channels = new Set<EventChannel>();

  // The server would wait for these connections for ever.
  app.addHook('preClose', () => {
    for (const channel of channels) {
      channel.close();
    }
  });

  app.get<{ Querystring: Query }>('/api/live', { schema: schemas.live }, (request, reply) => {
    const stream = readyStream(pipeline, request.query.stream);
    if (channels.size >= MAX_CLIENTS) {
      throw new UnavailableError(
        `${MAX_CLIENTS} clients are listening already: close one, or start another dashboard`,
      );
    }
    const channel = openChannel(reply, () => {
      pipeline.errors.add('slow_client');
    });
    channels.add(channel);
    const series = request.query.series;
    const listener: Listener = {
      series: series === undefined ? null : new Set(series),
      send: (events) => {
        channel.send(events);
      },
    };
    const status = () => pipeline.tail.topicHealth(windowsTopic(pipeline.config, stream.name));
    const { connected, message } = status();
    channel.send(statusEvent(connected, message) + stream.subscribe(listener, lastEventId(request)));
    const timer = setInterval(() => {
      const { connected, message } = status();
      channel.send(keepAlive(stream.position, connected, message));
    }, KEEP_ALIVE_INTERVAL);
    reply.raw.on('close', () => {
      clearInterval(timer);
      stream.unsubscribe(listener);
      channels.delete(channel);
    });
  });
}

function readyStream({ config, tail, live }: Pipeline, name: string): LiveStream {
  const stream = live.get(findStream(config, name).name);
  if (stream?.ready !== true) {
    throw new UnavailableError(tail.topicHealth(windowsTopic(config, name)).message);
  }
  return stream;
}

/** Takes the response out of Fastify's hands, since it has no end. */
function openChannel(reply: FastifyReply, cutOff: () => void): EventChannel {
  reply.hijack();
  for (const [name, value] of Object.entries(reply.getHeaders())) {
    reply.raw.setHeader(name, value ?? '');
  }
  reply.raw.writeHead(200, {
    'Content-Type': 'text/event-stream; charset=utf-8',
    'Cache-Control': 'no-store',
    // Asks nginx not to hold events back.
    'X-Accel-Buffering': 'no',
  });
  reply.raw.on('error', () => {
    reply.raw.destroy();
  });
  return new EventChannel(reply.raw, cutOff);
}

function lastEventId({ headers, query }: FastifyRequest<{ Querystring: Query }>): string | null {
  const header = headers['last-event-id'];
  return (typeof header === 'string' ? header : query.last_event_id) ?? null;
}

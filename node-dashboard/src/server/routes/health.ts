import type { ConnectionHealth } from '../../shared/api.ts';
import type { Pipeline } from '../pipeline.ts';
import { schemas } from '../schemas.ts';
import type { TypedApp } from '../typed-app.ts';

/** `GET /healthz`, `GET /ready` and `GET /api/health` */
export function healthRoutes(app: TypedApp, { board, tail, history }: Pipeline): void {
  app.get('/healthz', { schema: schemas.healthz, logLevel: 'warn' }, () => ({ status: 'ok' as const }));

  app.get('/ready', { schema: schemas.ready, logLevel: 'warn' }, (_, reply) => {
    const waitingFor = [...waits('Kafka', tail.health), ...waits('Cassandra', history.health)];
    const ready = waitingFor.length === 0;
    reply.code(ready ? 200 : 503);
    return { ready, waiting_for: waitingFor };
  });

  app.get('/api/health', { schema: schemas.health }, () => {
    const now = Date.now();
    return { now, components: board.components(now), kafka: tail.health, cassandra: history.health };
  });
}

/** The services that the dashboard cannot do its work without: the details, which may name hosts, need the token. */
function waits(service: string, { connected }: ConnectionHealth): string[] {
  return connected ? [] : [service];
}

import type { AlertConfig } from '../config-alerts.ts';
import type { Pipeline } from '../pipeline.ts';
import { schemas } from '../schemas.ts';
import type { TypedApp } from '../typed-app.ts';

/** `GET /api/streams` */
export function streamsRoute(app: TypedApp, { config }: Pipeline): void {
  const streams = config.streams.map((stream) => ({
    ...stream,
    alerts: config.alerts.filter((alert) => alert.stream === stream.name).map(infoOf),
  }));
  app.get('/api/streams', { schema: schemas.streams }, () => ({
    now: Date.now(),
    streams,
  }));
}

/** What the page needs to draw an alert's threshold. */
function infoOf({ lasting, window, ...alert }: AlertConfig) {
  return { ...alert, window: window.label, for_ms: lasting };
}

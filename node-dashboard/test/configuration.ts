import { createServer, type AddressInfo, type Server } from 'node:net';
import type { Config, DashboardConfig } from '../src/server/config.ts';
import { parseWindowSpec } from '../src/shared/window-spec.ts';

/** A port on which nothing listens. */
export async function closedPort(): Promise<number> {
  const server: Server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** A configuration whose Kafka and Cassandra are away. */
export async function configOf(dashboard: Partial<DashboardConfig> = {}): Promise<Config> {
  return {
    kafka: {
      bootstrapServers: [`127.0.0.1:${await closedPort()}`],
      topicPrefix: '',
      tls: false,
      caFile: undefined,
      sasl: undefined,
    },
    cassandra: {
      contactPoints: [`127.0.0.1:${await closedPort()}`],
      localDatacenter: 'datacenter1',
      keyspace: 'freshet',
      consistency: 'local_one',
      username: undefined,
      password: undefined,
      caFile: undefined,
      serverName: undefined,
    },
    dashboard: {
      ...{ host: '127.0.0.1', port: 0, allowedHosts: [], token: undefined, maxClients: 100 },
      ...{ embedOrigins: [], webhookUrl: undefined, ntfyUrl: undefined, anomalies: true },
      ...dashboard,
    },
    alerts: [],
    streams: [
      {
        name: 'host',
        topics: [],
        title: 'This machine',
        unit: null,
        units: { usage: 'percent' },
        metrics: ['usage', 'load'],
        windows: [parseWindowSpec('10s'), parseWindowSpec('5m/1m')],
        lateness: 10_000,
        charts: [],
      },
    ],
  };
}

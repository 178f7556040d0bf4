import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { FastifyInstance } from 'fastify';
import { CLOSE_TIMEOUT } from '../shared/generated/stopping.ts';
import { buildApp } from './app.ts';
import { HELP, parseCommand, UsageError } from './arguments.ts';
import { ConfigError, loadConfig } from './config.ts';
import { messageOf } from './errors.ts';
import { askReadiness } from './readiness.ts';

/** Exit code for a command line or a configuration that is wrong. */
const EXIT_USAGE = 2;
const EXIT_FAILURE = 1;

async function main(): Promise<void> {
  const command = parseCommand(process.argv.slice(2));
  if (command.kind === 'help') {
    process.stdout.write(HELP);
    return;
  }
  const config = loadConfig(command.configFile, process.env);
  if (command.kind === 'health') {
    await askReadiness(config.dashboard);
    return;
  }
  const webRoot = fileURLToPath(new URL('../web', import.meta.url));
  if (!existsSync(webRoot)) {
    throw new ConfigError(`the page is not built (${webRoot} is missing): run npm run build`);
  }
  const logLevel = process.env.LOG_LEVEL ?? 'info';
  const app = await buildApp({ config, logLevel, webRoot });
  closeOnSignal(app);
  await app.listen({ host: config.dashboard.host, port: config.dashboard.port });
}

function closeOnSignal(app: FastifyInstance): void {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      app.log.info({ signal }, 'closing');
      setTimeout(() => {
        app.log.error('could not close in time');
        process.exit(EXIT_FAILURE);
      }, CLOSE_TIMEOUT).unref();
      void app.close();
    });
  }
}

main().catch((error: unknown) => {
  const usage = error instanceof UsageError || error instanceof ConfigError;
  const hint = error instanceof UsageError ? '\ntry --help' : '';
  process.stderr.write(`freshet-dashboard: ${messageOf(error)}${hint}\n`);
  process.exit(usage ? EXIT_USAGE : EXIT_FAILURE);
});

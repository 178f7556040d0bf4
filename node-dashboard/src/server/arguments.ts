import { parseArgs } from 'node:util';

/** What the command line asks for. */
export type Command =
  { readonly kind: 'help' } | { readonly kind: 'serve' | 'health'; readonly configFile: string };

/** The command line is wrong; the message says how to write it. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** The text of `--help`. */
export const HELP = `The Freshet dashboard: windowed averages, live from Kafka and back in time from Cassandra.

usage: node dist/server/server.js -c <freshet.toml>

options:
  -c, --config <file>   the pipeline's configuration (required)
      --health          ask the dashboard that runs with this configuration on this machine whether it is ready,
                        and exit: 0 if so, 1 if not
  -h, --help            show this text

environment:
  FRESHET_<SECTION>__<KEY>        overrides a key of [kafka], [cassandra] or [dashboard]
  FRESHET_<SECTION>__<KEY>_FILE   names a file that holds the value, for secrets
  LOG_LEVEL                       trace, debug, info (default), warn, error or fatal

examples:
  node dist/server/server.js -c ../freshet.toml
  FRESHET_DASHBOARD__PORT=8080 node dist/server/server.js -c ../freshet.toml
  FRESHET_DASHBOARD__HOST=0.0.0.0 FRESHET_DASHBOARD__TOKEN_FILE=/run/secrets/token \\
    FRESHET_DASHBOARD__ALLOWED_HOSTS=dashboard.example node dist/server/server.js -c ../freshet.toml
`;

/** Reads the command line (without the program's name). */
export function parseCommand(args: readonly string[]): Command {
  let values: { config?: string | undefined; health?: boolean | undefined; help?: boolean | undefined };
  try {
    ({ values } = parseArgs({
      args: [...args],
      options: {
        config: { type: 'string', short: 'c' },
        health: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    }));
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
  if (values.help === true) {
    return { kind: 'help' };
  }
  if (values.config === undefined) {
    throw new UsageError('the configuration is missing: name it with -c freshet.toml');
  }
  return { kind: values.health === true ? 'health' : 'serve', configFile: values.config };
}

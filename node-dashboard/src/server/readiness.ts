import { isIPv6 } from 'node:net';
import type { DashboardConfig } from './config.ts';
import { messageOf } from './errors.ts';

/** How long the answer may take, in milliseconds: less than the patience of those who run health checks. */
const PATIENCE = 4_000;

/** Where a dashboard that listens on every address can be asked. */
const OWN_ADDRESSES: Readonly<Record<string, string>> = { '0.0.0.0': '127.0.0.1', '::': '::1' };

/**
 * Asks the dashboard of this configuration, on this machine, whether it is ready: an image without shell and curl has
 * nothing else to ask with. Throws when it is not, or does not answer in time.
 */
export async function askReadiness({ host, port }: DashboardConfig): Promise<void> {
  const address = OWN_ADDRESSES[host] ?? host;
  const url = `http://${isIPv6(address) ? `[${address}]` : address}:${port}/ready`;
  let answer: Response;
  let text: string;
  try {
    answer = await fetch(url, { signal: AbortSignal.timeout(PATIENCE) });
    text = await answer.text();
  } catch (error) {
    const cause: unknown = error instanceof Error && error.cause !== undefined ? error.cause : error;
    throw new Error(`no answer from ${url}: ${messageOf(cause)}`, { cause: error });
  }
  if (!answer.ok) {
    throw new Error(`not ready: ${text}`);
  }
}

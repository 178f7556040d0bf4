import type { AlertConfig } from '../config-alerts.ts';
import { pause } from '../backoff.ts';
import { messageOf } from '../errors.ts';

/** What an alert says to people who are not looking: everything that has happened to it at once. */
export interface Notification {
  readonly alert: string;
  readonly stream: string;
  readonly severity: AlertConfig['severity'];
  readonly state: 'firing' | 'resolved';
  /** When it is told, in milliseconds since the epoch. */
  readonly at: number;
  /** What has happened, in a line. */
  readonly text: string;
  readonly field: AlertConfig['field'];
  readonly threshold: number;
  readonly window: string;
  /** How many series and metrics it is about; of so many not all are listed. */
  readonly count: number;
  readonly series: readonly {
    readonly series: string;
    readonly metric: string;
    readonly value: number;
    readonly since: number;
    readonly text: string;
  }[];
}

/** Where alerts are sent. */
export interface Addresses {
  readonly webhookUrl: string | undefined;
  readonly ntfyUrl: string | undefined;
}

/** How long an address may take to answer, in milliseconds. */
const PATIENCE = 10_000;
/** How long is waited before each further attempt, in milliseconds; nobody needs an alert of an hour ago. */
const WAITS = [1_000, 5_000, 30_000, 120_000, 600_000];

/** What waits to be sent to one address: more would be told too late, and take memory. */
const MAX_WAITING = 1000;

/**
 * Sends notifications to one address, one after the other, so that nobody hears of an end before its beginning. What is
 * not taken is tried again, and given up with a word at last.
 */
class Sender {
  readonly #name: string;
  readonly #send: (notification: Notification, signal: AbortSignal) => Promise<Response>;
  readonly #failed: (message: string) => void;
  readonly #waits: readonly number[];
  readonly #stop = new AbortController();
  readonly #waiting: { notification: Notification; done: (isTaken: boolean) => void }[] = [];
  #running: Promise<void> | undefined;

  constructor(
    name: string,
    send: (notification: Notification, signal: AbortSignal) => Promise<Response>,
    failed: (message: string) => void,
    waits: readonly number[],
  ) {
    this.#name = name;
    this.#send = send;
    this.#failed = failed;
    this.#waits = waits;
  }

  /** Sends it; whether it was taken. */
  add(notification: Notification): Promise<boolean> {
    if (this.#waiting.length >= MAX_WAITING) {
      this.#failed(`${this.#name}: ${MAX_WAITING} alerts wait already, "${notification.text}" is not sent`);
      return Promise.resolve(false);
    }
    return new Promise((done) => {
      this.#waiting.push({ notification, done });
      this.#running ??= this.#run().finally(() => {
        this.#running = undefined;
      });
    });
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      next.done(await this.#deliver(next.notification));
      this.#waiting.shift();
    }
  }

  async #deliver(notification: Notification): Promise<boolean> {
    const { signal } = this.#stop;
    for (let attempt = 0; !signal.aborted; attempt += 1) {
      const problem = await this.#attempt(notification);
      const wait = this.#waits[attempt];
      if (problem === null) {
        return true;
      }
      if (wait === undefined || problem.isFinal) {
        this.#failed(`${this.#name}: "${notification.text}" was not taken: ${problem.message}`);
        return false;
      }
      await pause(wait, signal);
    }
    this.#failed(`${this.#name}: "${notification.text}" was not taken before the dashboard was stopped`);
    return false;
  }

  async #attempt(notification: Notification): Promise<{ message: string; isFinal: boolean } | null> {
    try {
      const signal = AbortSignal.any([this.#stop.signal, AbortSignal.timeout(PATIENCE)]);
      const answer = await this.#send(notification, signal);
      await answer.body?.cancel();
      // Whoever refuses it will refuse it again, unless it was too much or too slow.
      const isFinal = answer.status >= 400 && answer.status < 500 && ![408, 429].includes(answer.status);
      return answer.ok ? null : { message: `it answered ${answer.status}`, isFinal };
    } catch (error) {
      const cause: unknown = error instanceof Error && error.cause !== undefined ? error.cause : error;
      return { message: messageOf(cause), isFinal: false };
    }
  }
}

/** Tells people who are not looking, over a webhook and over ntfy. */
export class Notifier {
  readonly #senders: readonly Sender[];

  /**
   * @param failed is told what was given up; the message does not have the address, which may carry a secret
   * @param waits between attempts, in milliseconds
   */
  constructor({ webhookUrl, ntfyUrl }: Addresses, failed: (message: string) => void, waits = WAITS) {
    const sender = (
      name: string,
      url: string | undefined,
      bodyOf: (notification: Notification) => string,
      headersOf: (notification: Notification) => Record<string, string>,
    ): Sender[] =>
      url === undefined
        ? []
        : [
            new Sender(
              name,
              (notification, signal) => post(url, bodyOf(notification), headersOf(notification), signal),
              failed,
              waits,
            ),
          ];
    this.#senders = [
      ...sender('webhook', webhookUrl, webhookBody, () => ({ 'Content-Type': 'application/json' })),
      ...sender('ntfy', ntfyUrl, ntfyBody, ntfyHeaders),
    ];
  }

  /** Sends it in the background; whether each address took it, in the end. */
  async tell(notification: Notification): Promise<boolean> {
    const answers = await Promise.all(this.#senders.map((sender) => sender.add(notification)));
    return answers.every((isTaken) => isTaken);
  }

  /** Ends what is being sent. */
  async close(): Promise<void> {
    await Promise.all(this.#senders.map((sender) => sender.close()));
  }
}

/** Who says who they are with name and password in the address is sent them as a header, which is what they mean. */
async function post(
  address: string,
  body: string,
  headers: Record<string, string>,
  signal: AbortSignal,
): Promise<Response> {
  if (!URL.canParse(address)) {
    // The library's own message would have the address, in which a secret may be.
    throw new Error('its address cannot be read: correct it in [dashboard]');
  }
  const url = new URL(address);
  const credentials = [url.username, url.password].map(decodeURIComponent).join(':');
  url.username = '';
  url.password = '';
  const authorization = `Basic ${Buffer.from(credentials).toString('base64')}`;
  return fetch(url, {
    ...{ method: 'POST', body, signal },
    headers: credentials === ':' ? headers : { ...headers, Authorization: authorization },
    // An answer that leads elsewhere would make a POST of something else.
    redirect: 'error',
  });
}

function webhookBody(notification: Notification): string {
  return JSON.stringify({ version: 1, ...notification });
}

/** How many lines a telephone shows. */
const NTFY_LINES = 10;
/** A longer message becomes a file that is attached, in bytes: https://docs.ntfy.sh/publish. */
const NTFY_BYTES = 4000;

function ntfyBody({ count, series }: Notification): string {
  const lines: string[] = [];
  let bytes = 0;
  for (const { text } of series.slice(0, NTFY_LINES)) {
    bytes += Buffer.byteLength(text) + 1;
    if (bytes <= NTFY_BYTES) {
      lines.push(text);
    }
  }
  return [...lines, ...(count > lines.length ? [`and ${count - lines.length} more`] : [])].join('\n');
}

/** ntfy takes title, priority and tags as headers: https://docs.ntfy.sh/publish. A title beyond ASCII is RFC 2047. */
function ntfyHeaders({ text, state, severity }: Notification): Record<string, string> {
  const priority = state === 'resolved' ? 'default' : severity === 'critical' ? 'urgent' : 'high';
  const isAscii = /^[\x20-\x7e]*$/.test(text);
  return {
    Title: isAscii ? text : `=?UTF-8?B?${Buffer.from(text).toString('base64')}?=`,
    Priority: priority,
    Tags: state === 'resolved' ? 'white_check_mark' : severity === 'critical' ? 'rotating_light' : 'warning',
  };
}

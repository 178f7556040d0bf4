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
  readonly #waiting: Notification[] = [];
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

  add(notification: Notification): void {
    if (this.#waiting.length >= MAX_WAITING) {
      this.#failed(`${this.#name}: ${MAX_WAITING} alerts wait already, "${notification.text}" is not sent`);
      return;
    }
    this.#waiting.push(notification);
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
    });
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      await this.#deliver(next);
      this.#waiting.shift();
    }
  }

  async #deliver(notification: Notification): Promise<void> {
    const { signal } = this.#stop;
    for (let attempt = 0; !signal.aborted; attempt += 1) {
      const problem = await this.#attempt(notification);
      const wait = this.#waits[attempt];
      if (problem === null) {
        return;
      }
      if (wait === undefined || problem.isFinal) {
        this.#failed(`${this.#name}: "${notification.text}" was not taken: ${problem.message}`);
        return;
      }
      await pause(wait, signal);
    }
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
    const post = (url: string, body: string, headers: Record<string, string>, signal: AbortSignal) =>
      // An answer that leads elsewhere would make a POST of something else.
      fetch(url, { method: 'POST', body, headers, signal, redirect: 'error' });
    this.#senders = [
      ...(webhookUrl === undefined
        ? []
        : [
            new Sender(
              'webhook',
              (notification, signal) =>
                post(
                  webhookUrl,
                  JSON.stringify({ version: 1, ...notification }),
                  { 'Content-Type': 'application/json' },
                  signal,
                ),
              failed,
              waits,
            ),
          ]),
      ...(ntfyUrl === undefined
        ? []
        : [
            new Sender(
              'ntfy',
              (notification, signal) =>
                post(ntfyUrl, ntfyBody(notification), ntfyHeaders(notification), signal),
              failed,
              waits,
            ),
          ]),
    ];
  }

  /** Sends it in the background. */
  tell(notification: Notification): void {
    for (const sender of this.#senders) {
      sender.add(notification);
    }
  }

  /** Ends what is being sent. */
  async close(): Promise<void> {
    await Promise.all(this.#senders.map((sender) => sender.close()));
  }
}

/** How many lines a telephone shows. */
const NTFY_LINES = 10;

function ntfyBody({ count, series }: Notification): string {
  const lines = series.slice(0, NTFY_LINES).map(({ text }) => text);
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

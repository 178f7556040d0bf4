import { once } from 'node:events';
import { Agent, get, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Stage } from './page-stage.ts';

const WINDOWS = 'api/windows?stream=host&series=laptop/cpu&metric=usage&window=10s&from=0&to=1000';

let stage: Stage;
const agent = new Agent({ keepAlive: true });

beforeEach(async () => {
  stage = await Stage.open();
});

afterEach(async () => {
  agent.destroy();
  await stage.close();
});

/** A question whose answer is held back until `answer` is called. */
async function ask(): Promise<{ answer: () => void; answered: Promise<IncomingMessage> }> {
  let answer = (): void => undefined;
  const asked = new Promise<void>((resolve) => {
    vi.spyOn(stage.pipeline.history, 'windows').mockImplementation(() => {
      resolve();
      return new Promise((done) => {
        answer = () => {
          done([]);
        };
      });
    });
  });
  const answered = new Promise<IncomingMessage>((resolve, reject) => {
    get(stage.address(WINDOWS), { agent }, resolve).on('error', reject);
  });
  await asked;
  return { answer, answered };
}

async function stopListening(): Promise<void> {
  await vi.waitFor(() => {
    expect(stage.app.server.listening).toBe(false);
  });
}

it('an answer that is under way is given, and its connection closed after it', async () => {
  const { answer, answered } = await ask();
  const closed = stage.app.close();
  await stopListening();
  answer();
  const message = await answered;
  message.resume();
  await once(message, 'end');
  expect(message.statusCode).toBe(200);
  // Its client would keep the connection for a minute.
  await closed;
});

it('a connection that nobody has asked on yet holds nothing up', async () => {
  const { port } = new URL(stage.address());
  const socket = connect(Number(port), '127.0.0.1');
  await once(socket, 'connect');
  const gone = once(socket, 'close');
  await stage.app.close();
  await gone;
});

import { pause } from './backoff.ts';

/** Waits for an answer so many milliseconds at the longest; throws when it has not come, or when the signal fires. */
export async function limited<Answer>(
  answer: Promise<Answer>,
  milliseconds: number,
  signal: AbortSignal,
): Promise<Answer> {
  const limit = new AbortController();
  const late = pause(milliseconds, AbortSignal.any([limit.signal, signal])).then((): never => {
    throw new Error(signal.aborted ? 'closed' : `no answer within ${milliseconds / 1000} s`);
  });
  try {
    return await Promise.race([answer, late]);
  } finally {
    limit.abort();
    // Whichever comes second is of no interest any more.
    late.catch(() => undefined);
    answer.catch(() => undefined);
  }
}

import { useSignal, type Signal } from '@preact/signals';
import { useEffect } from 'preact/hooks';

/** What was asked for again and again. */
export interface Polled<Answer> {
  /** The newest answer; null before the first one. */
  readonly answer: Answer | null;
  /** Why the last question was not answered; empty when it was. */
  readonly problem: string;
}

/**
 * Asks at once and then at this interval, for as long as the component is shown and the page can be seen; at once again
 * when what is asked for, which `key` names, is something else. An answer to something else is not shown.
 */
export function usePoll<Answer>(
  ask: () => Promise<Answer>,
  interval: number,
  key = '',
): Signal<Polled<Answer>> {
  const polled = useSignal<Polled<Answer>>({ answer: null, problem: '' });
  useEffect(() => {
    let isOver = false;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const poll = async (): Promise<void> => {
      const found = await ask().then(
        (answer) => ({ answer, problem: '' }),
        (error: unknown) => ({
          answer: polled.peek().answer,
          problem: error instanceof Error ? error.message : String(error),
        }),
      );
      if (!isOver) {
        polled.value = found;
        timer = setTimeout(again, interval);
      }
    };
    const again = (): void => {
      timer = undefined;
      if (document.visibilityState === 'visible') {
        void poll();
      } else {
        document.addEventListener('visibilitychange', again, { once: true });
      }
    };
    polled.value = { answer: null, problem: '' };
    void poll();
    return () => {
      isOver = true;
      clearTimeout(timer);
      document.removeEventListener('visibilitychange', again);
    };
  }, [key]);
  return polled;
}

/**
 * Makes many calls for the same work into few: while it is under way, however many calls for it make it be done once
 * more, after that.
 */
export function coalesce(work: () => Promise<void>): () => Promise<void> {
  let calls = 0;
  let running: Promise<void> | undefined;
  const run = async (): Promise<void> => {
    try {
      for (let answered = 0; answered !== calls;) {
        answered = calls;
        await work();
      }
    } finally {
      running = undefined;
    }
  };
  return () => {
    calls += 1;
    running ??= run();
    return running;
  };
}

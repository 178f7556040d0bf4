import { signal } from '@preact/signals';
import type { Span } from '../selection.ts';
import { dashboard } from '../state.ts';

/** After the last turn of a wheel or touch of a key the span counts as chosen, in milliseconds. */
const SETTLE = 250;
/** Nothing shorter is shown, in milliseconds. */
const SHORTEST = 10_000;

/** The span that a hand is just moving; null when none is. */
export const preview = signal<Span | null>(null);
let timer: ReturnType<typeof setTimeout> | undefined;

/** The span that charts show. */
export function shownSpan(): Span {
  return preview.value ?? dashboard.span;
}

/** Shows a span at once, by what is known of it, and soon loads what it lacks. */
export function move(span: Span): void {
  preview.value = span;
  clearTimeout(timer);
  timer = setTimeout(settle, SETTLE);
}

function settle(): void {
  const span = preview.value;
  preview.value = null;
  if (span !== null) {
    dashboard.show(span);
  }
}

/** Shows a shorter or longer span around a time, which stays where it is. */
export function zoomAround(time: number, factor: number): void {
  const { from, to } = shownSpan();
  const length = Math.max(SHORTEST, (to - from) * factor);
  const share = Math.min(1, Math.max(0, (time - from) / (to - from)));
  move({ from: Math.max(0, time - share * length), to: time + (1 - share) * length });
}

/** Shows what is before or after, by a share of the span; nothing after now, or before the epoch. */
export function pan(share: number): void {
  const { from, to } = shownSpan();
  const by = Math.max(-from, Math.min(Math.round((to - from) * share), Math.max(0, dashboard.now() - to)));
  move({ from: from + by, to: to + by });
}

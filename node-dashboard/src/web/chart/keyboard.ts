import { dashboard } from '../state.ts';
import type { Plot } from './plot.ts';
import { pan, shownSpan, zoomAround } from './preview.ts';

/** A key moves the span by this share of it. */
const PAN = 0.25;
const ZOOM = 0.5;
/** Beyond the last point of any chart. */
const ALL = 1_000_000;

/** Keys of a chart: what they do, for people. */
export const KEYS =
  'Arrow keys move the cursor by a point or a line, Home and End to the first and last one; + and - zoom, Shift and ' +
  'an arrow pans, Space holds and goes on, Escape takes the cursor away';

/** Does what a key is for at a chart; returns what is to be said of it, null when there is nothing. */
export function onKey(event: KeyboardEvent, plot: Plot | null): string | null {
  if (event.ctrlKey || event.metaKey || event.altKey) {
    return null;
  }
  const action = event.shiftKey ? withShift(event.key) : undefined;
  const done = action ?? actionOf(event.key, plot);
  if (done === undefined) {
    return null;
  }
  event.preventDefault();
  event.stopPropagation();
  return done();
}

function withShift(key: string): (() => null) | undefined {
  const share = key === 'ArrowLeft' ? -PAN : key === 'ArrowRight' ? PAN : 0;
  return share === 0
    ? undefined
    : () => {
        pan(share);
        return null;
      };
}

function actionOf(key: string, plot: Plot | null): (() => string | null) | undefined {
  const zoom = (factor: number) => () => {
    const { from, to } = shownSpan();
    zoomAround(plot?.time ?? (from + to) / 2, factor);
    return null;
  };
  const step = (points: number, lines: number) => (): string =>
    plot?.step(points, lines) ?? 'there is nothing to walk on';
  const actions: Readonly<Record<string, () => string | null>> = {
    ArrowLeft: step(-1, 0),
    ArrowRight: step(1, 0),
    ArrowUp: step(0, -1),
    ArrowDown: step(0, 1),
    Home: step(-ALL, 0),
    End: step(ALL, 0),
    '+': zoom(ZOOM),
    '=': zoom(ZOOM),
    '-': zoom(1 / ZOOM),
    ' ': () => {
      dashboard.togglePause();
      return null;
    },
    Escape: () => {
      plot?.leave();
      return '';
    },
  };
  return Object.hasOwn(actions, key) ? actions[key] : undefined;
}

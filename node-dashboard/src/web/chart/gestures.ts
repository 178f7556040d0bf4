import type uPlot from 'uplot';
import { pan, shownSpan, zoomAround } from './preview.ts';

/** How far a turn of the wheel zooms: by pixels of scrolling. */
const WHEEL_ZOOM = 0.002;
/** A finger that moves less than this has tapped, in pixels. */
const TAP = 8;

/** A finger that rests for so long asks what is there, in milliseconds. */
const LONG_PRESS = 400;

/** Shows what is at a place, in pixels from the corner of the plot. */
export type Inspect = (left: number, top: number) => void;

/**
 * Zoom with the wheel and Control, which is also what two fingers on a touchpad are; pan with the wheel and Shift, or
 * sideways; with fingers on a screen, one pans and two zoom, and one that taps or rests asks what is there. A wheel
 * alone scrolls the page, as everywhere.
 */
export function followGestures(over: HTMLElement, plot: uPlot, inspect: Inspect): void {
  const timeAt = (clientX: number): number =>
    plot.posToVal(clientX - over.getBoundingClientRect().left, 'x') * 1000;
  over.addEventListener(
    'wheel',
    (event) => {
      const sideways = event.shiftKey && event.deltaX === 0 ? event.deltaY : event.deltaX;
      if (event.ctrlKey || event.metaKey) {
        event.preventDefault();
        zoomAround(timeAt(event.clientX), Math.exp(event.deltaY * WHEEL_ZOOM));
      } else if (event.shiftKey || Math.abs(sideways) > Math.abs(event.deltaY)) {
        event.preventDefault();
        pan(sideways / over.clientWidth);
      }
    },
    { passive: false },
  );
  followFingers(over, timeAt, inspect);
}

function followFingers(over: HTMLElement, timeAt: (clientX: number) => number, inspect: Inspect): void {
  const fingers = new Map<number, number>();
  let moved = 0;
  /** Whether a finger that rested walks through the points. */
  let isInspecting = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const ask = ({ clientX, clientY }: PointerEvent): void => {
    const { left, top } = over.getBoundingClientRect();
    inspect(clientX - left, clientY - top);
  };
  const end = ({ pointerId }: PointerEvent): void => {
    clearTimeout(timer);
    fingers.delete(pointerId);
    isInspecting &&= fingers.size > 0;
  };
  over.addEventListener('pointerdown', (event) => {
    const { pointerType, pointerId, clientX } = event;
    if (pointerType === 'touch') {
      moved = 0;
      fingers.set(pointerId, clientX);
      clearTimeout(timer);
      if (fingers.size === 1) {
        timer = setTimeout(() => {
          isInspecting = true;
          ask(event);
        }, LONG_PRESS);
      }
    }
  });
  over.addEventListener('pointermove', (event) => {
    const { pointerId, clientX } = event;
    const before = fingers.get(pointerId);
    if (before === undefined) {
      return;
    }
    moved += Math.abs(clientX - before);
    const other = [...fingers].find(([id]) => id !== pointerId)?.[1];
    fingers.set(pointerId, clientX);
    if (other !== undefined) {
      const factor = Math.abs(before - other) / Math.max(1, Math.abs(clientX - other));
      zoomAround(timeAt((clientX + other) / 2), Math.min(2, Math.max(0.5, factor)));
    } else if (isInspecting) {
      ask(event);
    } else if (moved > TAP) {
      clearTimeout(timer);
      const { from, to } = shownSpan();
      if (to > from) {
        pan((before - clientX) / over.clientWidth);
      }
    }
  });
  over.addEventListener('pointerup', (event) => {
    if (fingers.size === 1 && fingers.has(event.pointerId) && moved <= TAP) {
      ask(event);
    }
    end(event);
  });
  over.addEventListener('pointercancel', end);
  // What a browser offers for a long press would be in the way.
  over.addEventListener('contextmenu', (event) => {
    if (fingers.size > 0) {
      event.preventDefault();
    }
  });
}

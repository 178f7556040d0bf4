import type uPlot from 'uplot';
import { pan, shownSpan, zoomAround } from './preview.ts';

/** How far a turn of the wheel zooms: by pixels of scrolling. */
const WHEEL_ZOOM = 0.002;
/** A finger that moves less than this has tapped, in pixels. */
const TAP = 8;

/**
 * Zoom with the wheel and Control, which is also what two fingers on a touchpad are; pan with the wheel and Shift, or
 * sideways; with fingers on a screen, one pans and two zoom. A wheel alone scrolls the page, as everywhere.
 */
export function followGestures(over: HTMLElement, plot: uPlot): void {
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
  followFingers(over, timeAt);
}

function followFingers(over: HTMLElement, timeAt: (clientX: number) => number): void {
  const fingers = new Map<number, number>();
  let moved = 0;
  const end = ({ pointerId }: PointerEvent): void => {
    fingers.delete(pointerId);
  };
  over.addEventListener('pointerdown', ({ pointerType, pointerId, clientX }) => {
    if (pointerType === 'touch') {
      moved = 0;
      fingers.set(pointerId, clientX);
    }
  });
  over.addEventListener('pointermove', ({ pointerId, clientX }) => {
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
    } else if (moved > TAP) {
      const { from, to } = shownSpan();
      if (to > from) {
        pan((before - clientX) / over.clientWidth);
      }
    }
  });
  over.addEventListener('pointerup', end);
  over.addEventListener('pointercancel', end);
}

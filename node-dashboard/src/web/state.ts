import { signal } from '@preact/signals';
import { query } from './address.ts';
import { Dashboard } from './dashboard.ts';
import { drawInterval, repeat } from './motion.ts';

/** Drawing more often than this tells the eye nothing and costs a core. */
const DRAW_INTERVAL = 100;
const TICK_INTERVAL = 200;
/** Instead of both, for those who ask for less motion. */
const CALM_INTERVAL = 1000;
/** A window is still being resized for this long after its last change, in milliseconds. */
const RESIZE_DELAY = 500;
const PRUNE_INTERVAL = 10_000;
/** What a card takes at least for its margins and the value axis, in pixels. */
const CARD_MARGINS = 130;

const changes = signal(0);
const ticks = signal(0);

/** Whoever calls this is drawn again when there is something new to draw, at most some times a second. */
export function followChanges(): number {
  return changes.value;
}

/** Whoever calls this is drawn again some times a second, so that ages count on. */
export function followTicks(): number {
  return ticks.value;
}

/** How wide the widest chart is; its host says so. */
let chartsWidth = 0;
let drawing: ReturnType<typeof setTimeout> | undefined;
let lastDrawn = 0;

/** What the page knows; components that read it call `followChanges` or `followTicks`. */
export const dashboard = new Dashboard(drawSoon, () => Math.max(1, Math.floor(chartsWidth) - CARD_MARGINS));

/** The first change is drawn at once, and what comes right after it together. */
function drawSoon(): void {
  const interval = drawInterval(DRAW_INTERVAL, CALM_INTERVAL);
  drawing ??= setTimeout(
    () => {
      drawing = undefined;
      lastDrawn = performance.now();
      changes.value += 1;
    },
    Math.max(0, lastDrawn + interval - performance.now()),
  );
}

/** Says how many pixels wide the widest chart is. */
export function setChartsWidth(width: number): void {
  chartsWidth = width;
}

/** Starts what goes on for as long as the page is open. */
export function begin(): void {
  let resized: ReturnType<typeof setTimeout> | undefined;
  addEventListener('resize', () => {
    clearTimeout(resized);
    resized = setTimeout(() => {
      dashboard.resize();
    }, RESIZE_DELAY);
  });
  addEventListener('popstate', () => {
    query.value = location.search;
    dashboard.restore(location.search);
  });
  repeat(TICK_INTERVAL, CALM_INTERVAL, () => {
    ticks.value += 1;
  });
  setInterval(() => {
    dashboard.store.prune(dashboard.span.from);
  }, PRUNE_INTERVAL);
  void dashboard.start(location.search);
}

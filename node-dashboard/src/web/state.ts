import { batch, computed, signal } from '@preact/signals';
import { query } from './address.ts';
import { Dashboard } from './dashboard.ts';
import { drawInterval, repeat } from './motion.ts';

/** What changes by a click or an answer is shown at once, and what comes right after it together, in milliseconds. */
const DRAW_INTERVAL = 100;
/** New points are drawn in every other frame at most... */
const POINTS_INTERVAL = 30;
/** ...and written as words so often: nobody reads faster. */
const WORDS_INTERVAL = 250;
const TICK_INTERVAL = 200;
/** Instead of these, for those who ask for less motion. */
const CALM_INTERVAL = 1000;
/** A window is still being resized for this long after its last change, in milliseconds. */
const RESIZE_DELAY = 500;
const PRUNE_INTERVAL = 10_000;
/** What a card takes at least for its margins and the value axis, in pixels. */
const CARD_MARGINS = 130;

const changes = signal(0);
const points = signal(0);
const ticks = signal(0);
const seconds = computed(() => ticks.value && Math.floor(performance.now() / 1000));

/** Whoever calls this is drawn again when there is something new to say, at most some times a second. */
export function followChanges(): number {
  return changes.value;
}

/** Whoever calls this is drawn again when there are new points, all of them in the same frame. */
export function followPoints(): number {
  return points.value;
}

/** Whoever calls this is drawn again some times a second, so that ages count on. */
export function followTicks(): number {
  return ticks.value;
}

/** How wide the widest chart is; its host says so. */
let chartsWidth = 0;

/** Draws soon after the first call, and what comes right after it together, at the begin of a frame. */
function soon(interval: number, draw: () => void): () => void {
  let isWaiting = false;
  let last = -Infinity;
  const now = (): void => {
    isWaiting = false;
    last = performance.now();
    draw();
  };
  return () => {
    if (!isWaiting) {
      isWaiting = true;
      const rest = last + drawInterval(interval, CALM_INTERVAL) - performance.now();
      setTimeout(
        () => {
          nextFrame(now);
        },
        Math.max(0, rest),
      );
    }
  };
}

/** There are no frames where nobody can see them, but the title tells how things are. */
function nextFrame(callback: () => void): void {
  if (document.hidden) {
    callback();
  } else {
    requestAnimationFrame(callback);
  }
}

function sayChanges(): void {
  changes.value += 1;
}

const drawPointsSoon = soon(POINTS_INTERVAL, () => {
  points.value += 1;
});
const sayPointsSoon = soon(WORDS_INTERVAL, sayChanges);
const drawAllSoon = soon(DRAW_INTERVAL, () => {
  batch(() => {
    sayChanges();
    points.value += 1;
  });
});

/** Whoever calls this is drawn again once a second, for ages in long lists. */
export function followSeconds(): number {
  return seconds.value;
}

/** What the page knows; components that read it call `followChanges` or `followTicks`. */
export const dashboard = new Dashboard(
  (change) => {
    if (change === 'all') {
      drawAllSoon();
    } else {
      drawPointsSoon();
      sayPointsSoon();
    }
  },
  () => Math.max(1, Math.floor(chartsWidth) - CARD_MARGINS),
);

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

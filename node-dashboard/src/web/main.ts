import { Dashboard } from './dashboard.ts';
import { byId, element, setText } from './dom.ts';
import { formatAge, formatSpan } from './format.ts';
import { drawInterval, repeat } from './motion.ts';
import { panels } from './panels/index.ts';
import type { Offer } from './missing.ts';
import { RANGES, writeSelection, type Span } from './selection.ts';

/** Drawing more often than this tells the eye nothing and costs a core. */
const DRAW_INTERVAL = 250;
const TICK_INTERVAL = 200;
/** Instead of both, for those who ask for less motion. */
const CALM_INTERVAL = 1000;
/** A window is still being resized for this long after its last change, in milliseconds. */
const RESIZE_DELAY = 500;
const PRUNE_INTERVAL = 10_000;

/** What a card takes at least for its margins and the value axis, in pixels. */
const CARD_MARGINS = 130;
/** As in style.css. */
const TWO_COLUMNS = matchMedia('(min-width: 1100px)');

let drawPending = false;
const dashboard = new Dashboard(() => {
  if (!drawPending) {
    drawPending = true;
    setTimeout(draw, drawInterval(DRAW_INTERVAL, CALM_INTERVAL));
  }
}, chartWidth);

/** How many pixels wide the widest chart is at most: two stand side by side, unless their number is odd. */
function chartWidth(): number {
  const isPaired = TWO_COLUMNS.matches && (dashboard.stream?.metrics.length ?? 1) % 2 === 0;
  const card = byId('panels').clientWidth / (isPaired ? 2 : 1);
  return Math.max(1, Math.floor(card) - CARD_MARGINS);
}

let resized: ReturnType<typeof setTimeout> | undefined;
addEventListener('resize', () => {
  clearTimeout(resized);
  resized = setTimeout(() => {
    dashboard.resize();
  }, RESIZE_DELAY);
});

const mounted = panels.map((create) => {
  const host = element('div');
  byId('panels').append(host);
  return create(host, dashboard);
});

const selects = {
  stream: byId('stream') as HTMLSelectElement,
  window: byId('window') as HTMLSelectElement,
  range: byId('range') as HTMLSelectElement,
};

function draw(): void {
  drawPending = false;
  const { selection, streams, stream } = dashboard;
  fill(
    selects.stream,
    streams.map(({ name, title }) => [name, title]),
    selection.stream,
  );
  fill(selects.window, stream?.windows.map(({ label }) => [label, label]) ?? [], selection.window);
  fill(
    selects.range,
    RANGES.map(({ label, milliseconds }) => [String(milliseconds), label]),
    String(selection.range),
  );
  document.title = stream === undefined ? 'Freshet' : `${stream.title} · Freshet`;
  const notice = byId('notice');
  notice.hidden = dashboard.problem === '';
  setText(notice, dashboard.problem);
  offer(byId('offers'), dashboard.offers);
  byId('past').hidden = selection.span === undefined;
  setText(byId('span'), selection.span === undefined ? '' : spanText(selection.span, dashboard.now()));
  mounted.forEach((panel) => {
    panel.update();
  });
  tick();
}

/** A span of time with its zone. */
function spanText({ from, to }: Span, now: number): string {
  return `${formatSpan(from, to, now)} (${Intl.DateTimeFormat().resolvedOptions().timeZone})`;
}

function tick(): void {
  const { freshness, connection, store } = dashboard;
  const now = dashboard.now();
  const stale = freshness.isStale(now);
  Object.assign(document.body.dataset, {
    connection,
    points: String(store.points),
    newestEvent: String(freshness.newest),
    newestAge: String(Math.round(freshness.age(now))),
    stale: String(stale),
  });
  setText(byId('state'), stateText(stale));
  setText(byId('age'), freshness.newest === 0 ? '' : `newest point ${formatAge(freshness.age(now))} old`);
  mounted.forEach((panel) => {
    panel.tick?.();
  });
}

function stateText(stale: boolean): string {
  return {
    connecting: 'connecting…',
    lost: 'connection lost, trying again',
    live: stale ? 'stale' : 'live',
  }[dashboard.connection];
}

/** Links to what there is. */
function offer(list: HTMLElement, offers: readonly Offer[]): void {
  list.hidden = offers.length === 0;
  const known = JSON.stringify(offers);
  if (list.dataset.offers !== known) {
    list.dataset.offers = known;
    const links = offers.map(({ label, selection }) => {
      const link = element('a', '', label);
      link.href = writeSelection(selection);
      return link;
    });
    list.replaceChildren(element('span', '', 'There is:'), ...links);
  }
}

function fill(
  select: HTMLSelectElement,
  options: readonly (readonly [string, string])[],
  selected: string,
): void {
  const known = JSON.stringify(options);
  if (select.dataset.options !== known) {
    select.dataset.options = known;
    select.replaceChildren(...options.map(([value, label]) => new Option(label, value)));
  }
  select.value = selected;
}

selects.stream.addEventListener('change', () => {
  const stream = dashboard.streams.find(({ name }) => name === selects.stream.value);
  const window =
    stream?.windows.find(({ label }) => label === dashboard.selection.window) ?? stream?.windows[0];
  if (stream !== undefined && window !== undefined) {
    dashboard.select({ ...dashboard.selection, stream: stream.name, window: window.label, series: [] });
  }
});
selects.window.addEventListener('change', () => {
  dashboard.select({ ...dashboard.selection, window: selects.window.value });
});
selects.range.addEventListener('change', () => {
  const { stream, window, series } = dashboard.selection;
  dashboard.select({ stream, window, series, range: Number(selects.range.value) });
});

byId('back-to-live').addEventListener('click', () => {
  dashboard.backToLive();
});

addEventListener('popstate', () => {
  dashboard.restore(location.search);
});

repeat(TICK_INTERVAL, CALM_INTERVAL, tick);
setInterval(() => {
  dashboard.store.prune(dashboard.span.from);
}, PRUNE_INTERVAL);
void dashboard.start(location.search);

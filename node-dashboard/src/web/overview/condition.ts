import { computed, signal } from '@preact/signals';
import type { HealthAnswer } from '../../shared/api.ts';
import {
  LOSSES,
  verdictOf,
  type Condition,
  type Loss,
  type RecentLoss,
  type StreamCondition,
} from '../../shared/verdict.ts';
import { getHealth } from '../client.ts';
import { formatAge, formatClock, formatCount } from '../format.ts';
import { isUnwell, stateOf } from '../health-words.ts';
import { booksOf, jobOf } from '../pipeline/books.ts';
import { dashboard, followTicks } from '../state.ts';
import { alerts } from '../told.ts';
import { failedTile, loadTile, type TileData } from './tile-data.ts';

const HEALTH_AGAIN = 2000;
const TILES_AGAIN = 10_000;
const HOUR = 3_600_000;

/** What each stream's tile shows, by the stream's name. */
export const tiles = signal<ReadonlyMap<string, TileData>>(new Map());
const health = signal<HealthAnswer | null>(null);
const KINDS = Object.keys(LOSSES) as Loss[];
/** The first report of each component that this page has seen: counts of longer ago are known from there on. */
const firstSeen = new Map<string, HealthAnswer['components'][number]>();

/** Asks for the health of the pipeline and the newest windows of all streams, again and again. */
export function followCondition(): void {
  const askHealth = async (): Promise<void> => {
    if (!document.hidden || health.value === null) {
      health.value = await getHealth().catch(() => null);
      remember(health.value);
    }
    setTimeout(() => void askHealth(), HEALTH_AGAIN);
  };
  const askTiles = async (): Promise<void> => {
    if (!document.hidden || tiles.value.size === 0) {
      await Promise.all(dashboard.streams.map((stream) => askTile(stream.name)));
    }
    setTimeout(() => void askTiles(), dashboard.streams.length === 0 ? HEALTH_AGAIN / 4 : TILES_AGAIN);
  };
  void askHealth();
  void askTiles();
}

async function askTile(name: string): Promise<void> {
  const stream = dashboard.streams.find((one) => one.name === name);
  if (stream !== undefined) {
    const data = await loadTile(stream, Math.floor(dashboard.now()), tiles.value.get(name)).catch(
      (error: unknown) =>
        failedTile(tiles.value.get(name), error instanceof Error ? error.message : String(error)),
    );
    tiles.value = new Map([...tiles.value, [name, data]]);
  }
}

/** How things stand. */
export const verdict = computed(() => {
  followTicks();
  return verdictOf(condition(), { age: formatAge, count: formatCount });
});

function condition(): Condition {
  const answer = health.value;
  return {
    connection: dashboard.connection,
    streams: dashboard.streams.length === 0 ? null : dashboard.streams.map(({ name }) => conditionOf(name)),
    pipeline: answer === null ? null : pipelineCondition(answer),
    firing:
      alerts.value
        ?.filter(({ state, silenced_until }) => state === 'firing' && (silenced_until ?? 0) < dashboard.now())
        .map(({ name, series }) => `${name} (${series})`) ?? null,
  };
}

/** How a stream stands: by what is stored, and the one that is shown also by what comes in live. */
export function conditionOf(name: string): StreamCondition {
  const tile = tiles.value.get(name);
  const title = dashboard.streams.find((stream) => stream.name === name)?.title ?? name;
  const { freshness, selection } = dashboard;
  const isShown = name === selection.stream;
  const now = dashboard.now();
  const newest = Math.max(tile?.newest ?? 0, isShown ? freshness.newest : 0);
  const age = newest === 0 ? null : Math.max(0, now - newest);
  // What comes in live tells the rhythm of what is shown; of other streams only what is stored is known.
  const stale = isShown && freshness.newest > 0 ? freshness.isStale(now) : (age ?? 0) > (tile?.patience ?? 0);
  return {
    ...{ title, age, stale },
    problem: tile?.problem ?? '',
  };
}

function pipelineCondition({ components, kafka, cassandra, now }: HealthAnswer): Condition['pipeline'] {
  const unwell = components
    .filter(isUnwell)
    .map((component) =>
      [
        component.component,
        ...(component.stream === null ? [] : [component.stream]),
        'is',
        stateOf(component),
      ].join(' '),
    );
  return {
    unreachable: [kafka, cassandra].filter(({ connected }) => !connected).map(({ message }) => message),
    unwell,
    reporting: components.length,
    losses: KINDS.flatMap((kind) => recentLoss(kind, components, now)),
    unbalanced: dashboard.streams
      .filter(({ name }) => {
        const job = jobOf(components, name);
        return job !== undefined && (booksOf(job).unaccounted ?? 0) !== 0;
      })
      .map(({ title }) => title),
  };
}

/** What was lost within the last hour, or for as long as the page knows; nothing when no component tells. */
function recentLoss(kind: Loss, components: HealthAnswer['components'], now: number): RecentLoss[] {
  const counting = components.filter((component) => typeof component[kind] === 'number');
  if (counting.length === 0) {
    return [];
  }
  let [count, begin] = [0, now - HOUR];
  for (const component of counting) {
    const first = firstSeen.get(keyOf(component));
    const isYoung = now - component.since <= HOUR;
    const told = component[kind] ?? 0;
    count += told - (isYoung ? 0 : (first?.[kind] ?? told));
    begin = isYoung ? begin : Math.max(begin, first?.time ?? now);
  }
  return [{ kind, count, when: begin <= now - HOUR ? 'in the last hour' : `since ${formatClock(begin)}` }];
}

function remember(answer: HealthAnswer | null): void {
  for (const component of answer?.components ?? []) {
    const known = firstSeen.get(keyOf(component));
    if (known === undefined || component.time - known.time > HOUR) {
      firstSeen.set(keyOf(component), component);
    }
  }
}

/** A component that has started anew counts from zero. */
function keyOf({ component, instance, stream, since }: HealthAnswer['components'][number]): string {
  return JSON.stringify([component, instance, stream, since]);
}

import { sumOf } from '../../shared/numbers.ts';
import type { ComponentHealth, ConnectionHealth, HealthAnswer } from '../../shared/api.ts';
import type { Component } from '../../shared/generated/health.ts';
import type { PartHistory, PipelineAnswer } from '../../shared/pipeline-api.ts';
import { formatCount } from '../format.ts';
import { isUnwell, stateOf } from '../health-words.ts';

/** A place of the diagram: a component, or what lies between two. */
export interface Place {
  readonly name: string;
  /** What it does now, in words. */
  readonly state: string;
  readonly isWell: boolean;
}

/** The way from a place to the next. */
export interface Arrow {
  /** What goes that way. */
  readonly what: string;
  /** Per second, now and over time; null where it is not known. */
  readonly rate: number | null;
  readonly rates: readonly (number | null)[];
  /** How many are there that have not gone that way; undefined where nobody counts that. */
  readonly lag: number | null | undefined;
  readonly lags: readonly (number | null)[];
}

/** A place and the way that leads to it. */
export interface Step {
  readonly arrow: Arrow | null;
  readonly place: Place;
}

type Counter = 'records_in' | 'records_out';

/** The way of the data, from the producer on. */
export function stepsOf(health: HealthAnswer, past: PipelineAnswer | null): Step[] {
  const { components, kafka, cassandra } = health;
  const arrow = (component: Component, counter: Counter, what: string, hasLag: boolean): Arrow =>
    arrowOf(what, counter, hasLag, {
      components: components.filter((one) => one.component === component),
      parts: past?.parts.filter((part) => part.component === component) ?? [],
    });
  const part = (name: string, component: Component): Place => placeOf(name, components, component);
  return [
    { arrow: null, place: part('Producer', 'freshet-producer') },
    { arrow: arrow('freshet-producer', 'records_out', 'records', false), place: service('Kafka raw', kafka) },
    { arrow: arrow('spark-job', 'records_in', 'records', true), place: part('Spark', 'spark-job') },
    { arrow: arrow('spark-job', 'records_out', 'windows', false), place: service('Kafka windows', kafka) },
    {
      arrow: arrow('freshet-cassandra-writer', 'records_in', 'windows', true),
      place: part('Writer', 'freshet-cassandra-writer'),
    },
    {
      arrow: arrow('freshet-cassandra-writer', 'records_out', 'windows', false),
      place: service('Cassandra', cassandra),
    },
    {
      arrow: arrow('dashboard', 'records_in', 'windows live from Kafka', true),
      place: part('Dashboard', 'dashboard'),
    },
  ];
}

function arrowOf(
  what: string,
  counter: Counter,
  hasLag: boolean,
  of: {
    readonly components: readonly ComponentHealth[];
    readonly parts: readonly PartHistory[];
  },
): Arrow {
  // An instance that is silent has been replaced by another, or its work is not done.
  const speaking = of.components.filter(
    ({ stale, state, rates }) => !stale && !(state === 'ended' && rates === null),
  );
  return {
    what,
    rate: sumOf(speaking.map(({ rates }) => rates?.[counter] ?? null)),
    rates: sumsOf(of.parts.map((part) => part[counter])),
    lag: hasLag ? sumOf(speaking.map(({ lag }) => lag)) : undefined,
    lags: hasLag ? sumsOf(of.parts.map((part) => part.lag)) : [],
  };
}

function placeOf(name: string, components: readonly ComponentHealth[], component: Component): Place {
  const instances = components.filter((one) => one.component === component);
  if (instances.length === 0) {
    return { name, state: 'has not reported', isWell: false };
  }
  const unwell = instances.filter(isUnwell);
  const [first] = unwell;
  const all = [...new Set(instances.map(stateOf))].join(', ');
  if (first === undefined) {
    return { name, state: all, isWell: true };
  }
  const of =
    instances.length > 1 ? ` (${formatCount(unwell.length)} of ${formatCount(instances.length)})` : '';
  return { name, state: `${stateOf(first)}${of}`, isWell: false };
}

function service(name: string, { connected, message }: ConnectionHealth): Place {
  return { name, state: connected ? 'answers' : message, isWell: connected };
}

/** The sums at each place of some columns; null where one of the parts was silent. */
export function sumsOf(columns: readonly (readonly (number | null)[])[]): (number | null)[] {
  return (columns[0] ?? []).map((_, index) => sumOf(columns.map((column) => column[index] ?? null)));
}

import { sumOf } from '../shared/numbers.ts';
import type { ComponentHealth } from '../shared/api.ts';
import { STALE_AFTER } from '../shared/generated/health.ts';
import type { PartHistory } from '../shared/pipeline-api.ts';

/** How often the parts of the pipeline are looked at, and how many looks are remembered: half an hour. */
export const LOOK_INTERVAL = 5000;
export const LOOKS = 360;
/** No more parts than this are remembered, since reports come from whoever may write to the topic. */
const MAX_PARTS = 256;

type Field = Exclude<keyof PartHistory, 'component' | 'stream'>;
type Figures = Readonly<Record<Field, number | null>>;

const UNKNOWN: Figures = {
  records_in: null,
  records_out: null,
  bytes_in: null,
  bytes_out: null,
  lag: null,
};
const FIELDS = Object.keys(UNKNOWN) as Field[];

interface Look {
  readonly time: number;
  /** By part, what was known of it. */
  readonly parts: ReadonlyMap<string, Figures>;
}

/** What the parts of the pipeline did over time. */
export class PipelineHistory {
  readonly #components: (now: number) => readonly ComponentHealth[];
  readonly #looks: Look[] = [];
  #timer: NodeJS.Timeout | undefined;

  /** Takes what tells the components as they are. */
  constructor(components: (now: number) => readonly ComponentHealth[]) {
    this.#components = components;
  }

  /** Begins to look. */
  start(): void {
    this.#timer ??= setInterval(() => {
      this.look(Date.now());
    }, LOOK_INTERVAL);
  }

  /** Looks no more. */
  close(): void {
    clearInterval(this.#timer);
  }

  /** Remembers how the parts are now. */
  look(now: number): void {
    const instances = new Map<string, ComponentHealth[]>();
    for (const component of this.#components(now)) {
      const key = JSON.stringify([component.component, component.stream]);
      instances.set(key, [...(instances.get(key) ?? []), component]);
    }
    const parts = [...instances].slice(0, MAX_PARTS).map(([key, all]) => [key, together(all)] as const);
    this.#looks.push({ time: now, parts: new Map(parts) });
    this.#looks.splice(0, this.#looks.length - LOOKS);
  }

  /** What is remembered, oldest first. */
  columns(): { times: number[]; parts: PartHistory[] } {
    const keys = [...new Set(this.#looks.flatMap(({ parts }) => [...parts.keys()]))].slice(0, MAX_PARTS);
    const parts = keys.map((key) => {
      const [component, stream] = JSON.parse(key) as [string, string | null];
      const column = (field: Field) => this.#looks.map((look) => look.parts.get(key)?.[field] ?? null);
      const columns = Object.fromEntries(FIELDS.map((field) => [field, column(field)]));
      return { component, stream, ...(columns as Record<Field, (number | null)[]>) };
    });
    return { times: this.#looks.map(({ time }) => time), parts };
  }
}

/**
 * The figures of all instances of a part. Silent ones add nothing, as others have their work by then; but as long as
 * one that speaks does not tell a figure, nobody knows the sum.
 */
function together(instances: readonly ComponentHealth[]): Figures {
  const figures = instances
    .filter(({ age }) => age <= STALE_AFTER)
    .map(({ rates, lag }): Figures => ({ ...UNKNOWN, ...rates, lag }));
  const entries = FIELDS.map((field) => [field, sumOf(figures.map((each) => each[field]))] as const);
  return Object.fromEntries(entries) as Figures;
}

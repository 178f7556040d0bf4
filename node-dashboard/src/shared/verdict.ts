/** What is known of a stream when a verdict is made. */
export interface StreamCondition {
  readonly title: string;
  /** Milliseconds since the newest event; null when none is known. */
  readonly age: number | null;
  /** Whether that is older than its rhythm lets one expect. */
  readonly stale: boolean;
  /** Why nothing can be said of it; empty when something can. */
  readonly problem: string;
}

/** What records of a stream come to grief by, each by the name of its number in a health report. */
export const LOSSES = {
  rejected: { one: '1 record rejected', many: 'records rejected' },
  deleted_offsets: { one: '1 offset deleted unread', many: 'offsets deleted unread' },
  lost_offsets: { one: '1 offset lost with its topic', many: 'offsets lost with their topic' },
} as const;
export type Loss = keyof typeof LOSSES;

/** How many of one kind, and since when they are counted. */
export interface RecentLoss {
  readonly kind: Loss;
  readonly count: number;
  /** In words: `in the last hour`. */
  readonly when: string;
}

/** What a verdict is made of. */
export interface Condition {
  /** Whether what moves is heard: unless it is, everything may be older than it looks. */
  readonly connection: 'connecting' | 'live' | 'lost';
  /** The streams; null when the server has not told them yet. */
  readonly streams: readonly StreamCondition[] | null;
  /** What the pipeline says of itself; null when it is not known. */
  readonly pipeline: {
    /** Kafka and Cassandra, when they do not answer. */
    readonly unreachable: readonly string[];
    /** Components that are silent, wait or start again, each with what it does. */
    readonly unwell: readonly string[];
    /** How many components report. */
    readonly reporting: number;
    /** What was lost of late; kinds that no component tells of are left out. */
    readonly losses: readonly RecentLoss[];
    /** Titles of the streams whose books do not balance. */
    readonly unbalanced: readonly string[];
  } | null;
  /** Names of the alerts that fire and are not silenced; null when alerts are not known. */
  readonly firing: readonly string[] | null;
}

/** How things stand. */
export interface Verdict {
  /** Trouble wants somebody to look; what is unknown is not healthy. */
  readonly level: 'good' | 'unknown' | 'trouble';
  /** What there is to say, the worst first. */
  readonly texts: readonly string[];
}

const MAX_NAMED = 3;

/** How a verdict writes its figures: as whoever shows it writes all others. */
export interface Figures {
  /** How old something is, of milliseconds. */
  readonly age: (milliseconds: number) => string;
  /** How many there are of something. */
  readonly count: (count: number) => string;
}

/** Says how things stand, in words. */
export function verdictOf(condition: Condition, figures: Figures): Verdict {
  const trouble = [
    ...(condition.firing ?? []).map((name) => `alert ${name} is firing`),
    ...(condition.connection === 'lost' ? ['the live edge is lost: what is shown may be old'] : []),
    ...(condition.pipeline?.unreachable ?? []),
    ...lateTexts(condition.streams ?? [], figures),
    ...(condition.pipeline?.unwell ?? []),
    ...(condition.pipeline?.unbalanced ?? []).map((title) => `the books of ${title} do not balance`),
    ...(condition.pipeline?.losses ?? []).flatMap((loss) => lossText(loss, figures)),
  ];
  const unknown = unknownTexts(condition, figures);
  if (trouble.length > 0) {
    return { level: 'trouble', texts: [...trouble, ...unknown] };
  }
  return unknown.length > 0
    ? { level: 'unknown', texts: unknown }
    : { level: 'good', texts: ['everything is live'] };
}

function lateTexts(streams: readonly StreamCondition[], { age }: Figures): string[] {
  return streams.flatMap((stream) =>
    stream.stale && stream.age !== null ? [`${stream.title} is ${age(stream.age)} late`] : [],
  );
}

function lossText({ kind, count, when }: RecentLoss, figures: Figures): string[] {
  const { one, many } = LOSSES[kind];
  return count === 0 ? [] : [`${count === 1 ? one : `${figures.count(count)} ${many}`} ${when}`];
}

function unknownTexts({ connection, streams, pipeline }: Condition, { count }: Figures): string[] {
  if (streams === null) {
    return ['nothing is known yet'];
  }
  const silent = streams.filter(({ age, problem }) => age === null && problem === '');
  const failed = streams.filter(({ age, problem }) => age === null && problem !== '');
  return [
    ...(connection === 'connecting' ? ['connecting…'] : []),
    ...failed.map(({ title, problem }) => `nothing is known of ${title}: ${problem}`),
    ...(silent.length === 0
      ? []
      : [
          `nothing has come in yet for ${named(
            silent.map(({ title }) => title),
            count,
          )}`,
        ]),
    ...(pipeline === null ? ['nothing is known of the pipeline'] : []),
    ...(pipeline?.reporting === 0 ? ['no component of the pipeline has reported yet'] : []),
  ];
}

function named(names: readonly string[], count: Figures['count']): string {
  const more = names.length > MAX_NAMED ? ` and ${count(names.length - MAX_NAMED)} more` : '';
  return `${names.slice(0, MAX_NAMED).join(', ')}${more}`;
}

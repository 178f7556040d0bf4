import type { Trace } from 'plotly.js-basic-dist-min';
import type { ComponentChildren, VNode } from 'preact';
import { useMemo } from 'preact/hooks';
import type { PointValue } from '../../shared/merge.ts';
import { Heat } from '../heat/heat.ts';
import { HeatMap } from '../heat/heat-map.tsx';
import { formatCalendarDay, formatClock, formatCount, formatTimeOfDay } from '../format.ts';
import { formatQuantity } from '../units.ts';
import { zone } from '../reader.ts';
import { offsetsOf, wallTime } from './clock.ts';
import { Plot } from './plot.tsx';
import type { Alignment } from '../../shared/alignment.ts';
import { byDay, correlationWords, matched, meanDifference, moved, pearson, withGaps } from './statistics.ts';

const BLUE = '#1f83e0';
const ORANGE = '#e8710a';
const HOUR = 3_600_000;

/** Points of one series and metric. */
export interface Line {
    readonly name: string;
    readonly unit: string;
    readonly points: readonly PointValue[];
    /** Distance of two points, in milliseconds, but for what clocks are set. */
    readonly step: number;
    /** The kind of window that they are of. */
    readonly window: Alignment;
}

/** A card with a title, a chart and what the chart says in words. */
function View({
    id,
    title,
    words,
    children,
}: {
    readonly id: string;
    readonly title: string;
    readonly words: string;
    readonly children: ComponentChildren;
}): VNode {
    return (
        <section class="card" aria-labelledby={`${id}-title`} id={id}>
            <header>
                <h2 id={`${id}-title`}>{title}</h2>
            </header>
            {children}
            <p class="unit" id={`${id}-words`}>
                {words}
            </p>
        </section>
    );
}

function lineOf(
    { points, step }: Line,
    name: string,
    valueOf: (point: PointValue) => number | null,
    more: Readonly<Record<string, unknown>>,
): Trace {
    const { starts, values } = withGaps(points, step, valueOf);
    const offset = offsetsOf(zone.value);
    return {
        type: 'scatter',
        mode: 'lines+markers',
        marker: { size: 3 },
        x: starts.map((start) => wallTime(start, offset)),
        y: values,
        name,
        ...more,
    };
}

/** How the readings of each window are spread, from its percentiles. */
export function Distribution({ line }: { readonly line: Line }): VNode {
    const { points, unit, name } = line;
    // The newest windows are never merged: a line of these alone would tell of the whole range what is so of its end.
    const hasPercentiles = points.every(({ p50 }) => p50 !== null);
    const traces = useMemo(() => {
        const thin = { line: { color: BLUE, width: 1, dash: 'dot' } };
        const inner = hasPercentiles
            ? [
                  lineOf(line, '95th percentile', ({ p95 }) => p95, { line: { color: ORANGE, width: 1 } }),
                  lineOf(line, 'median', ({ p50 }) => p50, { line: { color: BLUE, width: 2 } }),
                  lineOf(line, '99th percentile', ({ p99 }) => p99, { line: { color: '#d93a6a', width: 1 } }),
              ]
            : [lineOf(line, 'average', ({ avg }) => avg, { line: { color: BLUE, width: 2 } })];
        return [
            ...inner,
            lineOf(line, 'greatest', ({ max }) => max, thin),
            lineOf(line, 'least', ({ min }) => min, thin),
        ];
    }, [line, hasPercentiles, zone.value]);
    const newest = points.at(-1);
    const words =
        newest === undefined
            ? 'there is no window in this range'
            : hasPercentiles
              ? `${formatCount(points.length)} windows; in the newest half of the readings are below ` +
                `${told(newest.p50, unit)}, 95 % below ${told(newest.p95, unit)}, 99 % below ${told(newest.p99, unit)}`
              : 'percentiles of merged windows are not known: choose a shorter range, or a longer window';
    return (
        <View id="distribution" title={`Distribution over time: ${name}`} words={words}>
            <Plot traces={traces} label={`percentiles of ${name} over time`} />
        </View>
    );
}

function told(value: number | null, unit: string): string {
    return value === null ? 'an unknown value' : formatQuantity(value, unit);
}

/** A range and the same range a day or a week before. */
export function Comparison({
    line,
    before,
    shift,
    what,
}: {
    readonly line: Line;
    readonly before: readonly PointValue[];
    readonly shift: number;
    readonly what: string;
}): VNode {
    const earlier = useMemo(() => moved(before, shift, line.window), [before, shift, line]);
    const traces = useMemo(
        () => [
            lineOf({ ...line, points: earlier }, what, ({ avg }) => avg, {
                line: { color: ORANGE, width: 1.5, dash: 'dash' },
            }),
            lineOf(line, 'now', ({ avg }) => avg, { line: { color: BLUE, width: 2 } }),
        ],
        [line, earlier, what, zone.value],
    );
    const difference = meanDifference(line.points, earlier);
    const pairs = matched(line.points, earlier).length;
    const words =
        difference === null
            ? `no window of ${what} has a counterpart in this range`
            : `on average ${formatQuantity(Math.abs(difference), line.unit)} ` +
              `${difference < 0 ? 'less' : 'more'} than ${what}, over ${formatCount(pairs)} windows that both have`;
    return (
        <View id="comparison" title={`${line.name}, compared with ${what}`} words={words}>
            <Plot traces={traces} label={`averages of ${line.name} now and ${what}`} />
        </View>
    );
}

/** Two lines against each other, window by window. */
export function Correlation({ first, second }: { readonly first: Line; readonly second: Line }): VNode {
    const pairs = useMemo(() => matched(first.points, second.points), [first, second]);
    const traces = useMemo(
        (): Trace[] => [
            {
                ...{ type: 'scatter', mode: 'markers', marker: { color: BLUE, size: 6, opacity: 0.6 } },
                ...{ x: pairs.map(({ x }) => x), y: pairs.map(({ y }) => y) },
                ...{ text: pairs.map(({ start }) => formatClock(start)), name: 'windows', showlegend: false },
            },
        ],
        [pairs],
    );
    const layout = useMemo(
        () => ({
            xaxis: { title: { text: first.name }, automargin: true, gridcolor: 'rgba(128,128,128,0.25)' },
            yaxis: { title: { text: second.name }, automargin: true, gridcolor: 'rgba(128,128,128,0.25)' },
        }),
        [first.name, second.name],
    );
    return (
        <View
            id="correlation"
            title={`Correlation of ${first.name} and ${second.name}`}
            words={correlationWords(pearson(pairs), pairs.length)}
        >
            <Plot traces={traces} layout={layout} label={`${second.name} against ${first.name}`} />
        </View>
    );
}

/** By day and hour: what is usual when. */
export function DayHeat({ line }: { readonly line: Line }): VNode {
    const place = zone.value;
    const { heat, names } = useMemo(() => {
        const offsetAt = offsetsOf(place);
        const { days, slots, averages } = byDay(line.points, HOUR, offsetAt);
        const made = new Heat(slots.length);
        const titles = days.map(formatCalendarDay);
        made.take({ series: titles, past: { starts: slots, avg: averages } });
        return { heat: made, names: titles };
    }, [line, place]);
    return (
        <View
            id="days"
            title={`By day and hour: ${line.name}`}
            words={
                names.length < 2
                    ? 'choose a longer range to see more days'
                    : `${formatCount(names.length)} days, from top to bottom`
            }
        >
            <HeatMap
                {...{ heat, unit: line.unit, series: names }}
                describe={(day, start) => `${day}, ${formatTimeOfDay(start)}`}
            />
        </View>
    );
}

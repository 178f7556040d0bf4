import { isGap } from '../../shared/alignment.ts';
import type { VNode } from 'preact';

const WIDTH = 120;
const HEIGHT = 28;
const MARGIN = 2;

interface SparkProperties {
    /** The value at each start, in milliseconds. */
    readonly values: ReadonlyMap<number, number>;
    readonly span: { readonly from: number; readonly to: number };
    /** Two values that are further apart have something missing between them. */
    readonly step: number;
}

/** How a value came about, without axes; what is missing is left out. */
export function Spark({ values, span, step }: SparkProperties): VNode {
    return (
        <svg
            class="spark"
            viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
            width={WIDTH}
            height={HEIGHT}
            aria-hidden="true"
        >
            <path d={sparkPath(values, span, step)} fill="none" stroke="currentColor" stroke-width="1.5" />
        </svg>
    );
}

/** The path of a line through the values; a value without neighbours is a dot. */
export function sparkPath(
    values: ReadonlyMap<number, number>,
    { from, to }: SparkProperties['span'],
    step: number,
): string {
    const all = [...values].sort(([a], [b]) => a - b);
    const least = Math.min(...values.values());
    const height = Math.max(...values.values()) - least;
    const x = (start: number): string => (((start - from) / (to - from)) * WIDTH).toFixed(1);
    const y = (value: number): string =>
        (HEIGHT - MARGIN - (height === 0 ? 0.5 : (value - least) / height) * (HEIGHT - 2 * MARGIN)).toFixed(
            1,
        );
    return all
        .map(([start, value], index) => {
            const isConnected = !isGap(start - (all[index - 1]?.[0] ?? -Infinity), step);
            return isConnected ? `L${x(start)} ${y(value)}` : `M${x(start)} ${y(value)}h0.8`;
        })
        .join('');
}

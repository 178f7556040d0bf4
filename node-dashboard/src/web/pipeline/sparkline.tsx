import type { VNode } from 'preact';
import { sparklinePath } from './sparkline-path.ts';

const WIDTH = 100;
const HEIGHT = 24;

/** A small line over time; where a value is not known there is a gap. */
export function Sparkline({
    values,
    label,
}: {
    readonly values: readonly (number | null)[];
    readonly label: string;
}): VNode {
    return (
        <svg
            class="sparkline"
            viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
            preserveAspectRatio="none"
            role="img"
            aria-label={label}
        >
            <path d={sparklinePath(values, WIDTH, HEIGHT)} vector-effect="non-scaling-stroke" />
        </svg>
    );
}

import type { VNode } from 'preact';
import { spanProblem } from '../told.ts';

/** Why the charts lack the marks of what happened, or of what is unusual. */
export function SpanProblem(): VNode {
    return (
        <p class="notice" id="span-problem" role="status" hidden={spanProblem.value === ''}>
            {spanProblem}
        </p>
    );
}

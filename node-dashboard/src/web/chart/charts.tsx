import type { VNode } from 'preact';
import { dashboard, followChanges } from '../state.ts';
import { Chart } from './chart.tsx';
import { KEYS } from './keyboard.ts';
import { SpanProblem } from './span-problem.tsx';
import { chartsToShow } from './specs.ts';
import { ViewControls } from './view-controls.tsx';

/** The charts of the stream, and how they show it. */
export function Charts(): VNode {
    followChanges();
    const specs = chartsToShow(dashboard);
    return (
        <>
            {specs.length > 0 && <ViewControls />}
            <SpanProblem />
            <div class="charts">
                {specs.map((spec) => (
                    <Chart
                        key={`${dashboard.selection.stream} ${spec.key}`}
                        spec={spec}
                        isAlone={specs.length === 1}
                    />
                ))}
            </div>
            {specs.length > 0 && (
                <details class="keys">
                    <summary>Keys and gestures</summary>
                    <p class="unit">{`${KEYS}. Drag over a chart, or turn the wheel with Control, to zoom.`}</p>
                </details>
            )}
        </>
    );
}

import type { VNode } from 'preact';
import { useLayoutEffect, useRef } from 'preact/hooks';
import { parameter } from './address.ts';
import { Chart } from './chart/chart.tsx';
import { SpanProblem } from './chart/span-problem.tsx';
import { chartsOf } from './chart/specs.ts';
import { Notice } from './shell/notice.tsx';
import { Status } from './shell/status.tsx';
import { dashboard, followChanges, setChartsWidth } from './state.ts';

/** One chart, for another page: that of the metric that the address names, or the first one. */
export function EmbeddedChart(): VNode {
    followChanges();
    const host = useRef<HTMLElement>(null);
    useLayoutEffect(() => {
        setChartsWidth(host.current?.clientWidth ?? 0);
    });
    const specs = chartsOf(dashboard.stream);
    const wanted = parameter('metric');
    const spec = wanted === '' ? specs[0] : specs.find(({ metrics }) => metrics.includes(wanted));
    return (
        <main class="embedded" ref={host}>
            <h1 class="unseen">{`Freshet: ${spec?.title ?? dashboard.selection.stream}`}</h1>
            <Notice />
            <SpanProblem />
            {spec !== undefined && <Chart spec={spec} isAlone={true} />}
            {spec === undefined && specs.length > 0 && (
                <p class="empty">{`stream ${dashboard.selection.stream} has no metric "${wanted}"`}</p>
            )}
            <Status />
        </main>
    );
}

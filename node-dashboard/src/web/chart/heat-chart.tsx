import { useSignal } from '@preact/signals';
import type { ComponentType, VNode } from 'preact';
import { useEffect } from 'preact/hooks';
import { endAfter } from '../../shared/alignment.ts';
import type { HeatMapProperties } from '../heat/heat-map.tsx';
import { formatCount, formatMoment, formatSpan } from '../format.ts';
import { dashboard } from '../state.ts';
import { STATISTICS } from '../view.ts';
import { heatValuesOf } from './heat-values.ts';
import type { Scene } from './scene.ts';

/** A chart as a heat map: a row for each line, which stay apart however many there are. */
export function HeatChart({ scene }: { readonly scene: Scene }): VNode {
    const loaded = useSignal<{ readonly Map: ComponentType<HeatMapProperties> } | null>(null);
    const problem = useSignal('');
    useEffect(() => {
        import('../heat/heat-map.tsx').then(
            ({ HeatMap }) => {
                loaded.value = { Map: HeatMap };
            },
            () => {
                problem.value = 'the heat map could not be loaded: the dashboard server does not answer';
            },
        );
    }, []);
    if (loaded.value === null) {
        return <p class="empty">{problem.value === '' ? 'loading…' : problem}</p>;
    }
    const { Map: HeatMap } = loaded.value;
    const { from, to } = dashboard.span;
    const now = dashboard.now();
    const lines = scene.lines.filter(({ series }) => !scene.hidden.has(series));
    const heat = heatValuesOf(scene, dashboard.span, dashboard.resolution.step, dashboard.resolution.window);
    return (
        <div class="heat-chart">
            <HeatMap
                heat={heat}
                series={lines.map(({ key }) => key)}
                unit={scene.statistic === 'count' ? '' : scene.spec.unit}
                what={`${STATISTICS[scene.statistic]}, as colours,`}
                describe={(key, start) =>
                    `${key}, ${formatSpan(start, endAfter(dashboard.resolution.window, start, heat.width), now)}`
                }
                onChoose={(key) => {
                    const line = lines.find((one) => one.key === key);
                    if (line !== undefined) {
                        dashboard.select({ ...dashboard.selection, series: [line.series] });
                    }
                }}
                axis={[formatMoment(from, now), formatMoment(to, now)]}
            />
            {heat.each > 1 && (
                <p class="unit">{`each column stands for ${formatCount(heat.each)} windows, and shows the greatest`}</p>
            )}
        </div>
    );
}

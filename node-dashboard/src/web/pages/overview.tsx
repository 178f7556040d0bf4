import type { VNode } from 'preact';
import { useLayoutEffect, useRef } from 'preact/hooks';
import { Island } from '../panels/island.tsx';
import { pipelinePanel } from '../panels/pipeline.ts';
import { seriesPanel } from '../panels/series.ts';
import { Charts } from '../chart/charts.tsx';
import { chartsToShow } from '../chart/specs.ts';
import { Tiles } from '../overview/tiles.tsx';
import { VerdictLine } from '../overview/verdict-line.tsx';
import { dashboard, setChartsWidth } from '../state.ts';

/** As in style.css. */
const TWO_COLUMNS = matchMedia('(min-width: 1100px)');

/** The first page: the charts of the stream, its series, and the parts of the pipeline. */
export function Overview(): VNode {
    const host = useRef<HTMLDivElement>(null);
    useLayoutEffect(() => {
        const tell = (): void => {
            const isPaired = TWO_COLUMNS.matches && chartsToShow(dashboard).length % 2 === 0;
            setChartsWidth((host.current?.clientWidth ?? 0) / (isPaired ? 2 : 1));
        };
        tell();
        const observer = new ResizeObserver(tell);
        if (host.current !== null) {
            observer.observe(host.current);
        }
        return () => {
            observer.disconnect();
        };
    }, []);
    return (
        <div class="panels" id="panels" ref={host}>
            <VerdictLine />
            <Tiles />
            <Charts />
            <Island create={seriesPanel} />
            <Island create={pipelinePanel} />
        </div>
    );
}

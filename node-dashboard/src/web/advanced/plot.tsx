import { useSignal } from '@preact/signals';
import type { Trace } from 'plotly.js-basic-dist-min';
import type { VNode } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { theme } from '../theme.ts';
import { loadPlotly } from './load-plotly.ts';

interface PlotProperties {
    readonly traces: readonly Trace[];
    readonly label: string;
    readonly layout?: Readonly<Record<string, unknown>>;
}

const HEIGHT = 300;

/** A chart of Plotly, which is loaded when the first one is shown. */
export function Plot({ traces, label, layout = {} }: PlotProperties): VNode {
    const host = useRef<HTMLDivElement>(null);
    const problem = useSignal('');
    const colours = theme.value;
    useEffect(() => {
        let isOver = false;
        const draw = async (): Promise<void> => {
            const plotly = await loadPlotly();
            if (!isOver && host.current !== null) {
                await plotly.react(host.current, traces, { ...layoutOf(host.current), ...layout }, CONFIG);
            }
        };
        const tell = (error: unknown): void => {
            problem.value = `the chart cannot be drawn: ${error instanceof Error ? error.message : String(error)}`;
        };
        const again = (): void => {
            draw().catch(tell);
        };
        again();
        const observer = new ResizeObserver(again);
        if (host.current !== null) {
            observer.observe(host.current);
        }
        return () => {
            isOver = true;
            observer.disconnect();
        };
    }, [traces, layout, colours]);
    useEffect(() => {
        const element = host.current;
        return () => {
            void loadPlotly().then((plotly) => {
                if (element !== null) {
                    plotly.purge(element);
                }
            });
        };
    }, []);
    return (
        <>
            {problem.value !== '' && (
                <p class="empty" role="alert">
                    {problem.value}
                </p>
            )}
            <div class="plotly-host" role="img" aria-label={label} ref={host} />
        </>
    );
}

/** Its bar of buttons would bring an inline style sheet of its own; a double click shows all again without it. */
const CONFIG = { displayModeBar: false };

/** The colours of the page, as they are now. */
function layoutOf(host: HTMLElement): Record<string, unknown> {
    const styles = getComputedStyle(host);
    const colour = (name: string): string => styles.getPropertyValue(name).trim();
    // Each axis gets an object of its own: Plotly writes into it what kind of axis it has found.
    const axis = () => ({ gridcolor: colour('--line'), zerolinecolor: colour('--line'), automargin: true });
    return {
        ...{ width: Math.max(200, host.clientWidth), height: HEIGHT, margin: { l: 50, r: 12, t: 8, b: 36 } },
        ...{ paper_bgcolor: 'rgba(0,0,0,0)', plot_bgcolor: 'rgba(0,0,0,0)' },
        ...{ font: { color: colour('--text'), size: 12 }, hovermode: 'closest' },
        ...{ xaxis: axis(), yaxis: axis(), legend: { orientation: 'h', y: -0.18 }, showlegend: true },
    };
}

import { useSignal } from '@preact/signals';
import type { VNode } from 'preact';
import { formatSpan } from '../format.ts';
import { dashboard } from '../state.ts';
import { STATISTICS } from '../view.ts';
import type { Scene } from './scene.ts';
import { csvOf, pngOf, save } from './take-away.ts';

interface TakeAwayProperties {
    readonly scene: Scene;
    /** What is drawn on now. */
    readonly canvas: () => HTMLCanvasElement | null;
    readonly isTable: boolean;
    readonly onTable: () => void;
}

/** Takes away what a chart shows: as a table, as CSV, as a picture. */
export function TakeAway({ scene, canvas, isTable, onTable }: TakeAwayProperties): VNode {
    const problem = useSignal('');
    const { title } = scene.spec;
    const name = `${dashboard.selection.stream}-${title}`;
    const savePicture = async (): Promise<void> => {
        const { from, to } = dashboard.span;
        const what = `${title}, ${STATISTICS[scene.statistic]}, ${formatSpan(from, to, dashboard.now())}`;
        try {
            const drawn = canvas();
            if (drawn !== null) {
                save(await pngOf(drawn, what, scene), `${name}.png`);
            }
            problem.value = '';
        } catch (error) {
            problem.value = error instanceof Error ? error.message : String(error);
        }
    };
    return (
        <span class="take-away" role="group" aria-label={`Take away ${title}`}>
            <button type="button" aria-pressed={isTable} aria-label={`Table of ${title}`} onClick={onTable}>
                Table
            </button>
            <button
                type="button"
                aria-label={`${title} as CSV`}
                onClick={() => {
                    save(new Blob([csvOf(scene)], { type: 'text/csv' }), `${name}.csv`);
                }}
            >
                CSV
            </button>
            <button type="button" aria-label={`${title} as PNG`} onClick={() => void savePicture()}>
                PNG
            </button>
            {problem.value !== '' && <span role="alert">{problem}</span>}
        </span>
    );
}

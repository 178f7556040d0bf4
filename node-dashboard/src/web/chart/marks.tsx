import type { VNode } from 'preact';
import { formatCount, formatMoment } from '../format.ts';
import { dashboard } from '../state.ts';
import { alerts, unusual } from '../told.ts';
import { judgedText } from '../unusual.ts';
import { alertsOf } from './overlays.ts';
import type { Scene } from './scene.ts';

/** What is marked in a chart, in words, and the alerts of it that are not over. */
export function Marks({ scene: { marks, spec, lines, hidden } }: { readonly scene: Scene }): VNode | null {
    const open = alertsOf(alerts.value ?? [], dashboard.selection.stream, spec);
    const judged = judgedText(
        lines.filter(({ series }) => !hidden.has(series)),
        unusual.value.leftOut,
    );
    if (marks.length === 0 && open.length === 0 && judged === '') {
        return null;
    }
    const now = dashboard.now();
    return (
        <div class="marks">
            {open.map(({ name, series, state, text }) => (
                <p key={`${name} ${series}`} class="told warning">{`${state}: ${name}: ${text}`}</p>
            ))}
            {judged !== '' && <p class="unit">{judged}</p>}
            {marks.length > 0 && (
                <details>
                    <summary>{marks.length === 1 ? '1 mark' : `${formatCount(marks.length)} marks`}</summary>
                    <ul>
                        {marks.map(({ at, text }) => (
                            <li key={`${at} ${text}`}>{`${formatMoment(at, now)} ${text}`}</li>
                        ))}
                    </ul>
                </details>
            )}
        </div>
    );
}

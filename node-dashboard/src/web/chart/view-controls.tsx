import type { VNode } from 'preact';
import { AddNote } from './add-note.tsx';
import { setParameters } from '../address.ts';
import { formatCount } from '../format.ts';
import { Choice } from '../shell/choice.tsx';
import { BANDS, DRAWINGS, RANKS, STATISTICS, TOPS, view } from '../view.ts';

/** What the charts draw of each window, and which lines stand out. */
export function ViewControls(): VNode {
    const { draw, statistic, band, top, by, hidden } = view.value;
    return (
        <div class="view" role="group" aria-label="How the charts show it">
            <Choice
                label="Draw"
                id="draw"
                options={Object.entries(DRAWINGS)}
                value={draw}
                onChoose={(value) => {
                    setParameters({ draw: value === 'lines' ? '' : value });
                }}
            />
            <Choice
                label="Value"
                id="statistic"
                options={Object.entries(STATISTICS)}
                value={statistic}
                onChoose={(value) => {
                    setParameters({ statistic: value === 'avg' ? '' : value });
                }}
            />
            <Choice
                label="Min–max band"
                id="band"
                options={Object.entries(BANDS)}
                value={band}
                onChoose={(value) => {
                    setParameters({ band: value === 'one' ? '' : value });
                }}
            />
            <Choice
                label="Stand out"
                id="top"
                options={[['', 'all'], ...TOPS.map((count) => [String(count), `top ${count}`] as const)]}
                value={top === 0 ? '' : String(top)}
                onChoose={(value) => {
                    setParameters({ top: value });
                }}
            />
            <Choice
                label="by"
                id="by"
                options={Object.entries(RANKS)}
                value={by}
                onChoose={(value) => {
                    setParameters({ by: value === 'value' ? '' : value });
                }}
            />
            {hidden.size > 0 && (
                <button
                    type="button"
                    onClick={() => {
                        setParameters({ hide: '' });
                    }}
                >
                    {`Show ${formatCount(hidden.size)} hidden`}
                </button>
            )}
            <AddNote />
        </div>
    );
}

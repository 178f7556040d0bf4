import type { VNode } from 'preact';
import { AddNote } from './add-note.tsx';
import { addressWith, setParameters } from '../address.ts';
import { formatCount } from '../format.ts';
import { Choice } from '../shell/choice.tsx';
import { dashboard, followChanges } from '../state.ts';
import { view } from '../current-view.ts';
import { BANDS, DRAWINGS, RANKS, STATISTICS, TOPS, type Rank } from '../view.ts';

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
            <Ranked top={top} by={by} />
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

/** Among which series lines are ranked, where it is not all of the stream: those that are not drawn may be ahead. */
function Ranked({ top, by }: { readonly top: number; readonly by: Rank }): VNode | null {
    followChanges();
    const { shown, known, hasMore, selection } = dashboard;
    if (top === 0 || selection.series.length > 0 || (known.length <= shown.length && !hasMore)) {
        return null;
    }
    const all = `${hasMore ? 'at least ' : ''}${formatCount(known.length)}`;
    return (
        <span class="unit" id="ranked">
            {`of the first ${formatCount(shown.length)} of ${all} series`}
            {by === 'value' && (
                <>
                    {'; '}
                    <a href={addressWith({ page: 'fleet', 'fleet.sort': '-avg' })}>the fleet ranks all</a>
                </>
            )}
        </span>
    );
}

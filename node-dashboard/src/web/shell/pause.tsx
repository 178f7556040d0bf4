import type { VNode } from 'preact';
import { useEffect } from 'preact/hooks';
import { dashboard, followChanges } from '../state.ts';

/** Here Space has a meaning of its own. */
const TAKES_SPACE = 'button, a, input, select, textarea, summary, [role="application"]';

/** Holds the charts, and lets them go on; so does Space. */
export function Pause(): VNode {
    followChanges();
    const isHeld = dashboard.selection.span !== undefined;
    useEffect(() => {
        const onKey = (event: KeyboardEvent): void => {
            const isTaken = event.target instanceof Element && event.target.closest(TAKES_SPACE) !== null;
            if (event.key === ' ' && !isTaken) {
                event.preventDefault();
                dashboard.togglePause();
            }
        };
        addEventListener('keydown', onKey);
        return () => {
            removeEventListener('keydown', onKey);
        };
    }, []);
    return (
        <button
            type="button"
            id="pause"
            aria-pressed={isHeld}
            title="Space"
            disabled={dashboard.stream === undefined}
            onClick={() => {
                dashboard.togglePause();
            }}
        >
            {isHeld ? '▶ Go on' : '❚❚ Pause'}
        </button>
    );
}

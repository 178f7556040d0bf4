import { useSignalEffect } from '@preact/signals';
import type { VNode } from 'preact';
import { formatAge, formatCount, formatSpan } from '../format.ts';
import { zone } from '../reader.ts';
import { verdict } from '../overview/condition.ts';
import { dashboard, followChanges, followTicks } from '../state.ts';
import { showTrouble } from './trouble.ts';

/** What is shown instead of the range up to now, and the way back. */
export function Past(): VNode {
    followChanges();
    const { span } = dashboard.selection;
    return (
        <p class="past" id="past" hidden={span === undefined}>
            <span id="span">
                {span === undefined
                    ? ''
                    : `${formatSpan(span.from, span.to, dashboard.now())} (${zone.value})`}
            </span>
            <button
                id="back-to-live"
                type="button"
                onClick={() => {
                    dashboard.backToLive();
                }}
            >
                {dashboard.missed > 0
                    ? `Back to live (${formatCount(dashboard.missed)} new)`
                    : 'Back to live'}
            </button>
        </p>
    );
}

/** Whether the page is live, and how old the newest point is. */
export function Status(): VNode {
    followTicks();
    followChanges();
    useSignalEffect(tell);
    const { freshness } = dashboard;
    const now = dashboard.now();
    const age = freshness.newest === 0 ? '' : `newest point ${formatAge(freshness.age(now))} old`;
    return (
        <p class="freshness">
            <span class="state" id="state" role="status">
                {stateText(freshness.isStale(now))}
            </span>
            <span class="age" id="age">
                {age}
            </span>
        </p>
    );
}

/** Tells tests and style sheets the state. */
function tell(): void {
    followTicks();
    followChanges();
    const { freshness, connection, store, stream } = dashboard;
    const now = dashboard.now();
    Object.assign(document.body.dataset, {
        connection,
        points: String(store.points),
        newestEvent: String(freshness.newest),
        newestAge: String(Math.round(freshness.age(now))),
        stale: String(freshness.isStale(now)),
    });
    const title = stream === undefined ? 'Freshet' : `${stream.title} · Freshet`;
    showTrouble(verdict.value.level === 'trouble', title);
}

function stateText(stale: boolean): string {
    return {
        connecting: 'connecting…',
        lost: 'connection lost, trying again',
        live: stale ? 'stale' : 'live',
    }[dashboard.connection];
}

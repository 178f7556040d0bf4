import type { VNode } from 'preact';
import { addressOf } from '../address.ts';
import { dashboard, followChanges } from '../state.ts';

/** What is wrong, and what there is instead. */
export function Notice(): VNode {
    followChanges();
    const { problem, offers } = dashboard;
    return (
        <>
            <p class="notice" id="notice" role="alert" hidden={problem === ''}>
                {problem}
            </p>
            <nav class="offers" id="offers" aria-label="What there is instead" hidden={offers.length === 0}>
                <span>There is:</span>
                {offers.map(({ label, selection }) => (
                    <a key={label} href={addressOf(selection)}>
                        {label}
                    </a>
                ))}
            </nav>
        </>
    );
}

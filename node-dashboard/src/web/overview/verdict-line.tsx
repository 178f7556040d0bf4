import type { VNode } from 'preact';
import { verdict } from './condition.ts';

const SIGNS = { good: '●', unknown: '○', trouble: '▲' } as const;

/** How things stand, in words. */
export function VerdictLine(): VNode {
    const { level, texts } = verdict.value;
    const [first = '', ...others] = texts;
    return (
        <section class="verdict" data-level={level} aria-label="How things stand">
            <p class="first" role="status">
                <span aria-hidden="true">{SIGNS[level]} </span>
                {first}
            </p>
            {others.length > 0 && (
                <ul>
                    {others.map((text) => (
                        <li key={text}>{text}</li>
                    ))}
                </ul>
            )}
        </section>
    );
}

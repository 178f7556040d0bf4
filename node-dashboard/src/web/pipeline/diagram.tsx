import type { VNode } from 'preact';
import { formatAge, formatCount, formatRate } from '../format.ts';
import type { Arrow, Place, Step } from './flow.ts';
import { Sparkline } from './sparkline.tsx';

/** The way of the data, place by place, with what goes along each arrow. */
export function Diagram({ steps, span }: { readonly steps: readonly Step[]; readonly span: number }): VNode {
    return (
        <section class="card" aria-labelledby="flow-title">
            <header>
                <h2 id="flow-title">The way of the data</h2>
                <span class="unit">
                    {span > 0
                        ? `lines show the last ${formatAge(span)}`
                        : 'lines begin when there is something to show'}
                </span>
            </header>
            <ol class="flow">
                {steps.map(({ arrow, place }) => (
                    <li key={place.name}>
                        {arrow !== null && <Way arrow={arrow} to={place.name} />}
                        <Node place={place} />
                    </li>
                ))}
            </ol>
        </section>
    );
}

function Node({ place: { name, state, isWell } }: { readonly place: Place }): VNode {
    return (
        <div class={isWell ? 'place' : 'place unwell'} data-place={name}>
            <b>{name}</b>
            <span class="state">{state}</span>
        </div>
    );
}

function Way({ arrow, to }: { readonly arrow: Arrow; readonly to: string }): VNode {
    const { what, rate, rates, lag, lags } = arrow;
    return (
        <div class="way" data-to={to}>
            <span class="rate" title={`${what} per second`}>
                {rate === null ? 'rate unknown' : formatRate(rate)}
            </span>
            <Sparkline
                values={rates}
                label={`${what} per second towards ${to}: ${rangeOf(rates, formatRate)}`}
            />
            <span class="unit">{what}</span>
            {lag !== undefined && (
                <span class={(lag ?? 0) > 0 ? 'lag behind' : 'lag'}>
                    {lag === null ? 'lag unknown' : `lag ${formatCount(lag)}`}
                </span>
            )}
            {lag !== undefined && (
                <Sparkline values={lags} label={`lag towards ${to}: ${rangeOf(lags, formatCount)}`} />
            )}
        </div>
    );
}

/** What a line shows, for those who do not see it. */
function rangeOf(values: readonly (number | null)[], write: (value: number) => string): string {
    const known = values.filter((value) => value !== null);
    return known.length === 0
        ? 'not known'
        : `from ${write(Math.min(...known))} to ${write(Math.max(...known))}, now ${
              (values.at(-1) ?? null) === null ? 'not known' : write(values.at(-1) ?? 0)
          }`;
}

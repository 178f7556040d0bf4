import type { VNode } from 'preact';
import { setParameters } from '../address.ts';
import { formatAge, formatCount, formatMoment } from '../format.ts';
import { lineStyle } from '../palette.ts';
import { dashboard, followSeconds } from '../state.ts';
import { formatDrawn } from '../statistics.ts';
import { view } from '../current-view.ts';
import type { Statistic } from '../view.ts';
import { ordered, type LineValue } from './data.ts';

/** More lines than this are not listed: the others are in the table of series. */
const MAX_LISTED = 50;

/** A longer unit, as `percent of all processors`, is too much for each line. */
const LONGEST_UNIT = 12;

interface LegendProperties {
    readonly values: readonly LineValue[];
    readonly unit: string;
    readonly statistic: Statistic;
    readonly leading: ReadonlySet<string>;
    readonly title: string;
}

/** What each line is, its value under the cursor or else its newest one; shows a series alone, or hides it. */
export function Legend({ values, unit: whole, statistic, leading, title }: LegendProperties): VNode {
    // A unit in words stands above the chart already.
    const unit = whole.length > LONGEST_UNIT ? '' : whole;
    followSeconds();
    const { sort, hidden } = view.value;
    const listed = ordered(values, sort);
    const write = (value: number | null): string => formatDrawn(value, statistic, unit);
    return (
        <div class="lines" role="region" aria-label={`Lines of ${title}`} tabIndex={0}>
            <table>
                <thead>
                    <tr>
                        <Heading name="name" text="series" />
                        <Heading name="value" text="value" />
                        <Heading name="change" text="change" />
                        <th scope="col">age</th>
                        <th scope="col">
                            <span class="unseen">hide</span>
                        </th>
                    </tr>
                </thead>
                <tbody>
                    {listed.slice(0, MAX_LISTED).map(({ line, value, change, newest }) => (
                        <tr
                            key={line.key}
                            class={hidden.has(line.series) || !leading.has(line.key) ? 'back' : ''}
                        >
                            <td>
                                <Name value={line} />
                            </td>
                            <td>{write(value)}</td>
                            <td>{change === null ? '–' : `${change >= 0 ? '+' : ''}${write(change)}`}</td>
                            <td>{newest === 0 ? '–' : ageOf(newest)}</td>
                            <td>
                                <button
                                    type="button"
                                    class="plain"
                                    aria-pressed={hidden.has(line.series)}
                                    aria-label={`Hide ${line.series}`}
                                    onClick={() => {
                                        toggleHidden(line.series);
                                    }}
                                >
                                    {hidden.has(line.series) ? 'show' : 'hide'}
                                </button>
                            </td>
                        </tr>
                    ))}
                </tbody>
            </table>
            {values.length > MAX_LISTED && (
                <p class="empty">{`and ${formatCount(values.length - MAX_LISTED)} more`}</p>
            )}
        </div>
    );
}

/** How old a reading is; of a span of the past, when it was. */
function ageOf(newest: number): string {
    return dashboard.selection.span === undefined
        ? formatAge(dashboard.now() - newest)
        : formatMoment(newest, dashboard.now());
}

function Name({ value: { label, series, position } }: { readonly value: LineValue['line'] }): VNode {
    const { color, dash } = lineStyle(position);
    const isAlone = dashboard.selection.series.length === 1 && dashboard.selection.series[0] === series;
    return (
        <button
            type="button"
            class="name"
            aria-pressed={isAlone}
            title={isAlone ? 'Show all series' : 'Show this series alone'}
            onClick={() => {
                dashboard.select({ ...dashboard.selection, series: isAlone ? [] : [series] });
            }}
        >
            <span
                class="swatch"
                style={{ borderTopColor: color, borderTopStyle: dash.length > 0 ? 'dashed' : 'solid' }}
            />
            {label}
        </button>
    );
}

function Heading({
    name,
    text,
}: {
    readonly name: 'name' | 'value' | 'change';
    readonly text: string;
}): VNode {
    const isSorted = view.value.sort === name;
    return (
        <th scope="col" aria-sort={isSorted ? (name === 'name' ? 'ascending' : 'descending') : 'none'}>
            <button
                type="button"
                class="plain"
                onClick={() => {
                    setParameters({ sort: name === 'name' ? '' : name });
                }}
            >
                {text}
                {isSorted ? ' ▾' : ''}
            </button>
        </th>
    );
}

function toggleHidden(series: string): void {
    const hidden = new Set(view.value.hidden);
    if (!hidden.delete(series)) {
        hidden.add(series);
    }
    setParameters({ hide: [...hidden] });
}

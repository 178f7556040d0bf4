import { useSignal } from '@preact/signals';
import type { VNode } from 'preact';
import { useMemo } from 'preact/hooks';
import { parameter, query, setParameters } from '../address.ts';
import { getLatest } from '../client.ts';
import { FleetTable, openSeries } from '../fleet/fleet-table.tsx';
import '../fleet/fleet.css';
import { Heat } from '../heat/heat.ts';
import { HeatMap } from '../heat/heat-map.tsx';
import { placedRows, readSorting, SORTINGS } from '../fleet/model.ts';
import { rowsOf } from '../fleet/rows.ts';
import { formatCount, formatMoment, formatSpan } from '../format.ts';
import { absentTexts, addressProblem } from '../missing.ts';
import { usePoll } from '../polling.ts';
import { Choice } from '../shell/choice.tsx';
import { dashboard, followChanges } from '../state.ts';
import type { StreamInfo } from '../../shared/api.ts';
import { PAST_WINDOWS, type LatestAnswer } from '../../shared/latest-api.ts';
import { endAfter } from '../../shared/alignment.ts';

const LEAST_INTERVAL = 3000;
const MOST_INTERVAL = 15_000;
/** So many of the newest windows are asked for again each time: stragglers change them. */
const AGAIN = 4;
/** A search begins when nobody has typed for so long, in milliseconds. */
const TYPING = 150;
/** By which parts of the names series are grouped. */
const PARTS: readonly string[] = ['1', '2', '3', '4'];

/** Every series of the stream, with its newest complete window. */
export default function FleetPage(): VNode {
    followChanges();
    const { stream, selection } = dashboard;
    const window = stream?.windows.find(({ label }) => label === selection.window);
    return stream === undefined || window === undefined ? (
        <p class="empty">loading…</p>
    ) : (
        <Fleet stream={stream} window={window} />
    );
}

type Window = StreamInfo['windows'][number];

function Fleet({ stream, window }: { readonly stream: StreamInfo; readonly window: Window }): VNode {
    const asked = parameter('fleet.metric');
    const metric = stream.metrics.includes(asked) ? asked : (stream.metrics[0] ?? '');
    const search = parameter('fleet.search');
    const part = PARTS.includes(parameter('fleet.group')) ? Number(parameter('fleet.group')) : null;
    const sorting = readSorting(parameter('fleet.sort'));
    const open = useSignal<ReadonlySet<string>>(new Set());
    const key = JSON.stringify([stream.name, metric, window.label, search, part]);
    const heat = useMemo(() => new Heat(PAST_WINDOWS), [key]);
    const polled = usePoll(
        async () => {
            const wanted = { stream: stream.name, metric, window: window.label, search, group: part };
            const answer = await getLatest({ ...wanted, past: heat.wanted(AGAIN) });
            heat.take(answer);
            return answer;
        },
        Math.min(MOST_INTERVAL, Math.max(LEAST_INTERVAL, window.slide)),
        key,
    ).value;
    const { answer, problem } = polled;
    const order = `${sorting.column} ${String(sorting.descending)}`;
    const rows = useMemo(
        () => (answer === null ? [] : placedRows(rowsOf(answer, part), sorting, open.value)),
        [answer, part, order, open.value],
    );
    const unit = stream.units[metric] ?? stream.unit ?? '';
    const endOf = (start: number): number => endAfter(window, start, window.size);
    return (
        <div class="fleet-page">
            <section class="card" aria-labelledby="fleet-title">
                <header>
                    <h2 id="fleet-title">{`Series of ${stream.title}`}</h2>
                    <span class="unit" role="status" id="fleet-count">
                        {answer === null ? (problem === '' ? 'loading…' : '') : countOf(answer)}
                    </span>
                </header>
                <FleetControls stream={stream} metric={metric} search={search} part={part} />
                {[absentOf(stream), problem, answer?.problem ?? ''].map(
                    (text) =>
                        text !== '' && (
                            <p key={text} class="fleet-problem" role="alert">
                                {text}
                            </p>
                        ),
                )}
                {answer !== null && answer.matched > 0 && (
                    <HeatMap
                        {...{ heat, unit, series: answer.series, onChoose: openSeries }}
                        axis={[
                            formatMoment(heat.starts[0] ?? answer.now, answer.now),
                            formatMoment(endOf(heat.starts.at(-1) ?? answer.now), answer.now),
                        ]}
                        describe={(name, start) => `${name}, ${formatSpan(start, endOf(start), answer.now)}`}
                    />
                )}
                {answer !== null && (
                    <FleetTable
                        {...{ rows, sorting, unit, open: open.value }}
                        onSort={(chosen) => {
                            setParameters({ 'fleet.sort': chosen });
                        }}
                        onToggle={(id) => {
                            const changed = new Set(open.value);
                            if (!changed.delete(id)) {
                                changed.add(id);
                            }
                            open.value = changed;
                        }}
                    />
                )}
            </section>
        </div>
    );
}

/** What the address asks for and there is not. */
function absentOf({ metrics }: StreamInfo): string {
    const absent = absentTexts(new URLSearchParams(query.value), [
        ['fleet.metric', metrics],
        ['fleet.group', PARTS],
        ['fleet.sort', SORTINGS],
    ]);
    return addressProblem(absent);
}

/** How many there are, and how many of them are shown. */
function countOf({ total, matched, series }: LatestAnswer): string {
    const listed = series.length < matched ? `; the first ${formatCount(series.length)} are listed` : '';
    return matched === total
        ? `${formatCount(total)} series${listed}`
        : `${formatCount(matched)} of ${formatCount(total)} series match${listed}`;
}

let typing: ReturnType<typeof setTimeout> | undefined;

function FleetControls({
    stream,
    metric,
    search,
    part,
}: {
    readonly stream: StreamInfo;
    readonly metric: string;
    readonly search: string;
    readonly part: number | null;
}): VNode {
    return (
        <div class="controls">
            <label>
                Search{' '}
                <input
                    id="fleet-search"
                    type="search"
                    value={search}
                    placeholder="part of the name"
                    onInput={({ currentTarget }) => {
                        clearTimeout(typing);
                        typing = setTimeout(() => {
                            setParameters({ 'fleet.search': currentTarget.value });
                        }, TYPING);
                    }}
                />
            </label>
            <Choice
                label="Metric"
                id="fleet-metric"
                value={metric}
                options={stream.metrics.map((name) => [name, name])}
                onChoose={(chosen) => {
                    setParameters({ 'fleet.metric': chosen });
                }}
            />
            <Choice
                label="Group by"
                id="fleet-group"
                value={part === null ? '' : String(part)}
                options={[['', 'nothing'], ...PARTS.map((one) => [one, `part ${one} of the name`] as const)]}
                onChoose={(chosen) => {
                    setParameters({ 'fleet.group': chosen });
                }}
            />
        </div>
    );
}

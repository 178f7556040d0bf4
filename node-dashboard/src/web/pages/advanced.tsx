import type { VNode } from 'preact';
import { useMemo } from 'preact/hooks';
import { parameter, query, setParameters } from '../address.ts';
import '../advanced/advanced.css';
import { Comparison, Correlation, DayHeat, Distribution, type Line } from '../advanced/views.tsx';
import { getHistory, getSeries, type History } from '../client.ts';
import { absentTexts, addressProblem, missingText } from '../missing.ts';
import { usePoll } from '../polling.ts';
import { zone } from '../reader.ts';
import { lookUp } from '../series-lookup.ts';
import { Choice } from '../shell/choice.tsx';
import { dashboard, followChanges } from '../state.ts';
import { later, UTC } from '../../shared/alignment.ts';
import { windowOf } from '../../shared/window-spec.ts';
import type { StreamInfo } from '../../shared/api.ts';
import type { Selection, Span } from '../selection.ts';

const POLL_INTERVAL = 30_000;
const SERIES_INTERVAL = 60_000;
/** About as many points as a chart can show. */
const POINTS = 1500;
/** What the views need of a point. */
const FIELDS = ['end', 'avg', 'sum', 'count', 'min', 'max', 'p50', 'p95', 'p99'];
const DAY = 86_400_000;
const SHIFTS = [
    ['', 'the day before', DAY],
    ['week', 'the week before', 7 * DAY],
] as const;

/** Charts for what the overview does not answer: how readings are spread, what is usual, what goes together. */
export default function AdvancedPage(): VNode {
    followChanges();
    const { stream, selection } = dashboard;
    const listed = usePoll(
        async () => (stream === undefined ? null : getSeries(stream.name, '')),
        SERIES_INTERVAL,
        stream?.name ?? '',
    ).value;
    const known = listed.answer?.series.map(({ series }) => series) ?? [];
    const wanted = [
        parameter('advanced.series'),
        parameter('advanced.other'),
        ...selection.series.slice(0, 1),
    ];
    const unlisted = unique(...wanted.filter((name) => name !== '' && !known.includes(name)));
    const lookedUp = usePoll(
        async () =>
            stream === undefined || listed.answer === null
                ? null
                : lookUp(stream.name, unlisted, listed.answer.truncated),
        SERIES_INTERVAL,
        JSON.stringify([stream?.name, listed.answer === null, unlisted]),
    ).value;
    if (stream === undefined || known.length === 0 || lookedUp.answer === null) {
        const isEmpty = listed.answer !== null && known.length === 0 && stream !== undefined;
        const problem = listed.problem || lookedUp.problem;
        return <p class="empty">{problem || (isEmpty ? 'this stream has no series yet' : 'loading…')}</p>;
    }
    const { missing } = lookedUp.answer;
    const names = [...known, ...unlisted.filter((name) => !missing.includes(name))];
    return <Chosen {...{ stream, selection, names, missing }} />;
}

interface ChosenProperties {
    readonly stream: StreamInfo;
    readonly selection: Selection;
    readonly names: readonly string[];
    /** Series that the address names and that there are not. */
    readonly missing: readonly string[];
}

/** What the address asks for and there is not. */
function absentOf({ metrics, name }: StreamInfo, missing: readonly string[]): string {
    const absent = absentTexts(new URLSearchParams(query.value), [
        ['advanced.metric', metrics],
        ['advanced.against', metrics],
        ['advanced.before', SHIFTS.map(([shift]) => shift).filter((shift) => shift !== '')],
    ]);
    return [missingText(missing, name), addressProblem(absent)].filter((text) => text !== '').join('; ');
}

function Chosen({ stream, selection, names, missing }: ChosenProperties): VNode {
    const oneOf = (choices: readonly string[], ...wanted: readonly (string | undefined)[]): string =>
        wanted.find((name) => name !== undefined && choices.includes(name)) ?? choices[0] ?? '';
    const series = oneOf(names, parameter('advanced.series'), selection.series[0]);
    const metric = oneOf(stream.metrics, parameter('advanced.metric'));
    const against = oneOf(
        stream.metrics,
        parameter('advanced.against'),
        stream.metrics.find((name) => name !== metric),
    );
    // With itself everything goes together.
    const another = against === metric ? names.find((name) => name !== series) : series;
    const other = oneOf(names, parameter('advanced.other'), another, series);
    const shift = SHIFTS.find(([name]) => name === parameter('advanced.before')) ?? SHIFTS[0];
    const choices = { series, metric, against, other, shift };
    const key = JSON.stringify([stream.name, selection, choices]);
    const polled = usePoll(() => ask(stream, selection, choices), POLL_INTERVAL, key).value;
    const { answer, problem } = polled;
    const options = names.map((name) => [name, name] as const);
    const metrics = stream.metrics.map((name) => [name, name] as const);
    const choose = (name: string) => (chosen: string) => {
        setParameters({ [`advanced.${name}`]: chosen });
    };
    return (
        <div class="advanced-page">
            <div class="card controls">
                <Choice
                    label="Series"
                    id="advanced-series"
                    value={series}
                    options={options}
                    onChoose={choose('series')}
                />
                <Choice
                    label="Metric"
                    id="advanced-metric"
                    value={metric}
                    options={metrics}
                    onChoose={choose('metric')}
                />
                <Choice
                    label="Compare with"
                    id="advanced-before"
                    value={shift[0]}
                    options={SHIFTS.map(([name, title]) => [name, title] as const)}
                    onChoose={choose('before')}
                />
                <Choice
                    label="Correlate with"
                    id="advanced-against"
                    value={against}
                    options={metrics}
                    onChoose={choose('against')}
                />
                <Choice
                    label="of"
                    id="advanced-other"
                    value={other}
                    options={options}
                    onChoose={choose('other')}
                />
            </div>
            {[absentOf(stream, missing), problem].map(
                (text) =>
                    text !== '' && (
                        <p key={text} class="notice" role="alert">
                            {text}
                        </p>
                    ),
            )}
            {answer === null ? (
                problem === '' && <p class="empty">loading…</p>
            ) : (
                <Views {...{ answer, stream, choices }} />
            )}
        </div>
    );
}

interface Choices {
    readonly series: string;
    readonly metric: string;
    readonly against: string;
    readonly other: string;
    readonly shift: (typeof SHIFTS)[number];
}

interface Asked {
    readonly now: History;
    readonly before: History;
}

/** The range that is selected, up to now or as it was dragged. */
function spanOf({ span, range }: Selection): Span {
    const now = dashboard.now();
    return span ?? { from: Math.round(now - range), to: Math.round(now) };
}

async function ask(stream: StreamInfo, selection: Selection, choices: Choices): Promise<Asked> {
    const { series, metric, against, other, shift } = choices;
    const { from, to } = spanOf(selection);
    const common = { stream: stream.name, window: selection.window, points: POINTS, fields: FIELDS };
    const window = windowOf(stream.windows, selection.window) ?? UTC;
    const [now, before] = await Promise.all([
        getHistory({ ...common, series: unique(series, other), metrics: unique(metric, against), from, to }),
        getHistory({
            ...common,
            series: [series],
            metrics: [metric],
            from: later(window, from, -shift[2]),
            to: later(window, to, -shift[2]),
        }),
    ]);
    return { now, before };
}

function unique(...names: readonly string[]): string[] {
    return [...new Set(names)];
}

function Views({
    answer: { now, before },
    stream,
    choices: { series, metric, against, other, shift },
}: {
    readonly answer: Asked;
    readonly stream: StreamInfo;
    readonly choices: Choices;
}): VNode {
    const first = useMemo(() => lineOf(now, stream, series, metric), [now, series, metric]);
    const second = useMemo(() => lineOf(now, stream, other, against), [now, other, against]);
    const earlier = useMemo(() => lineOf(before, stream, series, metric).points, [before, series, metric]);
    return (
        <>
            <p class="unit" id="advanced-window">
                {`windows of ${now.window}${now.step === now.stride ? '' : ', merged'}; times are those of ` +
                    zone.value}
            </p>
            <Distribution line={first} />
            <Comparison line={first} before={earlier} shift={shift[2]} what={shift[1]} />
            <Correlation first={first} second={second} />
            <DayHeat line={first} />
        </>
    );
}

function lineOf({ charts, step, window }: History, stream: StreamInfo, series: string, metric: string): Line {
    const chart = charts.find((one) => one.series === series && one.metric === metric);
    return {
        name: `${metric} of ${series}`,
        unit: stream.units[metric] ?? stream.unit ?? '',
        points: chart?.points ?? [],
        step,
        window: windowOf(stream.windows, window) ?? UTC,
    };
}

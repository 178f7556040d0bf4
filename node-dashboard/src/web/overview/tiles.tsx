import { windowOf } from '../../shared/window-spec.ts';
import type { VNode } from 'preact';
import { addressOf } from '../address.ts';
import { formatAge } from '../format.ts';
import type { StreamInfo } from '../../shared/api.ts';
import { dashboard, followChanges, followTicks } from '../state.ts';
import { formatQuantity } from '../units.ts';
import { conditionOf, tiles } from './condition.ts';
import { Spark } from './spark.tsx';
import { figuresOf } from './tile-data.ts';

/** A tile for each stream: its newest values and how they came about. */
export function Tiles(): VNode {
    followChanges();
    return (
        <ul class="tiles">
            {dashboard.streams.map((stream) => (
                <Tile key={stream.name} stream={stream} />
            ))}
        </ul>
    );
}

function Tile({ stream }: { readonly stream: StreamInfo }): VNode {
    const data = tiles.value.get(stream.name);
    const isShown = stream.name === dashboard.selection.stream;
    const address = addressOf(selectionOf(stream));
    const figures = data === undefined ? [] : figuresOf(data);
    return (
        <li class="card tile" data-stream={stream.name}>
            <h2>
                <a
                    href={address}
                    aria-current={isShown ? 'true' : undefined}
                    onClick={(event) => {
                        if (event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
                            event.preventDefault();
                            dashboard.select(selectionOf(stream));
                        }
                    }}
                >
                    {stream.title}
                </a>
            </h2>
            <TileAge name={stream.name} />
            {data !== undefined && figures.length > 0 && (
                <ul class="figures">
                    {figures.map(({ label, metric, value, range, spark }) => {
                        const unit = stream.units[metric] ?? '';
                        return (
                            <li key={label}>
                                <span class="label">{label}</span>
                                <span class="figure">
                                    {value === null ? '–' : formatQuantity(value, unit)}
                                </span>
                                {range !== null && (
                                    <span class="range">
                                        {`${formatQuantity(range[0], unit)} – ${formatQuantity(range[1], unit)}`}
                                    </span>
                                )}
                                <Spark values={spark} span={data.span} step={data.step} />
                            </li>
                        );
                    })}
                </ul>
            )}
            {figures.length === 0 && (
                <p class="empty">
                    {data === undefined ? 'loading…' : data.problem || 'nothing in the last 15 minutes'}
                </p>
            )}
        </li>
    );
}

function TileAge({ name }: { readonly name: string }): VNode {
    followTicks();
    const { age, stale } = conditionOf(name);
    const text =
        age === null ? 'no events known' : `${stale ? '▲ late: ' : '● '}newest event ${formatAge(age)} ago`;
    return <p class={stale ? 'age stale' : 'age'}>{text}</p>;
}

/** The stream with the kind of window that is shown, if it has that. */
function selectionOf(stream: StreamInfo): typeof dashboard.selection {
    const { selection } = dashboard;
    const window = windowOf(stream.windows, selection.window) ?? stream.windows[0];
    return { ...selection, stream: stream.name, window: window?.label ?? selection.window, series: [] };
}

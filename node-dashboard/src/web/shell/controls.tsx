import { windowOf } from '../../shared/window-spec.ts';
import type { VNode } from 'preact';
import { Choice } from './choice.tsx';
import { TimeRange } from './time-range.tsx';
import { dashboard, followChanges } from '../state.ts';
import { RANGES } from '../selection.ts';

/** Chooses the stream, the kind of window and how far back the charts reach. */
export function Controls(): VNode {
    followChanges();
    const { selection, streams, stream } = dashboard;
    return (
        <div class="controls">
            <Choice
                label="Stream"
                id="stream"
                options={streams.map(({ name, title }) => [name, title])}
                value={selection.stream}
                onChoose={selectStream}
            />
            <Choice
                label="Window"
                id="window"
                options={stream?.windows.map(({ label }) => [label, label]) ?? []}
                value={selection.window}
                onChoose={(window) => {
                    dashboard.select({ ...dashboard.selection, window });
                }}
            />
            <Choice
                label="Range"
                id="range"
                options={RANGES.map(({ label, milliseconds }) => [String(milliseconds), label])}
                value={String(selection.range)}
                onChoose={(range) => {
                    const { stream: name, window, series } = dashboard.selection;
                    dashboard.select({ stream: name, window, series, range: Number(range) });
                }}
            />
            <TimeRange />
        </div>
    );
}

function selectStream(name: string): void {
    const stream = dashboard.streams.find((one) => one.name === name);
    const window = windowOf(stream?.windows ?? [], dashboard.selection.window) ?? stream?.windows[0];
    if (stream !== undefined && window !== undefined) {
        dashboard.select({ ...dashboard.selection, stream: name, window: window.label, series: [] });
    }
}

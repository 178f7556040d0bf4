import { useSignal } from '@preact/signals';
import type { VNode } from 'preact';
import { useRef } from 'preact/hooks';
import { setParameters } from '../address.ts';
import { chosenZone, zone } from '../reader.ts';
import { dashboard, followChanges } from '../state.ts';
import { fromWallTime, isZone, toWallTime } from '../../shared/zoned.ts';

/** From when to when, and in which zone times are written. */
export function TimeRange(): VNode {
    followChanges();
    const details = useRef<HTMLDetailsElement>(null);
    const problem = useSignal('');
    const { from, to } = dashboard.span;
    const isOpen = useSignal(false);
    const show = (event: Event): void => {
        event.preventDefault();
        const form = new FormData(event.currentTarget as HTMLFormElement);
        const [begin = NaN, end = NaN] = ['from', 'to'].map((name) =>
            fromWallTime(textOf(form.get(name)), zone.value),
        );
        problem.value = begin < end ? '' : 'write both times, of which the first is the earlier one';
        if (begin < end) {
            dashboard.show({ from: begin, to: end });
            details.current?.removeAttribute('open');
        }
    };
    return (
        <details
            class="time"
            ref={details}
            onToggle={({ currentTarget }) => {
                isOpen.value = currentTarget.open;
            }}
            onKeyDown={({ key, currentTarget }) => {
                if (key === 'Escape') {
                    currentTarget.open = false;
                }
            }}
        >
            <summary>{`From, to, zone: ${zone.value}`}</summary>
            {isOpen.value && (
                <form class="pane" onSubmit={show}>
                    <Moment name="from" label={`From (${zone.value})`} time={from} />
                    <Moment name="to" label={`To (${zone.value})`} time={to} />
                    <p class="empty" role="alert">
                        {problem}
                    </p>
                    <button type="submit">Show</button>
                    <ZoneChoice />
                </form>
            )}
        </details>
    );
}

function textOf(value: FormDataEntryValue | null): string {
    return typeof value === 'string' ? value : '';
}

interface MomentProperties {
    readonly name: string;
    readonly label: string;
    readonly time: number;
}

/** A time to write; what is written stays while the charts move on. */
function Moment({ name, label, time }: MomentProperties): VNode {
    const begin = useSignal({ time, zone: zone.value });
    if (begin.value.zone !== zone.value) {
        begin.value = { time, zone: zone.value };
    }
    return (
        <label>
            {label}
            <input
                key={zone.value}
                type="datetime-local"
                step="1"
                name={name}
                required
                defaultValue={toWallTime(begin.value.time, zone.value)}
            />
        </label>
    );
}

/** The zone: the browser's own, UTC, or any other. */
function ZoneChoice(): VNode {
    const problem = useSignal('');
    const own = Intl.DateTimeFormat().resolvedOptions().timeZone;
    const choose = (name: string): void => {
        const wanted = name.trim();
        problem.value = wanted === '' || isZone(wanted) ? '' : `there is no zone "${wanted}"`;
        if (problem.value === '' && wanted !== chosenZone.value) {
            setParameters({ zone: wanted === own ? '' : wanted });
        }
    };
    return (
        <>
            <label>
                Zone
                <input
                    name="zone"
                    list="zones"
                    autocomplete="off"
                    defaultValue={zone.value}
                    onChange={({ currentTarget }) => {
                        choose(currentTarget.value);
                    }}
                />
            </label>
            <datalist id="zones">
                {['UTC', own, ...Intl.supportedValuesOf('timeZone')].map((name) => (
                    <option key={name} value={name} />
                ))}
            </datalist>
            <p class="empty" role="alert">
                {problem}
            </p>
        </>
    );
}

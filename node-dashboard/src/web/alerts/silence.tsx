import { useSignal } from '@preact/signals';
import type { VNode } from 'preact';
import type { AlertState } from '../../shared/api.ts';
import { silence } from '../extras.ts';
import { formatMoment } from '../format.ts';
import { dashboard } from '../state.ts';
import { askAlerts } from '../told.ts';

const MINUTES: readonly (readonly [minutes: number, label: string])[] = [
    [15, '15 min'],
    [60, '1 h'],
    [1440, '1 d'],
];

/** Keeps an alert silent for a while, or lets it speak again. */
export function Silence({ alert }: { readonly alert: AlertState }): VNode {
    const problem = useSignal('');
    const change = async (minutes: number): Promise<void> => {
        try {
            await silence(alert, minutes);
            problem.value = '';
            await askAlerts();
        } catch (error) {
            problem.value = error instanceof Error ? error.message : String(error);
        }
    };
    const until = alert.silenced_until ?? 0;
    const what = `${alert.name} of ${alert.series}`;
    return (
        <span class="silence">
            {until > dashboard.now() ? (
                <>
                    {`until ${formatMoment(until, dashboard.now())} `}
                    <button
                        type="button"
                        aria-label={`End the silence of ${what}`}
                        onClick={() => void change(0)}
                    >
                        End
                    </button>
                </>
            ) : (
                MINUTES.map(([minutes, label]) => (
                    <button
                        key={minutes}
                        type="button"
                        aria-label={`Silence ${what} for ${label}`}
                        onClick={() => void change(minutes)}
                    >
                        {label}
                    </button>
                ))
            )}
            {problem.value !== '' && <span role="alert">{` ${problem.value}`}</span>}
        </span>
    );
}

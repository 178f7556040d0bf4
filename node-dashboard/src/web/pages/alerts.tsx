import type { VNode } from 'preact';
import { Silence } from '../alerts/silence.tsx';
import { TellButton } from '../alerts/tell-button.tsx';
import type { AlertState } from '../../shared/api.ts';
import { formatAge, formatCount, formatMoment } from '../format.ts';
import { isLoud } from '../notifications.ts';
import { dashboard, followChanges, followTicks } from '../state.ts';
import { alerts, alertsProblem } from '../told.ts';
import { formatQuantity } from '../units.ts';

const SIGNS = { firing: '▲', pending: '◔', resolved: '●' } as const;
const ORDER = ['firing', 'pending', 'resolved'] as const;

/** The alerts of all streams, the worst first, and their silences. */
export default function Alerts(): VNode {
    followChanges();
    const known = alerts.value;
    const sorted = [...(known ?? [])].sort(
        (a, b) => ORDER.indexOf(a.state) - ORDER.indexOf(b.state) || b.since - a.since,
    );
    const loud = sorted.filter(isLoud).length;
    return (
        <section class="card alerts">
            <header>
                <h2>Alerts</h2>
                <span class="unit" role="status">
                    {known === null ? '' : `${formatCount(loud)} firing, ${formatCount(sorted.length)} known`}
                </span>
                <TellButton />
            </header>
            {sorted.length === 0 ? <p class="empty">{emptyText()}</p> : <AlertTable alerts={sorted} />}
        </section>
    );
}

function emptyText(): string {
    if (alertsProblem.value !== '') {
        return `the alerts are not known: ${alertsProblem.value}`;
    }
    return alerts.value === null
        ? 'loading…'
        : 'nothing fires, and nothing has; thresholds are set by [[alert]] in freshet.toml';
}

function AlertTable({ alerts: listed }: { readonly alerts: readonly AlertState[] }): VNode {
    return (
        <div class="scroll" role="region" aria-label="Alerts" tabIndex={0}>
            <table>
                <thead>
                    <tr>
                        {[
                            'alert',
                            'state',
                            'stream',
                            'series',
                            'metric',
                            'value',
                            'threshold',
                            'since',
                            'silence',
                        ].map((name) => (
                            <th key={name} scope="col">
                                {name}
                            </th>
                        ))}
                    </tr>
                </thead>
                <tbody>
                    {listed.map((alert) => (
                        <AlertRow
                            key={`${alert.name} ${alert.stream} ${alert.series} ${alert.metric} ${alert.window}`}
                            alert={alert}
                        />
                    ))}
                </tbody>
            </table>
        </div>
    );
}

function AlertRow({ alert }: { readonly alert: AlertState }): VNode {
    followTicks();
    const { name, stream, series, metric, state, since, value, threshold, text } = alert;
    const unit = dashboard.streams.find((one) => one.name === stream)?.units[metric] ?? '';
    const write = (number: number | null): string => (number === null ? '–' : formatQuantity(number, unit));
    const now = dashboard.now();
    return (
        <tr class={isLoud(alert) ? 'warning' : ''} data-state={state}>
            <td title={text}>{name}</td>
            <td>{`${SIGNS[state]} ${state}`}</td>
            <td>{stream}</td>
            <td>{series}</td>
            <td>{metric}</td>
            <td>{write(value)}</td>
            <td>{write(threshold)}</td>
            <td title={formatMoment(since, now)}>{`${formatAge(now - since)} ago`}</td>
            <td>
                <Silence alert={alert} />
            </td>
        </tr>
    );
}

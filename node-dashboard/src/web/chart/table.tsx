import type { VNode } from 'preact';
import { formatCount, formatMoment } from '../format.ts';
import { dashboard } from '../state.ts';
import { formatDrawn } from '../statistics.ts';
import { valueOf } from './data.ts';
import type { Scene } from './scene.ts';

/** Nobody reads more rows; all of them are in the CSV. */
const MAX_ROWS = 200;

/** The points of a chart as a table, the newest first. */
export function PointTable({ scene }: { readonly scene: Scene }): VNode {
    const { lines, columns, hidden, statistic, spec } = scene;
    const shown = lines.filter(({ series }) => !hidden.has(series));
    const indices = columns.starts
        .map((_, index) => index)
        .filter((index) => shown.some(({ key }) => columns.rows.get(key)?.[index] !== undefined))
        .reverse();
    const write = (value: number | null): string => formatDrawn(value, statistic, spec.unit);
    return (
        <div class="scroll points" role="region" aria-label={`Points of ${spec.title}`} tabIndex={0}>
            <table>
                <thead>
                    <tr>
                        <th scope="col">begin</th>
                        {shown.map(({ key, label }) => (
                            <th key={key} scope="col">
                                {label}
                            </th>
                        ))}
                    </tr>
                </thead>
                <tbody>
                    {indices.slice(0, MAX_ROWS).map((index) => (
                        <tr key={columns.starts[index]}>
                            <th scope="row">
                                {formatMoment((columns.starts[index] ?? 0) * 1000, dashboard.now())}
                            </th>
                            {shown.map(({ key }) => (
                                <td key={key}>{write(valueOf(columns.rows.get(key)?.[index], statistic))}</td>
                            ))}
                        </tr>
                    ))}
                </tbody>
            </table>
            {indices.length > MAX_ROWS && <p class="empty">{newestOf(MAX_ROWS, indices.length)}</p>}
        </div>
    );
}

function newestOf(rows: number, points: number): string {
    return `the newest ${formatCount(rows)} of ${formatCount(points)} points: the CSV has all`;
}

import { useSignal, useSignalEffect, type Signal } from '@preact/signals';
import type { RefObject, VNode } from 'preact';
import { useLayoutEffect, useRef } from 'preact/hooks';
import { setParameters } from '../address.ts';
import { formatAge } from '../format.ts';
import { emptyText } from '../panels/empty.ts';
import { resolutionText, subtitleOf } from '../panels/resolution-words.ts';
import { locale, zone } from '../reader.ts';
import { dashboard, followChanges, followPoints, followTicks } from '../state.ts';
import { theme } from '../theme.ts';
import { view } from '../current-view.ts';
import { factsOf, lineValues } from './data.ts';
import { describe, partialText } from './describe.ts';
import { HeatChart } from './heat-chart.tsx';
import { onKey } from './keyboard.ts';
import { Legend } from './legend.tsx';
import { SceneMaker } from './make-scene.ts';
import { Marks } from './marks.tsx';
import { Plot } from './plot.ts';
import { preview } from './preview.ts';
import type { Scene } from './scene.ts';
import type { ChartSpec } from './specs.ts';
import { PointTable } from './table.tsx';
import { TakeAway } from './take-away-buttons.tsx';

interface ChartProperties {
    readonly spec: ChartSpec;
    readonly isAlone: boolean;
}

/** A chart with its legend, and its table when it is asked for. */
export function Chart({ spec, isAlone }: ChartProperties): VNode {
    followChanges();
    const cursor = useSignal<number | null>(null);
    const host = useRef<HTMLDivElement>(null);
    const section = useRef<HTMLElement>(null);
    const plot = useRef<Plot | null>(null);
    const said = useSignal('');
    const maker = useRef(new SceneMaker());
    const make = (): Scene => maker.current.make(spec, dashboard, view.value, isAlone);
    const scene = make();
    const { columns, lines, statistic, leading, values } = scene;
    const facts = [...columns.rows.values()].map(factsOf);
    const partial = facts.reduce((sum, row) => sum + row.partial, 0);
    const newest = facts.reduce((last, row) => Math.max(last, row.newest), 0);
    const isEmpty = columns.starts.length === 0;
    const label = describe(scene, values, dashboard.resolution.window.label, partial);
    const isHeat = view.value.draw === 'heat';
    const isSeen = useSeen(section);
    const draw = (drawn: Scene): void => {
        if (host.current === null || isHeat || drawn.columns.starts.length === 0) {
            plot.current?.destroy();
            plot.current = null;
        } else if (plot.current === null) {
            plot.current = new Plot(host.current, drawn, shapeOf(drawn), (index) => {
                cursor.value = index;
            });
        } else {
            plot.current.update(drawn, shapeOf(drawn));
        }
    };
    useLayoutEffect(() => {
        if (isSeen.peek() || plot.current === null) {
            draw(scene);
        }
    });
    useLayoutEffect(
        () => () => {
            plot.current?.destroy();
            plot.current = null;
        },
        [],
    );
    useSignalEffect(() => {
        followPoints();
        const isMoving = preview.value !== null;
        // Of what is out of sight the words are kept up to date, and the picture when it comes into sight.
        if ((isSeen.value || isMoving) && plot.current !== null) {
            draw(make());
        }
    });
    const isTable = view.value.table === spec.key;
    return (
        <section
            class="card chart"
            ref={section}
            data-metric={spec.metrics.join(' ')}
            data-points={facts.reduce((sum, row) => sum + row.count, 0)}
            data-newest-event={newest}
            data-partial={partial}
            data-empty={isEmpty}
        >
            <header>
                <h2>{spec.title}</h2>
                <span class="unit" title={resolutionText(dashboard.resolution, dashboard.selection.window)}>
                    {subtitleOf(spec.unit, statistic, dashboard)}
                </span>
                <Age newest={newest} />
                {!isEmpty && (
                    <TakeAway
                        scene={scene}
                        canvas={() => section.current?.querySelector('.plot canvas, .heat canvas') ?? null}
                        isTable={isTable}
                        onTable={toggleTable(spec.key, isTable)}
                    />
                )}
            </header>
            <div
                class={isEmpty ? 'plot none' : 'plot'}
                hidden={isHeat && !isEmpty}
                ref={host}

                tabIndex={0}
                role="application"
                aria-roledescription="chart"
                aria-label={label}
                onKeyDown={(event) => {
                    said.value = onKey(event, plot.current) ?? said.value;
                }}
                onBlur={() => {
                    plot.current?.leave();
                }}
            />
            {isHeat && !isEmpty && <HeatChart scene={scene} />}
            <p class="unseen" role="status">
                {said}
            </p>
            <p class="legend" hidden={partial === 0}>{`◇ ${partialText(partial)}`}</p>
            <p class="empty" hidden={!isEmpty}>
                {isEmpty ? emptyText(dashboard, spec.metrics[0] ?? '') : ''}
            </p>
            <Marks scene={scene} />
            {!isEmpty && (
                <Legend
                    values={
                        cursor.value === null
                            ? values
                            : lineValues(columns, lines, statistic, cursor.value, scene.newestEvent)
                    }
                    unit={spec.unit}
                    statistic={statistic}
                    leading={leading}
                    title={spec.title}
                />
            )}
            {isTable && !isEmpty && <PointTable scene={scene} />}
        </section>
    );
}

/** Whether something can be seen, or soon: what is out of sight need not be drawn. */
function useSeen(host: RefObject<HTMLElement | null>): Signal<boolean> {
    const isSeen = useSignal(true);
    useLayoutEffect(() => {
        const observer = new IntersectionObserver(
            (entries) => {
                isSeen.value = entries.at(-1)?.isIntersecting ?? true;
            },
            { rootMargin: '200px' },
        );
        if (host.current !== null) {
            observer.observe(host.current);
        }
        return () => {
            observer.disconnect();
        };
    }, []);
    return isSeen;
}

/** What another plot has to be made for. */
function shapeOf({ lines, bands, hidden, height, statistic }: Scene): string {
    const keys = lines.map(({ key, position }) => [key, position]);
    const { span } = dashboard.selection;
    return JSON.stringify([
        ...[keys, bands, [...hidden], height, statistic, theme.value, zone.value, locale.value],
        ...[dashboard.selection.window, span],
    ]);
}

function toggleTable(key: string, isTable: boolean): () => void {
    return () => {
        setParameters({ table: isTable ? '' : key });
    };
}

/** How old the newest point of a chart is; a span of the past has no age. */
function Age({ newest }: { readonly newest: number }): VNode {
    followTicks();
    const { freshness, connection, selection } = dashboard;
    const now = dashboard.now();
    const isStale = connection !== 'live' || freshness.isStale(now);
    const isPast = selection.span !== undefined;
    return (
        <span class={isStale ? 'age stale' : 'age'} title="the age of the newest point">
            {newest === 0 || isPast ? '' : `${isStale ? '▲ ' : ''}${formatAge(now - newest)} old`}
        </span>
    );
}

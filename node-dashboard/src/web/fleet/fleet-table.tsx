import type { VNode } from 'preact';
import { useRef } from 'preact/hooks';
import { addressWith, go } from '../address.ts';
import { LAG_MEANING } from '../event-lag.ts';
import { formatAge, formatCount } from '../format.ts';
import { formatQuantity } from '../units.ts';
import { nextSorting, type PlacedRow, type Sorting } from './model.ts';
import { NUMBERS, type FleetRow, type NumberName } from './rows.ts';
import { useVirtual } from './virtual.ts';

/** As in fleet.css; on a phone a row is as high as a finger needs. */
const PHONE = matchMedia('(max-width: 640px)');
const rowHeight = (): number => (PHONE.matches ? 44 : 32);

const TITLES: Readonly<Record<NumberName, string>> = {
    ...{ avg: 'average', min: 'least', max: 'greatest', p95: '95th percentile', stddev: 'spread' },
    ...{ count: 'readings', lag: 'lag', age: 'age' },
};

const MEANINGS: Partial<Readonly<Record<NumberName, string>>> = {
    lag: LAG_MEANING,
    age: 'how long ago the newest reading of the newest complete window was',
};

interface TableProperties {
    readonly rows: readonly PlacedRow[];
    readonly open: ReadonlySet<string>;
    readonly sorting: Sorting;
    readonly unit: string;
    readonly onSort: (sorting: string) => void;
    readonly onToggle: (id: string) => void;
}

/** A table of thousands of series, of which only those in sight are on the page. */
export function FleetTable({ rows, open, sorting, unit, onSort, onToggle }: TableProperties): VNode {
    const box = useRef<HTMLDivElement>(null);
    const virtualizer = useVirtual(rows.length, rowHeight(), () => box.current);
    const focus = (index: number): void => {
        if (index < 0 || index >= rows.length) {
            return;
        }
        virtualizer.scrollToIndex(index);
        requestAnimationFrame(() => {
            box.current?.querySelector<HTMLElement>(`[data-index="${index}"] .fleet-name`)?.focus();
        });
    };
    const onKeyDown = (event: KeyboardEvent): void => {
        const row = (event.target as HTMLElement).closest<HTMLElement>('[data-index]');
        const index = row === null ? -1 : Number(row.dataset.index);
        const target = { ArrowDown: index + 1, ArrowUp: index - 1, Home: 0, End: rows.length - 1 }[event.key];
        if (target !== undefined) {
            event.preventDefault();
            focus(target);
        }
    };
    return (
        <div
            class="fleet-scroll"
            ref={box}
            tabIndex={0}
            role="region"
            aria-label="the series, as a table"
            onKeyDown={onKeyDown}
        >
            <div
                class="fleet-table"
                role="table"
                aria-rowcount={rows.length + 1}
                aria-labelledby="fleet-title"
            >
                <div role="rowgroup" class="fleet-head">
                    <div role="row" class="fleet-row" aria-rowindex={1}>
                        <Head name="name" title="series" sorting={sorting} onSort={onSort} />
                        {NUMBERS.map((name) => (
                            <Head
                                key={name}
                                name={name}
                                title={TITLES[name]}
                                meaning={MEANINGS[name] ?? ''}
                                sorting={sorting}
                                onSort={onSort}
                            />
                        ))}
                    </div>
                </div>
                <div role="rowgroup" class="fleet-body" style={{ height: `${virtualizer.getTotalSize()}px` }}>
                    {virtualizer.getVirtualItems().map(({ index, start }) => {
                        const placed = rows[index];
                        return placed === undefined ? null : (
                            <div
                                key={`${placed.isMember ? 'member ' : ''}${placed.row.id}`}
                                role="row"
                                class={`fleet-row${placed.isMember ? ' member' : ''}`}
                                aria-rowindex={index + 2}
                                data-index={index}
                                style={{ transform: `translateY(${start}px)` }}
                            >
                                <Cells
                                    row={placed.row}
                                    isOpen={open.has(placed.row.id)}
                                    unit={unit}
                                    onToggle={onToggle}
                                />
                            </div>
                        );
                    })}
                </div>
            </div>
        </div>
    );
}

function Head({
    name,
    title,
    meaning = '',
    sorting,
    onSort,
}: {
    readonly name: string;
    readonly title: string;
    /** What the column is, where its title does not say. */
    readonly meaning?: string;
    readonly sorting: Sorting;
    readonly onSort: (sorting: string) => void;
}): VNode {
    const isSorted = sorting.column === name;
    const mark = isSorted ? (sorting.descending ? ' ▼' : ' ▲') : '';
    return (
        <div
            role="columnheader"
            aria-sort={isSorted ? (sorting.descending ? 'descending' : 'ascending') : 'none'}
            data-column={name}
        >
            <button
                type="button"
                title={meaning}
                onClick={() => {
                    onSort(nextSorting(sorting, name));
                }}
            >
                {title}
                {mark}
            </button>
        </div>
    );
}

function Cells({
    row,
    isOpen,
    unit,
    onToggle,
}: {
    readonly row: FleetRow;
    readonly isOpen: boolean;
    readonly unit: string;
    readonly onToggle: (id: string) => void;
}): VNode {
    return (
        <>
            <div role="rowheader">
                {row.series === undefined ? (
                    <SeriesLink name={row.name} />
                ) : (
                    <GroupToggle row={row} {...{ isOpen, onToggle }} />
                )}
            </div>
            {NUMBERS.map((name) => (
                <div key={name} role="cell">
                    {textOf(name, row[name], unit)}
                </div>
            ))}
        </>
    );
}

function SeriesLink({ name }: { readonly name: string }): VNode {
    const address = addressWith({ page: '', series: name });
    return (
        <a
            class="fleet-name"
            href={address}
            title={name}
            onClick={(event) => {
                if (
                    event.button === 0 &&
                    !event.ctrlKey &&
                    !event.metaKey &&
                    !event.shiftKey &&
                    !event.altKey
                ) {
                    event.preventDefault();
                    openSeries(name);
                }
            }}
        >
            {name}
        </a>
    );
}

/** Shows a series on the first page. */
export function openSeries(name: string): void {
    go(addressWith({ page: '', series: name }));
    // What is selected is read from the address, as when somebody goes back to it.
    dispatchEvent(new PopStateEvent('popstate'));
}

function GroupToggle({
    row: { id, name, series },
    isOpen,
    onToggle,
}: {
    readonly row: FleetRow;
    readonly isOpen: boolean;
    readonly onToggle: (id: string) => void;
}): VNode {
    return (
        <button
            type="button"
            class="fleet-name"
            aria-expanded={isOpen}
            onClick={() => {
                onToggle(id);
            }}
        >
            {isOpen ? '▾' : '▸'} {name === '' ? 'without this part' : name}{' '}
            <span class="unit">{formatCount(series ?? 0)} series</span>
        </button>
    );
}

function textOf(name: NumberName, value: number | undefined, unit: string): string {
    if (value === undefined) {
        return '–';
    }
    return name === 'age' || name === 'lag'
        ? formatAge(value)
        : name === 'count'
          ? formatCount(value)
          : formatQuantity(value, unit);
}

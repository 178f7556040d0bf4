import { useSignal } from '@preact/signals';
import type { VNode } from 'preact';
import { useEffect, useLayoutEffect, useReducer, useRef } from 'preact/hooks';
import { formatCount } from '../format.ts';
import { theme } from '../theme.ts';
import { formatQuantity } from '../units.ts';
import { heatColor, heatLines, heatRange, shareOf, type HeatLine, type HeatValues } from './heat.ts';
import './heat.css';

/** The most lines, and how high they are, in pixels. */
const ROOM = 320;
const HIGHEST = 14;
/** A lower line has no room for its name, in pixels. */
const LEAST_NAMED = 12;

interface Cell {
    readonly line: number;
    readonly column: number;
}

export interface HeatMapProperties {
    readonly heat: HeatValues;
    /** What is shown, for those who cannot see it. */
    readonly what?: string;
    /** The series from top to bottom. */
    readonly series: readonly string[];
    readonly unit: string;
    /** What the window of a series is called that starts then. */
    readonly describe: (series: string, start: number) => string;
    readonly onChoose?: (series: string) => void;
    /** What stands below the first and the last column. */
    readonly axis?: readonly [begin: string, end: string];
}

/** All series over time, each window in the colour of its average. */
export function HeatMap({
    heat,
    series,
    unit,
    what = 'averages',
    describe,
    onChoose,
    axis,
}: HeatMapProperties): VNode {
    const canvas = useRef<HTMLCanvasElement>(null);
    const cursor = useSignal<Cell | null>(null);
    const [, drawAgain] = useReducer((times: number) => times + 1, 0);
    const scheme = theme.value;
    const lines = heatLines(heat, series, ROOM);
    const range = heatRange(lines);
    const height = Math.max(1, lines.length) * lineHeight(lines.length);
    const each = lines[0]?.series.length ?? 1;
    const isNamed = each === 1 && lineHeight(lines.length) >= LEAST_NAMED;

    useEffect(() => {
        const again = (): void => {
            drawAgain(null);
        };
        const observer = new ResizeObserver(again);
        if (canvas.current !== null) {
            observer.observe(canvas.current);
        }
        return () => {
            observer.disconnect();
        };
    }, []);
    useLayoutEffect(() => {
        if (canvas.current !== null) {
            draw(canvas.current, lines, height, { cursor: cursor.value, scheme });
        }
    });

    const place = (event: MouseEvent): Cell => {
        const box = (event.currentTarget as HTMLElement).getBoundingClientRect();
        return {
            line: clamp(Math.floor(((event.clientY - box.top) / box.height) * lines.length), lines.length),
            column: clamp(
                Math.floor(((event.clientX - box.left) / box.width) * heat.starts.length),
                heat.starts.length,
            ),
        };
    };
    const choose = (): void => {
        const [name] = lines[cursor.value?.line ?? -1]?.series ?? [];
        if (name !== undefined) {
            onChoose?.(name);
        }
    };
    const label =
        `${what} of ${formatCount(series.length)} series over ${formatCount(heat.starts.length)} windows; ` +
        'arrow keys read it';
    return (
        <div class="heat">
            <div class="heat-rows">
                {isNamed && (
                    <div class="heat-names" aria-hidden="true">
                        {lines.map(({ series: [name = ''] }) => (
                            <span key={name} title={name} style={{ height: `${lineHeight(lines.length)}px` }}>
                                {name}
                            </span>
                        ))}
                    </div>
                )}
                <div class="heat-plot">
                    <canvas
                        ref={canvas}
                        tabIndex={0}
                        role="img"
                        aria-label={label}
                        style={{ height: `${height}px` }}
                        onPointerMove={(event) => {
                            cursor.value = place(event);
                        }}
                        onPointerLeave={() => {
                            cursor.value = null;
                        }}
                        onClick={(event) => {
                            cursor.value = place(event);
                            choose();
                        }}
                        onKeyDown={(event) => {
                            const moved = movedBy(
                                event.key,
                                cursor.value ?? { line: 0, column: heat.starts.length },
                            );
                            if (moved !== null) {
                                event.preventDefault();
                                const { line, column } = moved;
                                cursor.value = {
                                    line: clamp(line, lines.length),
                                    column: clamp(column, heat.starts.length),
                                };
                            } else if (event.key === 'Enter') {
                                choose();
                            }
                        }}
                    />
                    {axis !== undefined && (
                        <p class="unit heat-axis" aria-hidden="true">
                            {axis.map((text, place) => (
                                <span key={place}>{text}</span>
                            ))}
                        </p>
                    )}
                </div>
            </div>
            <p class="unit heat-words" role="status">
                {wordsOf(lines, cursor.value, heat.starts, { unit, describe }) ??
                    scaleWords(range, unit, each)}
            </p>
        </div>
    );
}

function lineHeight(lines: number): number {
    return Math.max(1, Math.min(HIGHEST, Math.floor(ROOM / Math.max(1, lines))));
}

function clamp(place: number, count: number): number {
    return Math.max(0, Math.min(count - 1, place));
}

function movedBy(key: string, { line, column }: { line: number; column: number }) {
    switch (key) {
        case 'ArrowUp':
            return { line: line - 1, column };
        case 'ArrowDown':
            return { line: line + 1, column };
        case 'ArrowLeft':
            return { line, column: column - 1 };
        case 'ArrowRight':
            return { line, column: column + 1 };
        default:
            return null;
    }
}

function scaleWords(range: { low: number; high: number } | null, unit: string, each: number): string {
    if (range === null) {
        return 'no complete window has come in yet';
    }
    const scale =
        `from ${formatQuantity(range.low, unit)} (faint) to ${formatQuantity(range.high, unit)} (strong); ` +
        'empty where there is no window';
    const pooled = `; each line stands for up to ${formatCount(each)} series, and shows the greatest of them`;
    return `${scale}${each > 1 ? pooled : ''}`;
}

function wordsOf(
    lines: readonly HeatLine[],
    cursor: Cell | null,
    starts: readonly number[],
    { unit, describe }: Pick<HeatMapProperties, 'unit' | 'describe'>,
): string | null {
    const line = lines[cursor?.line ?? -1];
    const start = starts[cursor?.column ?? -1];
    if (line === undefined || start === undefined) {
        return null;
    }
    const value = line.values[cursor?.column ?? -1] ?? null;
    const [first = '', ...others] = line.series;
    const more = others.length === 0 ? '' : ` and ${formatCount(others.length)} more, the greatest`;
    const told = value === null ? 'no window' : formatQuantity(value, unit);
    return `${describe(first, start)}${more}: ${told}`;
}

function draw(
    canvas: HTMLCanvasElement,
    lines: readonly HeatLine[],
    height: number,
    { cursor, scheme }: { readonly cursor: Cell | null; readonly scheme: 'light' | 'dark' },
): void {
    const ratio = devicePixelRatio;
    const [width, tall] = [Math.max(1, Math.round(canvas.clientWidth * ratio)), Math.round(height * ratio)];
    canvas.width = width;
    canvas.height = tall;
    const context = canvas.getContext('2d');
    const range = heatRange(lines);
    if (context === null || range === null) {
        return;
    }
    const columns = lines[0]?.values.length ?? 1;
    // Whole pixels, or there would be seams between the cells.
    const x = (column: number): number => Math.round((column / columns) * width);
    const y = (line: number): number => Math.round((line / lines.length) * tall);
    lines.forEach(({ values }, line) => {
        values.forEach((value, column) => {
            if (value !== null) {
                context.fillStyle = heatColor(shareOf(value, range), scheme);
                context.fillRect(x(column), y(line), x(column + 1) - x(column), y(line + 1) - y(line));
            }
        });
    });
    if (cursor !== null) {
        const { line, column } = cursor;
        context.strokeStyle = '#e8710a';
        context.lineWidth = 2 * ratio;
        context.strokeRect(
            x(column),
            y(line),
            x(column + 1) - x(column),
            Math.max(3 * ratio, y(line + 1) - y(line)),
        );
    }
}

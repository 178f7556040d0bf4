import { element } from '../dom.ts';
import { lineStyle } from '../palette.ts';
import type { Scene } from './scene.ts';
import { WINDOW_FIELDS } from '../../shared/generated/window.ts';

/** Fields of a point that are times, in milliseconds since the epoch: written as ISO 8601. */
const TIMES = new Set<string>(WINDOW_FIELDS.filter(({ kind }) => kind === 'time').map(({ name }) => name));
const PADDING = 16;
const TITLE_HEIGHT = 28;
const ROW_HEIGHT = 20;

/** What a chart shows, as CSV (RFC 4180): a row for each point of each line that is drawn, with all that is known. */
export function csvOf({ lines, columns, hidden }: Pick<Scene, 'lines' | 'columns' | 'hidden'>): string {
  const points = lines
    .filter(({ series }) => !hidden.has(series))
    .flatMap((line) =>
      (columns.rows.get(line.key) ?? []).flatMap((point) => (point === undefined ? [] : [{ line, point }])),
    );
  const known = new Set(points.flatMap(({ point }) => Object.keys(point)));
  const OWN = ['stream', 'series', 'metric', 'window', 'emitted'];
  const fields = [...known].filter((name) => !OWN.includes(name));
  const rows = points.map(({ line, point }) => [
    ...[line.series, line.metric].map(harmless),
    ...fields.map((name) => cell(name, (point as unknown as Readonly<Record<string, unknown>>)[name])),
  ]);
  return [['series', 'metric', ...fields], ...rows].map((row) => `${row.map(quoted).join(',')}\r\n`).join('');
}

function cell(name: string, value: unknown): string {
  if (typeof value === 'number') {
    return TIMES.has(name) ? new Date(value).toISOString() : String(value);
  }
  return typeof value === 'string' || typeof value === 'boolean' ? harmless(String(value)) : '';
}

/**
 * A name that a spreadsheet would take for a formula begins with an apostrophe, so that it is a text there: whoever
 * names a series must not compute in the sheet of whoever looks at it:
 * https://owasp.org/www-community/attacks/CSV_Injection.
 */
function harmless(text: string): string {
  return /^[=+\-@\t\r\n]/.test(text) ? `'${text}` : text;
}

function quoted(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** The chart as it is drawn, with its title and the names of its lines. */
export async function pngOf(
  drawn: HTMLCanvasElement,
  title: string,
  { lines, hidden }: Scene,
): Promise<Blob> {
  const ratio = devicePixelRatio;
  const style = getComputedStyle(document.documentElement);
  const names = lines.filter(({ series }) => !hidden.has(series));
  const canvas = element('canvas');
  canvas.width = drawn.width + 2 * PADDING * ratio;
  const perRow = Math.max(1, Math.floor(drawn.width / ratio / 220));
  const rows = Math.ceil(names.length / perRow);
  canvas.height = drawn.height + (2 * PADDING + TITLE_HEIGHT + rows * ROW_HEIGHT) * ratio;
  const context = canvas.getContext('2d');
  if (context === null) {
    throw new Error('this browser cannot draw a picture');
  }
  context.fillStyle = style.getPropertyValue('--card');
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(drawn, PADDING * ratio, (PADDING + TITLE_HEIGHT) * ratio);
  context.scale(ratio, ratio);
  context.fillStyle = style.getPropertyValue('--text');
  context.font = '600 15px system-ui, sans-serif';
  context.fillText(title, PADDING, PADDING + 14);
  context.font = '12px system-ui, sans-serif';
  names.forEach(({ label, position }, index) => {
    const x = PADDING + (index % perRow) * 220;
    const y = drawn.height / ratio + PADDING + TITLE_HEIGHT + (Math.floor(index / perRow) + 0.7) * ROW_HEIGHT;
    context.fillStyle = lineStyle(position).color;
    context.fillRect(x, y - 5, 14, 3);
    context.fillStyle = style.getPropertyValue('--text');
    context.fillText(label, x + 20, y, 190);
  });
  return new Promise((resolve, reject) => {
    canvas.toBlob((blob) => {
      if (blob === null) {
        reject(new Error('this browser cannot make a picture of the chart'));
      } else {
        resolve(blob);
      }
    }, 'image/png');
  });
}

/** Lets the browser save something. */
export function save(blob: Blob, name: string): void {
  const link = element('a');
  link.href = URL.createObjectURL(blob);
  link.download = name.replace(/[^\p{L}\p{N}._-]+/gu, '-');
  link.click();
  setTimeout(() => {
    URL.revokeObjectURL(link.href);
  }, 60_000);
}

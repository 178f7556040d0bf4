import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { lineStyle } from '../src/web/palette.ts';

const css = readFileSync(path.join(import.meta.dirname, '../src/web/style.css'), 'utf8');

/** The colours of one theme by name: in the style sheet, the light one comes first. */
function theme(index: number): (name: string) => string {
  return (name) => {
    const found = [...css.matchAll(new RegExp(`--${name}: (#[0-9a-f]{6})`, 'g'))][index]?.[1];
    if (found === undefined) {
      throw new Error(`the style sheet has no --${name}`);
    }
    return found;
  };
}

/** The relative luminance of WCAG 2. */
function luminance(color: string): number {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) => {
    const part = parseInt(color.slice(at, at + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function contrast(one: string, other: string): number {
  const [darker = 0, lighter = 0] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (lighter + 0.05) / (darker + 0.05);
}

describe.each([
  ['light', theme(0)],
  ['dark', theme(1)],
])('in the %s theme', (_, color) => {
  it.each(['text', 'muted', 'good', 'warning', 'accent'])('%s can be read on a card', (name) => {
    expect(contrast(color(name), color('card'))).toBeGreaterThan(4.5);
  });

  it('a warning can be read on its ground', () => {
    expect(contrast(color('warning'), color('warning-ground'))).toBeGreaterThan(4.5);
  });

  it.each(Array.from({ length: 10 }, (_, position) => lineStyle(position).color))(
    'a line of %s can be seen',
    (line) => {
      expect(contrast(line, color('card'))).toBeGreaterThan(3);
    },
  );
});

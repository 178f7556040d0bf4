/** The colours of a badge; what it says stands in it as well. White text on each has a contrast of at least 4.5. */
export const COLOURS = { good: '#1a7f37', bad: '#b42318', unknown: '#57606a' } as const;

const LABEL_COLOUR = '#24292f';
const HEIGHT = 20;
/** Of the font at this size, an average character; the text is squeezed into what was reckoned with. */
const CHARACTER = 6.6;
const MARGIN = 8;
const LONGEST = 60;

/** A picture with two words beside each other, as SVG without script, style and fonts from elsewhere. */
export function badge(label: string, value: string, colour: string): string {
  const [left, right] = [shortened(label), shortened(value)];
  const [leftWidth, rightWidth] = [widthOf(left), widthOf(right)];
  const width = leftWidth + rightWidth;
  const title = `${escaped(label)}: ${escaped(value)}`;
  const word = (text: string, x: number, space: number): string =>
    `<text x="${x}" y="14" textLength="${space - 2 * MARGIN}" lengthAdjust="spacingAndGlyphs">${escaped(text)}</text>`;
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${HEIGHT}" role="img" aria-label="${title}">` +
    `<title>${title}</title>` +
    `<rect width="${width}" height="${HEIGHT}" rx="3" fill="${LABEL_COLOUR}"/>` +
    `<rect x="${leftWidth}" width="${rightWidth}" height="${HEIGHT}" rx="3" fill="${colour}"/>` +
    `<g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">` +
    `${word(left, MARGIN, leftWidth)}${word(right, leftWidth + MARGIN, rightWidth)}</g></svg>`
  );
}

function shortened(text: string): string {
  const characters = Array.from(text);
  return characters.length > LONGEST ? `${characters.slice(0, LONGEST - 1).join('')}…` : text;
}

function widthOf(text: string): number {
  return Math.ceil(Array.from(text).length * CHARACTER) + 2 * MARGIN;
}

/** As text or attribute of XML; what XML cannot have at all is left out. */
function escaped(text: string): string {
  return text
    .replace(/[^\t\n\r\x20-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, '')
    .replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

/** A number as a badge has room for it. */
export function formatNumber(value: number): string {
  return String(Number(value.toPrecision(4)));
}

/** What cannot be seen, or changes how what follows is shown; tabs and line breaks are neither. */
const UNSEEN = /(?![\t\n])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

/** The beginning of bytes as text that people can look at; what is no UTF-8 becomes the replacement character. */
export function visibleText(bytes: Buffer, most: number): { text: string; truncated: boolean } {
  const truncated = bytes.length > most;
  // Only what is shown is decoded: a part of a longer text would keep all of it in memory.
  const decoded = bytes.toString('utf8', 0, truncated ? characterBoundary(bytes, most) : bytes.length);
  return { text: decoded.replace(UNSEEN, escaped), truncated };
}

function escaped(character: string): string {
  return `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;
}

/** The last place up to `most` at which no character is cut in two. */
function characterBoundary(bytes: Buffer, most: number): number {
  let end = most;
  // Bytes that begin with 10 go on with a character, which has at most three of them.
  while (end > most - 3 && ((bytes[end] ?? 0) & 0xc0) === 0x80) {
    end -= 1;
  }
  return end;
}

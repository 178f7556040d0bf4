import { ParseError, parseTOML, type AST } from 'toml-eslint-parser';

/** The way to a value from the file on: keys, and numbers of tables in a list. */
export type Place = readonly (string | number)[];

/**
 * The line, from 1, on which a value stands; where it is missing, that of the table in which it would stand. Null for
 * what this parser takes for no TOML, though the one that reads the values does: it knows a little more of dates.
 */
export function lineOf(toml: string, place: Place): number | null {
  try {
    return find(parseTOML(toml.replace(/^\ufeff/, ''), { tomlVersion: 'latest' }), place);
  } catch (error) {
    if (error instanceof ParseError) {
      return null;
    }
    throw error;
  }
}

function find(document: AST.TOMLProgram, place: Place): number {
  const lines = new Map<string, number>([[nameOf([]), 1]]);
  for (const node of document.body[0].body) {
    if (node.type === 'TOMLKeyValue') {
      addKey(lines, [], node);
    } else {
      add(lines, node.resolvedKey, node);
      node.body.forEach((key) => {
        addKey(lines, node.resolvedKey, key);
      });
    }
  }
  const ways = Array.from({ length: place.length + 1 }, (_, left) => place.slice(0, place.length - left));
  return ways.map((way) => lines.get(nameOf(way))).find((line) => line !== undefined) ?? 1;
}

function addKey(lines: Map<string, number>, table: Place, { key, value }: AST.TOMLKeyValue): void {
  const names = key.keys.map((part) => (part.type === 'TOMLBare' ? part.name : part.value));
  add(lines, [...table, ...names], key);
  addValue(lines, [...table, ...names], value);
}

function addValue(lines: Map<string, number>, place: Place, value: AST.TOMLContentNode): void {
  if (value.type === 'TOMLInlineTable') {
    value.body.forEach((key) => {
      addKey(lines, place, key);
    });
  } else if (value.type === 'TOMLArray') {
    value.elements.forEach((element, index) => {
      add(lines, [...place, index], element);
      addValue(lines, [...place, index], element);
    });
  }
}

/** What lies on the way is there by this as well; of what is named several times the first line counts. */
function add(lines: Map<string, number>, place: Place, { loc }: AST.TOMLNode): void {
  for (let length = 1; length <= place.length; length += 1) {
    const name = nameOf(place.slice(0, length));
    lines.set(name, lines.get(name) ?? loc.start.line);
  }
}

function nameOf(place: Place): string {
  return JSON.stringify(place);
}

/** Whether a name is one of those that the pattern means: `*` stands for any characters, also none. */
export function matches(pattern: string, name: string): boolean {
  const [start = '', ...parts] = pattern.split('*');
  const end = parts.pop();
  if (end === undefined) {
    return pattern === name;
  }
  if (!name.startsWith(start)) {
    return false;
  }
  // What comes first leaves most to the parts behind it.
  let place = start.length;
  for (const part of parts) {
    const found = name.indexOf(part, place);
    if (found < 0) {
      return false;
    }
    place = found + part.length;
  }
  return name.length - end.length >= place && name.endsWith(end);
}

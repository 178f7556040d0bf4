/** Whether there may be a name that both patterns mean. */
export function overlap(one: string, other: string): boolean {
  // By how much of the one is left: whether that overlaps with what is left of the other, for each place in it.
  let below = Array.from({ length: other.length + 1 }, (_, place) => /^\**$/.test(other.slice(place)));
  for (let left = one.length - 1; left >= 0; left -= 1) {
    const character = one[left];
    const row: boolean[] = [];
    row[other.length] = below[other.length] === true && character === '*';
    for (let place = other.length - 1; place >= 0; place -= 1) {
      const isAny = character === '*' || other[place] === '*';
      row[place] = isAny
        ? below[place] === true || row[place + 1] === true
        : below[place + 1] === true && character === other[place];
    }
    below = row;
  }
  return below[0] === true;
}

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

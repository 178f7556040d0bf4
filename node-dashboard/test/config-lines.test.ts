import { expect, it } from 'vitest';
import { lineOf, type Place } from '../src/server/config-lines.ts';

const TOML = `# a comment
top = 1
"quoted key" = 2

[kafka]
security.protocol = "ssl" # a dotted key
security.username = """
of several lines"""

[kafka.'odd.name']
inside = { a = 1, b = { c = 2 } }

[[stream]]
name = "one"
windows = [
  "10s",
  "1m",
]
[stream.time]
field = "at"

[[stream.chart]]
metrics = ["a"]
[[stream.chart]]
metrics = ["b"]

[[stream]]
inline = [
  { x = 1 },
  { x = 2,
    y = 3 },
]
`;

it.each<[Place, number]>([
  [['top'], 2],
  [['quoted key'], 3],
  [['kafka'], 5],
  [['kafka', 'security'], 6],
  [['kafka', 'security', 'protocol'], 6],
  [['kafka', 'security', 'username'], 7],
  [['kafka', 'odd.name'], 10],
  [['kafka', 'odd.name', 'inside', 'b', 'c'], 11],
  [['stream'], 13],
  [['stream', 0, 'name'], 14],
  [['stream', 0, 'windows', 1], 17],
  [['stream', 0, 'time', 'field'], 20],
  [['stream', 0, 'chart', 1, 'metrics'], 25],
  [['stream', 1], 27],
  [['stream', 1, 'inline', 1, 'y'], 31],
])('the line of %j', (place, line) => {
  expect(lineOf(TOML, place)).toBe(line);
});

it('is known of a file that begins with a byte order mark, as some editors write it', () => {
  expect(lineOf('\ufeff\na = 1\n', ['a'])).toBe(2);
});

it('is not known where the parsers differ', () => {
  expect(lineOf('a = 1979-02-30\n', ['a'])).toBeNull();
});

it.each<[Place, number]>([
  [[], 1],
  [['source'], 1],
  [['kafka', 'partitions'], 5],
  [['kafka', 'security', 'password'], 6],
  [['stream', 0, 'values'], 13],
  [['stream', 0, 'time', 'unit'], 19],
  [['stream', 1, 'name'], 27],
  [['stream', 2, 'name'], 13],
])('what is missing is missing in its table: %j', (place, line) => {
  expect(lineOf(TOML, place)).toBe(line);
});

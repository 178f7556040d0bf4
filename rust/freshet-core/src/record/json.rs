//! JSON records: RFC 8259, one object per record.
//!
//! One pass over the bytes checks the whole text, also what no field asks for, and notes where the wanted fields stand; a
//! number is converted only when it is one of them, and a text copied only when it has escapes. Of duplicate keys the last
//! one counts, as in Spark.
//!
//! The records of a stream mostly have the same keys in the same order. So each object of the tree of wanted fields
//! remembers the keys it had in the record before, and a key that is the expected one is neither scanned nor looked up.

use std::fmt;

use super::bytes::find_special;
use super::fields::{Fields, Row};
use super::path::Path;
use super::{KEPT_BYTES, MAX_DEPTH, Rejection, RowReader};
use crate::wire::ReasonCode;

/// Reads JSON records.
pub(super) struct JsonReader {
    /// The tree of the places that lead to a field; the record itself comes first.
    nodes: Vec<Node>,
    /// For every node the keys of the object that stood there in the record before.
    shapes: Vec<Shape>,
    /// A key that is written with escapes.
    key: String,
}

/// A place in the record that is on the way to a field, or a field itself.
#[derive(Debug, Default)]
struct Node {
    children: Vec<Child>,
    /// The slots of the fields at this very place.
    slots: Vec<usize>,
}

#[derive(Debug)]
struct Child {
    key: String,
    /// The key as the index of a list, where it is a number.
    index: Option<usize>,
    node: usize,
}

/// The keys of an object, in their order.
type Shape = Vec<ExpectedKey>;

/// Objects of more keys are remembered up to here.
const MAX_SHAPE: usize = 64;

/// A longer key is not remembered: it comes from outside, and what is remembered stays.
const MAX_REMEMBERED: usize = 256;

/// In place of a key that is not remembered: a byte that no text in UTF-8 has.
const NO_KEY: &[u8] = &[0xff];

const ROOT: usize = 0;

impl JsonReader {
    /// The position of a path in the list is its slot.
    pub(super) fn new(paths: &[&Path]) -> Self {
        let mut nodes = vec![Node::default()];
        for (slot, path) in paths.iter().enumerate() {
            let place = path.segments().iter().fold(ROOT, |at, key| child(&mut nodes, at, key));
            nodes[place].slots.push(slot);
        }
        let shapes = nodes.iter().map(|_| Shape::new()).collect();
        Self { nodes, shapes, key: String::new() }
    }
}

fn child(nodes: &mut Vec<Node>, parent: usize, key: &str) -> usize {
    let known = nodes[parent].children.iter().find(|child| child.key == key);
    if let Some(child) = known {
        return child.node;
    }
    let node = nodes.len();
    nodes.push(Node::default());
    // "01" is a key and no index: an index is written in one way only.
    let index = key.parse().ok().filter(|index: &usize| index.to_string() == key);
    nodes[parent].children.push(Child { key: key.to_owned(), index, node });
    node
}

impl Node {
    fn find_key(&self, key: &str) -> Option<usize> {
        self.children.iter().find(|child| child.key == key).map(|child| child.node)
    }

    fn find_index(&self, index: usize) -> Option<usize> {
        self.children.iter().find(|child| child.index == Some(index)).map(|child| child.node)
    }
}

impl RowReader for JsonReader {
    fn read(
        &mut self,
        text: &str,
        fields: &mut Fields,
        mut accept: impl FnMut(Row<'_>) -> Result<(), Rejection>,
    ) -> Result<(), Rejection> {
        fields.clear();
        let Self { nodes, shapes, key } = self;
        let mut scan = Scan { text, bytes: text.as_bytes(), at: 0, nodes, shapes, key, fields };
        let (outcome, at) = (scan.record(), scan.at);
        key.clear();
        key.shrink_to(KEPT_BYTES);
        match outcome {
            Ok(()) => accept(fields.row(text)),
            Err(fault) => Err(fault.rejection(text, at)),
        }
    }
}

/// What is wrong with a text.
#[derive(Debug, Clone, Copy)]
enum Fault {
    Expected(&'static str),
    ControlCharacter,
    Escape,
    LoneSurrogate,
    TooDeep,
}

impl Fault {
    fn rejection(self, text: &str, at: usize) -> Rejection {
        match self {
            Self::TooDeep => {
                Rejection::new(ReasonCode::TooDeep, format!("nested deeper than {MAX_DEPTH}"))
            }
            _ if text.is_empty() => Rejection::new(ReasonCode::InvalidJson, "the record is empty"),
            _ if text.starts_with('\u{feff}') => Rejection::new(
                ReasonCode::InvalidJson,
                "begins with a byte order mark; let the sender leave it out",
            ),
            _ => {
                let (at, length) = (at + 1, text.len());
                let place = if at > length {
                    "at the end".to_owned()
                } else {
                    format!("at byte {at} of {length}")
                };
                Rejection::new(ReasonCode::InvalidJson, format!("{self} {place}"))
            }
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Expected(what) => return write!(f, "expected {what}"),
            Self::ControlCharacter => "an unescaped control character",
            Self::Escape => "an invalid escape",
            Self::LoneSurrogate => "a lone surrogate",
            Self::TooDeep => "too deep",
        })
    }
}

/// Where a string stands: between its quotes in the record, or decoded.
enum StringAt {
    Record(usize, usize),
    Buffer,
}

/// One pass over a record. `at` is the next byte; after a fault it is where that was found.
struct Scan<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    nodes: &'a [Node],
    shapes: &'a mut [Shape],
    key: &'a mut String,
    fields: &'a mut Fields,
}

impl Scan<'_> {
    fn record(&mut self) -> Result<(), Fault> {
        self.skip_whitespace();
        if self.peek() != Some(b'{') {
            return Err(Fault::Expected("a JSON object"));
        }
        self.object(Some(ROOT), 1)?;
        self.skip_whitespace();
        if self.at == self.bytes.len() { Ok(()) } else { Err(Fault::Expected("the end")) }
    }

    #[inline]
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    #[inline]
    fn skip_whitespace(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// Reads one value: into the slots of its node, or, without a node, only to check it.
    fn value(&mut self, node: Option<usize>, depth: usize) -> Result<(), Fault> {
        match self.peek() {
            Some(b'"') => self.string_value(node),
            Some(b'-' | b'0'..=b'9') => self.number(node),
            Some(b'{') => self.object(node, depth + 1),
            Some(b'[') => self.array(node, depth + 1),
            Some(b't') => self.literal(b"true", node, |fields, slot| fields.set_bool(slot, true)),
            Some(b'f') => self.literal(b"false", node, |fields, slot| fields.set_bool(slot, false)),
            Some(b'n') => self.literal(b"null", node, Fields::set_null),
            _ => Err(Fault::Expected("a value")),
        }
    }

    fn capture(&mut self, node: Option<usize>, set: impl Fn(&mut Fields, usize)) {
        let Some(node) = node else { return };
        let Node { children, slots } = &self.nodes[node];
        for slot in slots {
            set(self.fields, *slot);
        }
        // What an earlier key of the same name left below this place does not count any more.
        for child in children {
            self.forget(child.node);
        }
    }

    fn forget(&mut self, node: usize) {
        self.capture(Some(node), Fields::set_missing);
    }

    fn literal(
        &mut self,
        word: &[u8],
        node: Option<usize>,
        set: impl Fn(&mut Fields, usize),
    ) -> Result<(), Fault> {
        if !self.bytes[self.at..].starts_with(word) {
            return Err(Fault::Expected("a value"));
        }
        self.at += word.len();
        self.capture(node, set);
        Ok(())
    }

    fn number(&mut self, node: Option<usize>) -> Result<(), Fault> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        match self.peek() {
            Some(b'0') => self.at += 1,
            _ => self.digits()?,
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        let range = start..self.at;
        self.capture(node, |fields, slot| fields.set_number(slot, &range));
        Ok(())
    }

    /// One digit or more.
    #[inline]
    fn digits(&mut self) -> Result<(), Fault> {
        let rest = &self.bytes[self.at..];
        let count = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.at += count;
        if count == 0 { Err(Fault::Expected("a digit")) } else { Ok(()) }
    }

    fn string_value(&mut self, node: Option<usize>) -> Result<(), Fault> {
        let start = self.at + 1;
        if self.plain_string()? {
            let range = start..self.at - 1;
            self.capture(node, |fields, slot| fields.set_text(slot, &range));
            return Ok(());
        }
        let mut decoded = std::mem::take(self.fields.buffer());
        let from = decoded.len();
        let outcome = self.escaped_string(start, &mut decoded);
        let range = from..decoded.len();
        *self.fields.buffer() = decoded;
        outcome?;
        self.capture(node, |fields, slot| fields.set_decoded(slot, &range));
        Ok(())
    }

    /// Reads a string from its opening quote on: true when it ended, false when `at` is its first escape.
    #[inline]
    fn plain_string(&mut self) -> Result<bool, Fault> {
        self.at += 1;
        self.skip_plain_characters();
        match self.peek() {
            Some(b'"') => {
                self.at += 1;
                Ok(true)
            }
            Some(b'\\') => Ok(false),
            Some(_) => Err(Fault::ControlCharacter),
            None => Err(Fault::Expected("the end of a string")),
        }
    }

    /// Stops at the next quote, backslash or control character, or at the end.
    #[inline]
    fn skip_plain_characters(&mut self) {
        self.at = find_special(self.bytes, self.at, b'"', b'\\');
    }

    /// Reads the rest of a string whose plain beginning goes from `start` to here, and appends it decoded.
    fn escaped_string(&mut self, start: usize, decoded: &mut String) -> Result<(), Fault> {
        let mut plain = start;
        loop {
            decoded.push_str(&self.text[plain..self.at]);
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(b'\\') => decoded.push(self.escape()?),
                Some(_) => return Err(Fault::ControlCharacter),
                None => return Err(Fault::Expected("the end of a string")),
            }
            plain = self.at;
            self.skip_plain_characters();
        }
    }

    fn escape(&mut self) -> Result<char, Fault> {
        let character = match self.bytes.get(self.at + 1) {
            Some(b'u') => return self.unicode_escape(),
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            _ => return Err(Fault::Escape),
        };
        self.at += 2;
        Ok(character)
    }

    /// `\u` and four hexadecimal digits; characters beyond the first 65,536 are two of them, a pair of surrogates.
    fn unicode_escape(&mut self) -> Result<char, Fault> {
        let first = self.code_unit(self.at)?;
        let (units, length) = if (0xd800..0xdc00).contains(&first) {
            let second = self.code_unit(self.at + 6).map_err(|_| Fault::LoneSurrogate)?;
            ([first, second], 2)
        } else {
            ([first, 0], 1)
        };
        let character = char::decode_utf16(units.into_iter().take(length)).next();
        let character = character.and_then(Result::ok).ok_or(Fault::LoneSurrogate)?;
        self.at += 6 * length;
        Ok(character)
    }

    fn code_unit(&self, at: usize) -> Result<u16, Fault> {
        let Some([b'\\', b'u', digits @ ..]) = self.bytes.get(at..at + 6) else {
            return Err(Fault::Escape);
        };
        digits.iter().try_fold(0, |unit: u16, digit| {
            let digit = char::from(*digit).to_digit(16).ok_or(Fault::Escape)?;
            #[expect(clippy::cast_possible_truncation, reason = "a hexadecimal digit")]
            Ok(unit << 4 | digit as u16)
        })
    }

    fn enter(&mut self, node: Option<usize>, depth: usize) -> Result<(), Fault> {
        if depth > MAX_DEPTH {
            return Err(Fault::TooDeep);
        }
        self.at += 1;
        // The record itself is no field, and nothing was found before it.
        if depth > 1 {
            self.capture(node, Fields::set_nested);
        }
        self.skip_whitespace();
        Ok(())
    }

    fn array(&mut self, node: Option<usize>, depth: usize) -> Result<(), Fault> {
        self.enter(node, depth)?;
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(());
        }
        for index in 0.. {
            let item = node.and_then(|node| self.nodes[node].find_index(index));
            self.value(item, depth)?;
            if !self.goes_on(b']', "',' or ']'")? {
                break;
            }
        }
        Ok(())
    }

    fn object(&mut self, node: Option<usize>, depth: usize) -> Result<(), Fault> {
        self.enter(node, depth)?;
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(());
        }
        for position in 0.. {
            let member = match node {
                Some(node) => self.member(node, position)?,
                None => self.skip_key()?,
            };
            self.value(member, depth)?;
            if !self.goes_on(b'}', "',' or '}'")? {
                break;
            }
        }
        Ok(())
    }

    /// After an item: true at a comma, false at the closing bracket.
    #[inline]
    fn goes_on(&mut self, closing: u8, expected: &'static str) -> Result<bool, Fault> {
        self.skip_whitespace();
        let byte = self.peek();
        if byte == Some(b',') {
            self.at += 1;
            self.skip_whitespace();
            return Ok(true);
        }
        if byte == Some(closing) {
            self.at += 1;
            return Ok(false);
        }
        Err(Fault::Expected(expected))
    }

    /// Reads a key with its colon, and says which place it leads to.
    #[inline]
    fn member(&mut self, node: usize, position: usize) -> Result<Option<usize>, Fault> {
        let expected = self.shapes[node].get(position);
        if let Some(key) = expected.filter(|key| key.begins(&self.bytes[self.at..])) {
            let child = key.node;
            self.at += key.written.len();
            self.skip_whitespace();
            return Ok(child);
        }
        self.unexpected_member(node, position)
    }

    fn unexpected_member(&mut self, node: usize, position: usize) -> Result<Option<usize>, Fault> {
        let start = self.at;
        let string = self.key()?;
        let key = match string {
            StringAt::Record(from, to) => &self.text[from..to],
            StringAt::Buffer => &*self.key,
        };
        let child = self.nodes[node].find_key(key);
        self.colon()?;
        let written = &self.bytes[start..self.at];
        self.skip_whitespace();
        learn(&mut self.shapes[node], position, written, child);
        Ok(child)
    }

    fn skip_key(&mut self) -> Result<Option<usize>, Fault> {
        self.key()?;
        self.colon()?;
        self.skip_whitespace();
        Ok(None)
    }

    fn key(&mut self) -> Result<StringAt, Fault> {
        if self.peek() != Some(b'"') {
            return Err(Fault::Expected("a key"));
        }
        let start = self.at + 1;
        if self.plain_string()? {
            return Ok(StringAt::Record(start, self.at - 1));
        }
        let mut key = std::mem::take(self.key);
        key.clear();
        let outcome = self.escaped_string(start, &mut key);
        *self.key = key;
        outcome?;
        Ok(StringAt::Buffer)
    }

    fn colon(&mut self) -> Result<(), Fault> {
        self.skip_whitespace();
        if self.peek() != Some(b':') {
            return Err(Fault::Expected("':'"));
        }
        self.at += 1;
        Ok(())
    }
}

/// A key as it was written, from its opening quote to the colon.
#[derive(Debug)]
struct ExpectedKey {
    written: Vec<u8>,
    /// Its first 16 bytes, zeros after the end: one comparison is faster than that of a slice.
    beginning: u128,
    mask: u128,
    /// The place that the key leads to.
    node: Option<usize>,
}

const BEGINNING: usize = size_of::<u128>();

impl ExpectedKey {
    fn new(written: &[u8], node: Option<usize>) -> Self {
        let mut key = Self { written: Vec::new(), beginning: 0, mask: 0, node };
        key.set(written, node);
        key
    }

    fn set(&mut self, written: &[u8], node: Option<usize>) {
        let length = written.len().min(BEGINNING);
        let (mut beginning, mut mask) = ([0; BEGINNING], [0; BEGINNING]);
        beginning[..length].copy_from_slice(&written[..length]);
        mask[..length].fill(u8::MAX);
        self.beginning = u128::from_le_bytes(beginning);
        self.mask = u128::from_le_bytes(mask);
        self.node = node;
        self.written.clear();
        self.written.extend_from_slice(written);
    }

    #[inline]
    fn begins(&self, bytes: &[u8]) -> bool {
        match bytes.first_chunk() {
            Some(beginning) if self.written.len() <= BEGINNING => {
                u128::from_le_bytes(*beginning) & self.mask == self.beginning
            }
            _ => bytes.starts_with(&self.written),
        }
    }
}

/// Remembers a key of an object. An object that has other keys than the one before costs this much for each of them, so
/// the place of an old key is reused.
fn learn(shape: &mut Shape, position: usize, written: &[u8], node: Option<usize>) {
    let written = if written.len() > MAX_REMEMBERED { NO_KEY } else { written };
    match shape.get_mut(position) {
        Some(key) => key.set(written, node),
        None if position < MAX_SHAPE => shape.push(ExpectedKey::new(written, node)),
        None => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(reader: &mut JsonReader, text: &str) -> Option<String> {
        let mut found = None;
        let mut fields = Fields::new(1);
        reader
            .read(text, &mut fields, |row| {
                found = Some(row.describe(0));
                Ok(())
            })
            .ok()?;
        found
    }

    fn remembered(reader: &JsonReader) -> usize {
        let keys = reader.shapes.iter().flatten();
        keys.map(|key| key.written.capacity()).sum::<usize>() + reader.key.capacity()
    }

    /// Keys come from outside: a hostile sender must not make every parser hold megabytes of them.
    #[test]
    fn what_is_remembered_of_keys_is_bounded() {
        let path = "v".parse().unwrap();
        let mut reader = JsonReader::new(&[&path]);
        for round in 0..3 {
            let long = "k".repeat(10_000 + round);
            let keys: Vec<_> =
                (0..100).map(|n| format!("\"{long}{n}\":1,\"\\n{long}{n}\":1")).collect();
            let text = format!("{{{},\"v\":{round}}}", keys.join(","));
            assert_eq!(read(&mut reader, &text), Some(round.to_string()));
            assert!(remembered(&reader) <= (MAX_SHAPE + 1) * 2 * MAX_REMEMBERED + KEPT_BYTES);
        }
        let escaped = format!("{{\"\\n{}\":1,\"v\":2}}", "k".repeat(4 * KEPT_BYTES));
        assert_eq!(read(&mut reader, &escaped), Some("2".to_owned()));
        assert!(reader.key.capacity() <= KEPT_BYTES);
        // A place whose key was not remembered takes any key, and only a key.
        let long = "k".repeat(300);
        for text in [format!("{{\"{long}\":1,\"v\":2}}"), "{\"v\":2}".to_owned()] {
            assert_eq!(read(&mut reader, &text), Some("2".to_owned()));
        }
        assert_eq!(read(&mut reader, "{\u{0}\"v\":2}"), None);
    }
}

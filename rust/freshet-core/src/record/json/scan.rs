//! One pass over the text of a JSON record.

use std::ops::Range;

use super::super::bytes::find_special;
use super::super::fields::Fields;
use super::super::tree::{ROOT, Tree};
use super::shape::Shape;
use super::{Fault, MAX_DEPTH};

/// Where a string stands: between its quotes in the record, or decoded.
enum StringAt {
    Record(usize, usize),
    Buffer,
}

/// Where a text stands: in the record, or in the buffer of the fields.
enum TextAt {
    Record(Range<usize>),
    Buffer(Range<usize>),
}

/// One pass over a record. `at` is the next byte; after a fault it is where that was found. With `COLLECTS` it notes
/// where the rows stand; without, it has no code for that.
pub(super) struct Scan<'a, const COLLECTS: bool> {
    pub(super) text: &'a str,
    pub(super) bytes: &'a [u8],
    pub(super) at: usize,
    pub(super) tree: &'a Tree,
    pub(super) shapes: &'a mut [Shape],
    pub(super) key: &'a mut String,
    pub(super) fields: &'a mut Fields,
    /// The place whose items are rows, or which is one where it is an object. All places on the way to it, and no
    /// others, have lower numbers.
    pub(super) rows_at: usize,
    /// Where the rows stand that were found.
    pub(super) rows: &'a mut Vec<Range<usize>>,
}

impl<const COLLECTS: bool> Scan<'_, COLLECTS> {
    /// Reads an object and the white space after it.
    pub(super) fn record(&mut self) -> Result<(), Fault> {
        self.skip_whitespace();
        if self.peek() != Some(b'{') {
            return Err(Fault::Expected("a JSON object"));
        }
        self.object(Some(ROOT), 1)?;
        self.skip_whitespace();
        Ok(())
    }

    /// Reads any value and the white space after it.
    pub(super) fn any(&mut self) -> Result<(), Fault> {
        self.skip_whitespace();
        self.value(Some(ROOT), 0)?;
        self.skip_whitespace();
        Ok(())
    }

    /// Forgets the rows found so far when what leads to them is there once more.
    #[inline]
    fn replaces(&mut self, node: usize) {
        if COLLECTS && node <= self.rows_at {
            self.rows.clear();
        }
    }

    /// Notes a row that goes from `start` to here.
    #[inline]
    fn found_row(&mut self, node: Option<usize>, start: usize) {
        if COLLECTS && node == Some(self.rows_at) {
            self.rows.push(start..self.at);
        }
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

    #[expect(
        clippy::inline_always,
        reason = "a call for every field of every record costs 2 % of the parser's time"
    )]
    #[inline(always)]
    fn capture(&mut self, node: usize, set: impl Fn(&mut Fields, usize)) {
        self.replaces(node);
        self.tree.set(node, self.fields, set);
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
        if let Some(node) = node {
            self.capture(node, set);
        }
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
        if let Some(node) = node {
            let range = start..self.at;
            self.capture(node, |fields, slot| fields.set_written(slot, &range));
        }
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
        if !self.plain_string()? {
            return self.escaped_value(node, start);
        }
        let Some(node) = node else { return Ok(()) };
        let range = start..self.at - 1;
        self.capture(node, |fields, slot| fields.set_text(slot, &range));
        if self.tree.leads_further(node) {
            return self.inner_document(node, TextAt::Record(range));
        }
        Ok(())
    }

    /// The same of a string with escapes, whose plain beginning goes from `start` to here.
    #[inline(never)]
    fn escaped_value(&mut self, node: Option<usize>, start: usize) -> Result<(), Fault> {
        let mut decoded = std::mem::take(self.fields.buffer());
        let from = decoded.len();
        let outcome = self.escaped_string(start, &mut decoded);
        let range = from..decoded.len();
        *self.fields.buffer() = decoded;
        outcome?;
        let Some(node) = node else { return Ok(()) };
        self.capture(node, |fields, slot| fields.set_decoded(slot, &range));
        if self.tree.leads_further(node) {
            return self.inner_document(node, TextAt::Buffer(range));
        }
        Ok(())
    }

    /// Where a path goes on below a text, the text holds a document of its own.
    #[cold]
    fn inner_document(&mut self, node: usize, text: TextAt) -> Result<(), Fault> {
        let text = match text {
            TextAt::Record(range) => self.text[range].to_owned(),
            TextAt::Buffer(range) => self.fields.decoded(&range).to_owned(),
        };
        if !text.trim_start().starts_with(['{', '[']) {
            return Ok(());
        }
        let mut fields = Fields::new(self.fields.len());
        let mut scan = Scan::<false> {
            text: &text,
            bytes: text.as_bytes(),
            at: 0,
            tree: self.tree,
            shapes: self.shapes,
            key: self.key,
            fields: &mut fields,
            rows_at: ROOT,
            rows: &mut Vec::new(),
        };
        scan.skip_whitespace();
        scan.value(Some(node), 0).map_err(|_| Fault::Inner)?;
        scan.skip_whitespace();
        if scan.at != text.len() {
            return Err(Fault::Inner);
        }
        let row = fields.row(&text);
        // The place itself is the text; what stands below it is in the document.
        self.tree.visit_below(node, &mut |slot| self.fields.copy(slot, row.get(slot)));
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
        if let Some(node) = node
            && depth > 1
        {
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
            let item = node.and_then(|node| self.tree.find_index(node, index));
            let start = self.at;
            self.value(item, depth)?;
            self.found_row(node, start);
            if !self.goes_on(b']', "',' or ']'")? {
                break;
            }
        }
        Ok(())
    }

    fn object(&mut self, node: Option<usize>, depth: usize) -> Result<(), Fault> {
        let start = self.at;
        self.enter(node, depth)?;
        if self.peek() == Some(b'}') {
            self.at += 1;
            self.found_row(node, start);
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
        self.found_row(node, start);
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
        let expected = self.shapes[node].expected(position, &self.bytes[self.at..]);
        if let Some(key) = expected {
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
        let child = self.tree.find_key(node, key);
        self.colon()?;
        let written = &self.bytes[start..self.at];
        self.skip_whitespace();
        self.shapes[node].learn(position, written, child);
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

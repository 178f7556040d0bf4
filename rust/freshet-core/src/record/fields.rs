//! What a format found in a row: one slot per field that the stream asks for.
//!
//! A text format mostly notes where in the record a number or a text stands, so that nothing is converted that is not
//! used. A binary format sets the numbers themselves, and copies the texts of the fields into the buffer.

use std::ops::Range;

use super::KEPT_BYTES;
use super::number::Number;
use super::time::write_time;

/// What stands in a field.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Value<'a> {
    Missing,
    Null,
    Bool(bool),
    /// A number, as it is written.
    Written(&'a str),
    /// A number that the format has read.
    Number(Number),
    Text(&'a str),
    /// What the format itself marks as a time, epoch microseconds.
    Time(i64),
    /// An object or a list.
    Nested,
    /// Bytes and whatever else is neither a text nor a number.
    Opaque,
}

impl Value<'_> {
    /// Whether it is a text, a number or a truth, and what is written there passes the test.
    pub(super) fn is_written(&self, passes: impl FnOnce(&str) -> bool) -> bool {
        match self {
            Self::Text(text) | Self::Written(text) => passes(text),
            Self::Bool(truth) => passes(if *truth { "true" } else { "false" }),
            Self::Number(number) => passes(&number.to_string()),
            Self::Missing | Self::Null | Self::Time(_) | Self::Nested | Self::Opaque => false,
        }
    }
}

/// A value as a slot holds it.
#[derive(Debug, Clone, Copy)]
enum Slot {
    Missing,
    Null,
    Bool(bool),
    /// A number as it is written in the record.
    Written(Span),
    Number(Number),
    /// A text that stands in the record as it is.
    Text(Span),
    /// A text that stands in the buffer: it was written with escapes, or the format is a binary one.
    Decoded(Span),
    /// A number as it is written, in the buffer: it stood in a document inside a text.
    WrittenDecoded(Span),
    Time(i64),
    Nested,
    Opaque,
}

/// A part of the record or of the buffer. Records are short enough for 32 bits.
#[derive(Debug, Clone, Copy)]
struct Span {
    start: u32,
    end: u32,
}

impl Span {
    #[expect(clippy::cast_possible_truncation, reason = "a record has a mebibyte at the most")]
    fn new(range: &Range<usize>) -> Self {
        Self { start: range.start as u32, end: range.end as u32 }
    }

    #[inline]
    fn of(self, text: &str) -> &str {
        &text[self.start as usize..self.end as usize]
    }
}

/// The slots of one row and the buffer that their decoded texts share.
#[derive(Debug)]
pub(super) struct Fields {
    slots: Vec<Slot>,
    decoded: String,
    /// Where the row stands in the record, of records that may have several.
    place: Option<Span>,
}

impl Fields {
    pub(super) fn new(slots: usize) -> Self {
        Self { slots: vec![Slot::Missing; slots], decoded: String::new(), place: None }
    }

    pub(super) fn clear(&mut self) {
        self.slots.fill(Slot::Missing);
        self.place = None;
        self.decoded.clear();
        self.decoded.shrink_to(KEPT_BYTES);
    }

    /// How many slots there are.
    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    /// Says where the row stands whose fields these are, in a record that may have several.
    pub(super) fn set_place(&mut self, range: &Range<usize>) {
        self.place = Some(Span::new(range));
    }

    /// Copies what another row, of another text, has in a slot.
    pub(super) fn copy(&mut self, slot: usize, value: Value<'_>) {
        let start = self.decoded.len();
        if let Value::Written(text) | Value::Text(text) = value {
            self.decoded.push_str(text);
        }
        let span = Span::new(&(start..self.decoded.len()));
        self.slots[slot] = match value {
            Value::Missing => Slot::Missing,
            Value::Null => Slot::Null,
            Value::Bool(truth) => Slot::Bool(truth),
            Value::Number(number) => Slot::Number(number),
            Value::Written(_) => Slot::WrittenDecoded(span),
            Value::Text(_) => Slot::Decoded(span),
            Value::Time(time_us) => Slot::Time(time_us),
            Value::Nested => Slot::Nested,
            Value::Opaque => Slot::Opaque,
        };
    }

    pub(super) fn set_missing(&mut self, slot: usize) {
        self.slots[slot] = Slot::Missing;
    }

    pub(super) fn set_null(&mut self, slot: usize) {
        self.slots[slot] = Slot::Null;
    }

    pub(super) fn set_bool(&mut self, slot: usize, truth: bool) {
        self.slots[slot] = Slot::Bool(truth);
    }

    pub(super) fn set_nested(&mut self, slot: usize) {
        self.slots[slot] = Slot::Nested;
    }

    pub(super) fn set_opaque(&mut self, slot: usize) {
        self.slots[slot] = Slot::Opaque;
    }

    /// Sets what the format itself marks as a time, in epoch microseconds.
    pub(super) fn set_time(&mut self, slot: usize, time_us: i64) {
        self.slots[slot] = Slot::Time(time_us);
    }

    /// Sets a number that is written there in the record.
    pub(super) fn set_written(&mut self, slot: usize, range: &Range<usize>) {
        self.slots[slot] = Slot::Written(Span::new(range));
    }

    /// Sets a number that the format has read.
    pub(super) fn set_number(&mut self, slot: usize, number: Number) {
        self.slots[slot] = Slot::Number(number);
    }

    /// Sets a text that stands there in the record.
    pub(super) fn set_text(&mut self, slot: usize, range: &Range<usize>) {
        self.slots[slot] = Slot::Text(Span::new(range));
    }

    /// Sets a text that stands there in the buffer.
    pub(super) fn set_decoded(&mut self, slot: usize, range: &Range<usize>) {
        self.slots[slot] = Slot::Decoded(Span::new(range));
    }

    /// Where texts are written that do not stand in the record as they are.
    pub(super) fn buffer(&mut self) -> &mut String {
        &mut self.decoded
    }

    /// A text that stands there in the buffer.
    pub(super) fn decoded(&self, range: &Range<usize>) -> &str {
        &self.decoded[range.clone()]
    }

    /// The fields of a row of that text; of a binary record, which has no text of its own, the text is empty.
    pub(super) fn row<'a>(&'a self, text: &'a str) -> Row<'a> {
        Row { text, fields: self }
    }
}

/// The fields of one row.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row<'a> {
    text: &'a str,
    fields: &'a Fields,
}

/// A detail quotes this many characters of a text at the most.
const MAX_QUOTED: usize = 64;

impl<'a> Row<'a> {
    #[expect(
        clippy::inline_always,
        reason = "a call for every field of every record costs 2 % of the parser's time"
    )]
    #[inline(always)]
    pub(super) fn get(&self, slot: usize) -> Value<'a> {
        match self.fields.slots[slot] {
            Slot::Missing => Value::Missing,
            Slot::Null => Value::Null,
            Slot::Bool(truth) => Value::Bool(truth),
            Slot::Written(span) => Value::Written(span.of(self.text)),
            Slot::Number(number) => Value::Number(number),
            Slot::Text(span) => Value::Text(span.of(self.text)),
            Slot::Decoded(span) => Value::Text(span.of(&self.fields.decoded)),
            Slot::WrittenDecoded(span) => Value::Written(span.of(&self.fields.decoded)),
            Slot::Time(time_us) => Value::Time(time_us),
            Slot::Nested => Value::Nested,
            Slot::Opaque => Value::Opaque,
        }
    }

    /// Where the row stands in the record, of records that may have several.
    pub(super) fn place(&self) -> Option<Range<usize>> {
        self.fields.place.map(|place| place.start as usize..place.end as usize)
    }

    #[inline]
    pub(super) fn is_missing(&self, slot: usize) -> bool {
        matches!(self.fields.slots[slot], Slot::Missing)
    }

    /// Whether nothing is there, or null.
    #[inline]
    pub(super) fn is_empty(&self, slot: usize) -> bool {
        matches!(self.fields.slots[slot], Slot::Missing | Slot::Null)
    }

    /// What stands in a slot, for the detail of a rejection.
    pub(super) fn describe(&self, slot: usize) -> String {
        match self.get(slot) {
            Value::Missing => "missing".to_owned(),
            Value::Null => "null".to_owned(),
            Value::Nested => "an object or a list".to_owned(),
            Value::Opaque => {
                "bytes, or another value that is neither a text nor a number".to_owned()
            }
            Value::Time(time_us) => format!("the time {}", write_time(time_us)),
            Value::Bool(truth) => truth.to_string(),
            Value::Written(number) => shortened(number),
            Value::Number(number) => number.to_string(),
            Value::Text(text) => format!("the text {:?}", shortened(text)),
        }
    }
}

fn shortened(text: &str) -> String {
    let mut shown: String = text.chars().take(MAX_QUOTED).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}

//! Records in InfluxDB line protocol, one line or more per record.
//!
//! Source: <https://docs.influxdata.com/influxdb/v2/reference/syntax/line-protocol/>. Where it is silent, what
//! InfluxDB's own parsers do: a `\` takes a comma, space, equals sign or backslash literally and stands for itself
//! before anything else; a string field may go over several lines.

mod place;
mod scalar;

use std::fmt;
use std::ops::Range;

use super::bytes::{find_special, line_end_length};
use super::fields::Fields;
use super::path::Path;
use super::{Rejection, RowReader, RowSink, text_of};
use crate::wire::ReasonCode;

use scalar::Scalar;

pub(crate) use place::Place;

/// Reads records in line protocol.
#[derive(Default)]
pub(super) struct LineProtocolReader {
    measurement: Vec<usize>,
    timestamp: Vec<usize>,
    tags: Wanted,
    fields: Wanted,
}

/// Names, and the slots of the fields that stand there.
#[derive(Default)]
struct Wanted(Vec<(String, Vec<usize>)>);

impl Wanted {
    fn add(&mut self, name: String, slot: usize) {
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some((_, slots)) => slots.push(slot),
            None => self.0.push((name, vec![slot])),
        }
    }

    fn slots(&self, name: &str) -> &[usize] {
        self.0.iter().find(|(known, _)| known == name).map_or(&[], |(_, slots)| slots)
    }
}

impl LineProtocolReader {
    /// The position of a path in the list is its slot.
    pub(super) fn new(paths: &[&Path]) -> Self {
        let mut reader = Self::default();
        for (slot, path) in paths.iter().enumerate() {
            match Place::of(path) {
                Some(Place::Measurement) => reader.measurement.push(slot),
                Some(Place::Timestamp) => reader.timestamp.push(slot),
                Some(Place::Tag(name)) => reader.tags.add(name, slot),
                Some(Place::Field(name)) => reader.fields.add(name, slot),
                // The configuration refuses such a path; nothing is found there.
                None => {}
            }
        }
        reader
    }
}

impl RowReader for LineProtocolReader {
    fn read(
        &mut self,
        record: &[u8],
        fields: &mut Fields,
        mut rows: impl RowSink,
    ) -> Result<(), Rejection> {
        let text = text_of(record)?;
        let mut scan = Scan { text, bytes: record, at: 0, line: 1, reader: self, fields };
        while scan.begin_line() {
            let line = scan.line;
            let start = scan.at;
            scan.fields.clear();
            if let Err(fault) = scan.point() {
                let detail = format!("line {}, byte {}: {fault}", scan.line, scan.column());
                scan.skip_line();
                let rejection = Rejection::new(ReasonCode::InvalidLineProtocol, detail);
                rows.bad_row(start..scan.at, rejection)?;
                continue;
            }
            scan.fields.set_place(&(start..scan.at));
            rows.row(scan.fields.row(text)).map_err(|rejection| rejection.in_line(line))?;
        }
        Ok(())
    }
}

/// What is wrong with a line.
#[derive(Debug, Clone, Copy)]
enum Fault {
    Expected(&'static str),
    ByteOrderMark,
    ControlCharacter,
    Value,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Expected(what) => return write!(f, "expected {what}"),
            Self::ByteOrderMark => "a byte order mark",
            Self::ControlCharacter => "a control character",
            Self::Value => {
                "a field's value that is no float, integer (1i), unsigned integer (1u), boolean or string in quotes"
            }
        })
    }
}

/// A name or a string, and where it stands.
enum Text {
    /// In the text.
    Plain(Range<usize>),
    /// In the buffer: it has escapes.
    Decoded(Range<usize>),
}

/// One pass over a record. `at` is the next byte; after a fault it is where that was found.
struct Scan<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    /// The line that is read, from 1.
    line: usize,
    reader: &'a LineProtocolReader,
    fields: &'a mut Fields,
}

impl Scan<'_> {
    #[inline]
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    /// Goes on at the end of the line.
    fn skip_line(&mut self) {
        let rest = &self.bytes[self.at..];
        self.at += rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
    }

    /// The byte's number in its line, from 1.
    fn column(&self) -> usize {
        let before = &self.bytes[..self.at];
        before.iter().rev().take_while(|byte| **byte != b'\n').count() + 1
    }

    /// Passes over empty lines and comments; false at the end of the text.
    fn begin_line(&mut self) -> bool {
        loop {
            self.skip_spaces();
            match self.peek() {
                None => return false,
                Some(b'#') => {
                    let rest = &self.bytes[self.at..];
                    self.at += rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
                }
                Some(_) => {}
            }
            if !self.end_line() {
                return self.at < self.bytes.len();
            }
        }
    }

    fn skip_spaces(&mut self) {
        while self.peek() == Some(b' ') {
            self.at += 1;
        }
    }

    fn is_line_end(&self) -> bool {
        matches!(
            self.bytes.get(self.at..).unwrap_or_default(),
            [] | [b'\n', ..] | [b'\r', b'\n', ..]
        )
    }

    /// Passes over a line end, if there is one.
    fn end_line(&mut self) -> bool {
        let length = line_end_length(self.bytes.get(self.at..).unwrap_or_default());
        self.at += length;
        self.line += usize::from(length > 0);
        length > 0
    }

    /// One line with its end.
    fn point(&mut self) -> Result<(), Fault> {
        if self.text[self.at..].starts_with('\u{feff}') {
            return Err(Fault::ByteOrderMark);
        }
        let reader = self.reader;
        let measurement = self.name("a measurement", false)?;
        for slot in &reader.measurement {
            self.capture(*slot, &measurement);
        }
        while self.peek() == Some(b',') {
            self.at += 1;
            self.tag()?;
        }
        self.spaces("a space and the fields")?;
        self.field()?;
        while self.peek() == Some(b',') {
            self.at += 1;
            self.field()?;
        }
        if !self.is_line_end() {
            self.spaces("a space or the end of the line")?;
        }
        if !self.is_line_end() {
            self.timestamp()?;
            self.skip_spaces();
        }
        if self.end_line() || self.at == self.bytes.len() {
            return Ok(());
        }
        Err(Fault::Expected("the end of the line"))
    }

    /// One space or more.
    fn spaces(&mut self, expected: &'static str) -> Result<(), Fault> {
        if self.peek() != Some(b' ') {
            return Err(Fault::Expected(expected));
        }
        self.skip_spaces();
        Ok(())
    }

    fn tag(&mut self) -> Result<(), Fault> {
        let key = self.name("the key of a tag", true)?;
        self.equals()?;
        let value = self.name("the value of a tag", true)?;
        if self.peek() == Some(b'=') {
            return Err(Fault::Expected("'\\=' inside the value of a tag"));
        }
        let reader = self.reader;
        for slot in reader.tags.slots(self.text_of(&key)) {
            self.capture(*slot, &value);
        }
        Ok(())
    }

    fn field(&mut self) -> Result<(), Fault> {
        let key = self.name("the key of a field", true)?;
        self.equals()?;
        let reader = self.reader;
        if self.peek() == Some(b'"') {
            let value = self.string()?;
            for slot in reader.fields.slots(self.text_of(&key)) {
                self.capture(*slot, &value);
            }
            return Ok(());
        }
        let start = self.at;
        let rest = &self.bytes[start..];
        let is_end = |byte: &u8| matches!(byte, b',' | b' ' | b'\n' | b'\r');
        let end = start + rest.iter().position(is_end).unwrap_or(rest.len());
        let scalar = Scalar::of(&self.text[start..end]).ok_or(Fault::Value)?;
        self.at = end;
        for slot in reader.fields.slots(self.text_of(&key)) {
            match scalar {
                Scalar::Bool(truth) => self.fields.set_bool(*slot, truth),
                Scalar::Number(number) => self.fields.set_number(*slot, number),
                Scalar::Written(length) => self.fields.set_written(*slot, &(start..start + length)),
            }
        }
        Ok(())
    }

    fn timestamp(&mut self) -> Result<(), Fault> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        let digits = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        if self.at == digits {
            return Err(Fault::Expected("a timestamp, a whole number"));
        }
        let number = scalar::timestamp(&self.text[start..self.at]);
        for slot in &self.reader.timestamp {
            match number {
                Some(number) => self.fields.set_number(*slot, number),
                None => self.fields.set_written(*slot, &(start..self.at)),
            }
        }
        Ok(())
    }

    fn equals(&mut self) -> Result<(), Fault> {
        if self.peek() != Some(b'=') {
            return Err(Fault::Expected("'='"));
        }
        self.at += 1;
        Ok(())
    }

    fn text_of(&self, text: &Text) -> &str {
        match text {
            Text::Plain(range) => &self.text[range.clone()],
            Text::Decoded(range) => self.fields.decoded(range),
        }
    }

    fn capture(&mut self, slot: usize, text: &Text) {
        match text {
            Text::Plain(range) => self.fields.set_text(slot, range),
            Text::Decoded(range) => self.fields.set_decoded(slot, range),
        }
    }

    /// A name of one character or more, up to a comma, a space or the end of the line; `equals` says whether an equals
    /// sign ends it too.
    fn name(&mut self, what: &'static str, equals: bool) -> Result<Text, Fault> {
        let start = self.at;
        let mut plain = start;
        let mut decoded: Option<usize> = None;
        loop {
            let rest = &self.bytes[self.at..];
            let is_special = |byte: &u8| SPECIAL_IN_NAMES[usize::from(*byte)];
            self.at += rest.iter().position(is_special).unwrap_or(rest.len());
            match self.bytes.get(self.at..).unwrap_or_default() {
                [b'\\', b'=', ..] | [b'=', ..] if !equals => self.at += 1,
                [b'\\', b',' | b' ' | b'=' | b'\\', ..] => {
                    let text = self.text;
                    let buffer = self.fields.buffer();
                    decoded.get_or_insert(buffer.len());
                    buffer.push_str(&text[plain..self.at]);
                    plain = self.at + 1;
                    self.at += 2;
                }
                [] | [b',' | b' ' | b'=' | b'\n', ..] | [b'\r', b'\n', ..] => break,
                [0..0x20, ..] => return Err(Fault::ControlCharacter),
                [_, ..] => self.at += 1,
            }
        }
        if start == self.at {
            return Err(Fault::Expected(what));
        }
        let Some(decoded) = decoded else { return Ok(Text::Plain(start..self.at)) };
        let text = self.text;
        let buffer = self.fields.buffer();
        buffer.push_str(&text[plain..self.at]);
        Ok(Text::Decoded(decoded..buffer.len()))
    }

    /// A string in quotes.
    fn string(&mut self) -> Result<Text, Fault> {
        self.at += 1;
        let start = self.at;
        let mut plain = start;
        let mut decoded: Option<usize> = None;
        let text = self.text;
        loop {
            self.at = find_special(self.bytes, self.at, b'"', b'\\');
            match self.bytes.get(self.at..).unwrap_or_default() {
                [] => return Err(Fault::Expected("the closing quote of a string")),
                [b'"', ..] => break,
                [b'\\', b'"' | b'\\', ..] => {
                    let buffer = self.fields.buffer();
                    decoded.get_or_insert(buffer.len());
                    buffer.push_str(&text[plain..self.at]);
                    plain = self.at + 1;
                    self.at += 2;
                }
                [b'\n', ..] => {
                    self.line += 1;
                    self.at += 1;
                }
                [_, ..] => self.at += 1,
            }
        }
        let end = self.at;
        self.at += 1;
        let Some(decoded) = decoded else { return Ok(Text::Plain(start..end)) };
        let buffer = self.fields.buffer();
        buffer.push_str(&text[plain..end]);
        Ok(Text::Decoded(decoded..buffer.len()))
    }
}

/// The bytes that may mean something in a name: a table, as there are too many for [`find_special`].
const SPECIAL_IN_NAMES: [bool; 256] = {
    let mut special = [false; 256];
    let mut control = 0;
    while control < 0x20 {
        special[control] = true;
        control += 1;
    }
    special[b',' as usize] = true;
    special[b' ' as usize] = true;
    special[b'=' as usize] = true;
    special[b'\\' as usize] = true;
    special
};

//! JSON records: RFC 8259, one document or several, one after the other.
//!
//! Mostly a document is one object, which is one row. Where lists have the rows (see [`Rows`]), each list is a level of
//! its own: one pass over what is outside of it checks everything, finds the fields that stand there, and notes where
//! the items are; then each item is read in the same way. So what stands above a row is known before it, wherever it
//! stands in the text.
//!
//! One pass over the bytes checks the whole text, also what no field asks for, and notes where the wanted fields stand;
//! a number is converted only when it is one of them, and a text copied only when it has escapes. Of duplicate keys the
//! last one counts, as in Spark.
//!
//! The records of a stream mostly have the same keys in the same order. So each object of the tree of wanted fields
//! remembers the keys it had in the record before, and a key that is the expected one is neither scanned nor looked up.

mod scan;
mod shape;

use std::fmt;
use std::ops::Range;

use super::fields::Fields;
use super::path::Path;
use super::rows::Rows;
use super::tree::{ROOT, Tree};
use super::{KEPT_BYTES, MAX_DEPTH, Rejection, RowReader, RowSink, text_of};
use crate::wire::ReasonCode;

use scan::Scan;
use shape::Shape;

/// Reads JSON records.
pub(super) struct JsonReader {
    /// What is read outside of the lists of rows, outermost first, and at last the rows themselves.
    levels: Vec<Level>,
    /// Whether the stream says nothing of rows: a record that is an object is one.
    rows_are_records: bool,
    /// A key that is written with escapes.
    key: String,
}

/// What is read between two lists of rows.
struct Level {
    tree: Tree,
    /// For every place of the tree the keys of the object that stood there in the record before.
    shapes: Vec<Shape>,
    /// The place of the list of rows, at all levels but the last.
    rows_at: usize,
    /// The slots of the fields that stand here.
    slots: Vec<usize>,
    /// Where the rows stand that were found.
    rows: Vec<Range<usize>>,
}

impl Level {
    /// `up` says how many lists of rows are further in.
    fn new(paths: &[&Path], up: usize, list: &[String]) -> Self {
        let mut tree = Tree::empty();
        let rows_at = tree.add_place(list);
        let is_here = |path: &&Path| path.lists_up() == up;
        let slots: Vec<usize> = (0..paths.len()).filter(|slot| is_here(&paths[*slot])).collect();
        for slot in &slots {
            tree.add_field(paths[*slot].segments(), *slot);
        }
        let shapes = (0..tree.len()).map(|_| Shape::default()).collect();
        Self { tree, shapes, rows_at, slots, rows: Vec::new() }
    }
}

impl JsonReader {
    /// The position of a path in the list is its slot.
    pub(super) fn new(paths: &[&Path], rows: Option<&Rows>) -> Self {
        let of_record = Rows::of_record();
        let lists = rows.unwrap_or(&of_record).lists();
        let outer = lists
            .iter()
            .enumerate()
            .map(|(level, list)| Level::new(paths, lists.len() - level, list));
        let levels = outer.chain([Level::new(paths, 0, &[])]).collect();
        Self { levels, rows_are_records: rows.is_none(), key: String::new() }
    }
}

impl RowReader for JsonReader {
    fn read(
        &mut self,
        record: &[u8],
        fields: &mut Fields,
        mut rows: impl RowSink,
    ) -> Result<(), Rejection> {
        let text = text_of(record)?;
        let Self { levels, rows_are_records, key } = self;
        if !*rows_are_records {
            return Documents { text, key, fields, sink: rows, row: 0 }.read(levels, 0);
        }
        let Some(Level { tree, shapes, .. }) = levels.last_mut() else { return Ok(()) };
        fields.clear();
        let bytes = record;
        let mut scan = Scan::<false> {
            text,
            bytes,
            at: 0,
            tree,
            shapes,
            key,
            fields,
            rows_at: ROOT,
            rows: &mut Vec::new(),
        };
        let (outcome, at) = (scan.record(), scan.at);
        key.clear();
        key.shrink_to(KEPT_BYTES);
        match outcome {
            Ok(()) if at == bytes.len() => rows.row(fields.row(text)),
            Ok(()) if matches!(bytes[at], b'{' | b'[') => {
                Documents { text, key, fields, sink: rows, row: 0 }.read(levels, 0)
            }
            Ok(()) => Err(Fault::Expected("the end").rejection(text, at)),
            Err(_) if bytes.get(at) == Some(&b'[') && is_blank(&bytes[..at]) => {
                Documents { text, key, fields, sink: rows, row: 0 }.read(levels, 0)
            }
            Err(fault) => Err(fault.rejection(text, at)),
        }
    }
}

/// Whether there is nothing but what may stand around a value.
fn is_blank(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r'))
}

/// Reads a text of any number of documents, each of any number of rows.
struct Documents<'a, S> {
    text: &'a str,
    key: &'a mut String,
    fields: &'a mut Fields,
    sink: S,
    /// The row that is read, from 1.
    row: usize,
}

impl<S: RowSink> Documents<'_, S> {
    fn read(mut self, levels: &mut [Level], mut at: usize) -> Result<(), Rejection> {
        loop {
            self.fields.clear();
            at = self.level(levels, at..self.text.len())?;
            self.key.clear();
            self.key.shrink_to(KEPT_BYTES);
            if at == self.text.len() {
                return Ok(());
            }
            if !matches!(self.text.as_bytes()[at], b'{' | b'[') {
                return Err(Fault::Expected("the end").rejection(self.text, at));
            }
        }
    }

    /// Reads the value that begins the range, with all that is in it, and returns where it ends.
    fn level(&mut self, levels: &mut [Level], range: Range<usize>) -> Result<usize, Rejection> {
        let Some((level, inner)) = levels.split_first_mut() else { return Ok(range.end) };
        level.slots.iter().for_each(|slot| self.fields.set_missing(*slot));
        level.rows.clear();
        if inner.is_empty() {
            let end = self.scan::<false>(level, range.clone())?;
            self.row += 1;
            self.fields.set_place(&(range.start..end));
            let row = self.row;
            self.sink.row(self.fields.row(self.text)).map_err(|rejection| rejection.in_row(row))?;
            return Ok(end);
        }
        let end = self.scan::<true>(level, range)?;
        let texts = self.fields.buffer().len();
        for row in &level.rows {
            self.level(inner, row.clone())?;
            self.fields.buffer().truncate(texts);
        }
        level.rows.shrink_to(KEPT_BYTES / size_of::<Range<usize>>());
        Ok(end)
    }

    fn scan<const COLLECTS: bool>(
        &mut self,
        level: &mut Level,
        range: Range<usize>,
    ) -> Result<usize, Rejection> {
        let text = &self.text[..range.end];
        let mut scan = Scan::<COLLECTS> {
            text,
            bytes: text.as_bytes(),
            at: range.start,
            tree: &level.tree,
            shapes: &mut level.shapes,
            key: self.key,
            fields: self.fields,
            rows_at: level.rows_at,
            rows: &mut level.rows,
        };
        let outcome = scan.any();
        let at = scan.at;
        outcome.map(|()| at).map_err(|fault| fault.rejection(self.text, at))
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
    Inner,
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
            Self::Inner => "a text with a path into it that is no JSON document",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::fields::Row;
    use super::shape::{MAX_REMEMBERED, MAX_SHAPE};
    use super::*;

    fn read(reader: &mut JsonReader, text: &str) -> Option<String> {
        let mut found = None;
        let mut fields = Fields::new(1);
        reader
            .read(text.as_bytes(), &mut fields, |row: Row<'_>| {
                found = Some(row.describe(0));
                Ok(())
            })
            .ok()?;
        found
    }

    fn remembered(reader: &JsonReader) -> usize {
        let shapes = reader.levels.iter().flat_map(|level| &level.shapes);
        shapes.map(Shape::memory_bytes).sum::<usize>() + reader.key.capacity()
    }

    /// Keys come from outside: a hostile sender must not make every parser hold megabytes of them.
    #[test]
    fn what_is_remembered_of_keys_is_bounded() {
        let path = "v".parse().unwrap();
        let mut reader = JsonReader::new(&[&path], None);
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

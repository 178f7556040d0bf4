//! JSON records: RFC 8259, one object per record.
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

use super::fields::{Fields, Row};
use super::path::Path;
use super::tree::Tree;
use super::{KEPT_BYTES, MAX_DEPTH, Rejection, RowReader, text_of};
use crate::wire::ReasonCode;

use scan::Scan;
use shape::Shape;

/// Reads JSON records.
pub(super) struct JsonReader {
    tree: Tree,
    /// For every place of the tree the keys of the object that stood there in the record before.
    shapes: Vec<Shape>,
    /// A key that is written with escapes.
    key: String,
}

impl JsonReader {
    /// The position of a path in the list is its slot.
    pub(super) fn new(paths: &[&Path]) -> Self {
        let tree = Tree::new(paths);
        let shapes = (0..tree.len()).map(|_| Shape::default()).collect();
        Self { tree, shapes, key: String::new() }
    }
}

impl RowReader for JsonReader {
    fn read(
        &mut self,
        record: &[u8],
        fields: &mut Fields,
        mut accept: impl FnMut(Row<'_>) -> Result<(), Rejection>,
    ) -> Result<(), Rejection> {
        let text = text_of(record)?;
        fields.clear();
        let Self { tree, shapes, key } = self;
        let mut scan = Scan { text, bytes: record, at: 0, tree, shapes, key, fields };
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

#[cfg(test)]
mod tests {
    use super::shape::{MAX_REMEMBERED, MAX_SHAPE};
    use super::*;

    fn read(reader: &mut JsonReader, text: &str) -> Option<String> {
        let mut found = None;
        let mut fields = Fields::new(1);
        reader
            .read(text.as_bytes(), &mut fields, |row| {
                found = Some(row.describe(0));
                Ok(())
            })
            .ok()?;
        found
    }

    fn remembered(reader: &JsonReader) -> usize {
        reader.shapes.iter().map(Shape::memory_bytes).sum::<usize>() + reader.key.capacity()
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

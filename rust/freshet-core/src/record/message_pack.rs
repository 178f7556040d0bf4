//! `MessagePack` records: one map per record, read straight into the fields.
//!
//! Source: <https://github.com/msgpack/msgpack/blob/master/spec.md>.

use super::fields::Fields;
use super::number::Number;
use super::path::Path;
use super::tree::{ROOT, Tree};
use super::walk::{Node, Walk, microseconds};
use super::{Rejection, RowReader, RowSink, text_of};
use crate::wire::ReasonCode;

/// Reads records that are one map each.
pub(super) struct MessagePackReader(Tree);

impl MessagePackReader {
    pub(super) fn new(paths: &[&Path]) -> Self {
        Self(Tree::new(paths))
    }
}

impl RowReader for MessagePackReader {
    fn read(
        &mut self,
        record: &[u8],
        fields: &mut Fields,
        mut rows: impl RowSink,
    ) -> Result<(), Rejection> {
        let mut scan = Scan(Walk::new(record, &self.0, fields, ReasonCode::InvalidMsgpack));
        if !matches!(scan.0.peek(), Some(0x80..=0x8f | 0xde | 0xdf)) {
            return Err(scan.0.invalid("expected a map"));
        }
        scan.value(Some(ROOT), 0)?;
        rows.row(scan.0.end()?)
    }
}

/// The type of an extension that is a timestamp.
const TIMESTAMP: u8 = 0xff;

struct Scan<'a>(Walk<'a>);

impl<'a> Scan<'a> {
    fn value(&mut self, node: Node, depth: usize) -> Result<(), Rejection> {
        let [kind] = self.0.take()?;
        match kind {
            0x80..=0x8f => return self.map(usize::from(kind & 0x0f), node, depth + 1),
            0x90..=0x9f => return self.array(usize::from(kind & 0x0f), node, depth + 1),
            0xc0 => self.0.set(node, Fields::set_null),
            0xc2 | 0xc3 => self.0.set(node, |f, slot| f.set_bool(slot, kind == 0xc3)),
            0xc4..=0xc6 => self.opaque(kind - 0xc4, node)?,
            0xc7..=0xc9 => {
                let length = self.length(kind - 0xc7)?;
                return self.extension(length, node);
            }
            0xca => {
                let number = f32::from_be_bytes(self.0.take()?);
                self.0.set_number(node, Number::Float(number.into()));
            }
            0xcb => {
                let number = f64::from_be_bytes(self.0.take()?);
                self.0.set_number(node, Number::Float(number));
            }
            0xd4..=0xd8 => return self.extension(1 << (kind - 0xd4), node),
            0xdc | 0xdd => {
                let length = self.length(kind - 0xdb)?;
                return self.array(length, node, depth + 1);
            }
            0xde | 0xdf => {
                let length = self.length(kind - 0xdd)?;
                return self.map(length, node, depth + 1);
            }
            _ => return self.text_or_integer(kind, node),
        }
        Ok(())
    }

    fn text_or_integer(&mut self, kind: u8, node: Node) -> Result<(), Rejection> {
        if let Some(text) = self.text(kind)? {
            return self.0.set_text(node, text);
        }
        match self.integer(kind)? {
            Some(number) => self.0.set_number(node, number),
            None => return Err(self.0.invalid("0xc1 is no type")),
        }
        Ok(())
    }

    /// The bytes of a text, if that type is one.
    #[inline]
    fn text(&mut self, kind: u8) -> Result<Option<&'a [u8]>, Rejection> {
        let length = match kind {
            0xa0..=0xbf => usize::from(kind & 0x1f),
            0xd9..=0xdb => self.length(kind - 0xd9)?,
            _ => return Ok(None),
        };
        self.0.bytes(length).map(Some)
    }

    /// The whole number, if that type is one.
    #[inline]
    fn integer(&mut self, kind: u8) -> Result<Option<Number>, Rejection> {
        let number = match kind {
            0x00..=0x7f => i64::from(kind),
            0xe0..=0xff => i64::from(kind.cast_signed()),
            0xcc => i64::from(u8::from_be_bytes(self.0.take()?)),
            0xcd => i64::from(u16::from_be_bytes(self.0.take()?)),
            0xce => i64::from(u32::from_be_bytes(self.0.take()?)),
            0xcf => return Ok(Some(Number::Unsigned(u64::from_be_bytes(self.0.take()?)))),
            0xd0 => i64::from(i8::from_be_bytes(self.0.take()?)),
            0xd1 => i64::from(i16::from_be_bytes(self.0.take()?)),
            0xd2 => i64::from(i32::from_be_bytes(self.0.take()?)),
            0xd3 => i64::from_be_bytes(self.0.take()?),
            _ => return Ok(None),
        };
        Ok(Some(Number::Integer(number)))
    }

    /// A length of 1, 2 or 4 bytes.
    fn length(&mut self, size: u8) -> Result<usize, Rejection> {
        Ok(match size {
            0 => usize::from(u8::from_be_bytes(self.0.take()?)),
            1 => usize::from(u16::from_be_bytes(self.0.take()?)),
            // What is more than the record has is cut off anyway.
            _ => usize::try_from(u32::from_be_bytes(self.0.take()?)).unwrap_or(usize::MAX),
        })
    }

    fn opaque(&mut self, size: u8, node: Node) -> Result<(), Rejection> {
        let length = self.length(size)?;
        self.0.bytes(length)?;
        self.0.set(node, Fields::set_opaque);
        Ok(())
    }

    fn extension(&mut self, length: usize, node: Node) -> Result<(), Rejection> {
        let [kind] = self.0.take()?;
        let content = self.0.bytes(length)?;
        if kind != TIMESTAMP {
            self.0.set(node, Fields::set_opaque);
            return Ok(());
        }
        let time = timestamp(content);
        let (seconds, nanoseconds) = time.ok_or_else(|| self.0.invalid("no such timestamp"))?;
        self.0.set_time(node, microseconds(seconds, nanoseconds));
        Ok(())
    }

    fn map(&mut self, length: usize, node: Node, depth: usize) -> Result<(), Rejection> {
        self.0.enter(node, depth)?;
        for _ in 0..length {
            let child = self.key(node, depth)?;
            self.value(child, depth)?;
        }
        Ok(())
    }

    fn array(&mut self, length: usize, node: Node, depth: usize) -> Result<(), Rejection> {
        self.0.enter(node, depth)?;
        for index in 0..length {
            let child = self.0.at_index(node, index);
            self.value(child, depth)?;
        }
        Ok(())
    }

    /// The place under the next key; a key that is neither a text nor a whole number leads nowhere.
    fn key(&mut self, node: Node, depth: usize) -> Result<Node, Rejection> {
        let kind = self.0.peek().unwrap_or(0xc0);
        if !matches!(kind, 0x00..=0x7f | 0xa0..=0xbf | 0xcc..=0xd3 | 0xd9..=0xdb | 0xe0..=0xff) {
            self.value(None, depth)?;
            return Ok(None);
        }
        self.0.take::<1>()?;
        if let Some(key) = self.text(kind)? {
            return Ok(self.0.under_key(node, text_of(key)?));
        }
        Ok(match self.integer(kind)? {
            Some(Number::Integer(key)) => self.0.under_number(node, key.into()),
            Some(Number::Unsigned(key)) => self.0.under_number(node, key.into()),
            Some(Number::Float(_)) | None => None,
        })
    }
}

/// Seconds and nanoseconds of a timestamp; `None` for what is none.
fn timestamp(content: &[u8]) -> Option<(i64, u32)> {
    let (seconds, nanoseconds) = match *content {
        [a, b, c, d] => (u32::from_be_bytes([a, b, c, d]).into(), 0),
        ref content if content.len() == size_of::<u64>() => {
            let both = u64::from_be_bytes(content.try_into().ok()?);
            (i64::try_from(both & 0x3_ffff_ffff).ok()?, u32::try_from(both >> 34).ok()?)
        }
        [a, b, c, d, ref seconds @ ..] => {
            (i64::from_be_bytes(seconds.try_into().ok()?), u32::from_be_bytes([a, b, c, d]))
        }
        _ => return None,
    };
    (nanoseconds < 1_000_000_000).then_some((seconds, nanoseconds))
}

//! What readers of binary formats share: the bytes that are left of the record, and the fields that are set on the way.

use std::io::Write as _;

use super::fields::{Fields, Row};
use super::number::Number;
use super::tree::Tree;
use super::{MAX_DEPTH, Rejection, text_of};
use crate::wire::ReasonCode;

/// A place of the record as the tree of the wanted fields knows it; `None` when no field is there or below.
pub(super) type Node = Option<usize>;

/// A walk through the bytes of one record.
pub(super) struct Walk<'a> {
    rest: &'a [u8],
    tree: &'a Tree,
    fields: &'a mut Fields,
    /// Why the record is rejected when its bytes are not in the format.
    reason: ReasonCode,
}

impl<'a> Walk<'a> {
    pub(super) fn new(
        record: &'a [u8],
        tree: &'a Tree,
        fields: &'a mut Fields,
        reason: ReasonCode,
    ) -> Self {
        fields.clear();
        Self { rest: record, tree, fields, reason }
    }

    /// The row, after the whole record has been read.
    pub(super) fn end(self) -> Result<Row<'a>, Rejection> {
        if self.rest.is_empty() {
            return Ok(self.fields.row(""));
        }
        let detail = format!("{} bytes follow the value; send two records", self.rest.len());
        Err(self.invalid(&detail))
    }

    #[cold]
    pub(super) fn invalid(&self, detail: &str) -> Rejection {
        Rejection::new(self.reason, detail)
    }

    #[cold]
    fn cut_off(&self) -> Rejection {
        self.invalid("the value is cut off")
    }

    #[inline]
    pub(super) fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    #[inline]
    pub(super) fn bytes(&mut self, length: usize) -> Result<&'a [u8], Rejection> {
        let (bytes, rest) = self.rest.split_at_checked(length).ok_or_else(|| self.cut_off())?;
        self.rest = rest;
        Ok(bytes)
    }

    #[inline]
    pub(super) fn take<const N: usize>(&mut self) -> Result<[u8; N], Rejection> {
        let (bytes, rest) = self.rest.split_first_chunk().ok_or_else(|| self.cut_off())?;
        self.rest = rest;
        Ok(*bytes)
    }

    /// A list or a map at that depth begins; the record itself is at depth 1.
    #[inline]
    pub(super) fn enter(&mut self, node: Node, depth: usize) -> Result<(), Rejection> {
        if depth > MAX_DEPTH {
            let detail = format!("nested deeper than {MAX_DEPTH} levels");
            return Err(Rejection::new(ReasonCode::TooDeep, detail));
        }
        if depth > 1 {
            self.set(node, Fields::set_nested);
        }
        Ok(())
    }

    #[inline]
    pub(super) fn set(&mut self, node: Node, set: impl Fn(&mut Fields, usize)) {
        if let Some(node) = node {
            self.tree.set(node, self.fields, set);
        }
    }

    /// Whether a field is asked for at a place, and nothing was there.
    #[inline]
    pub(super) fn is_missing(&self, node: usize) -> bool {
        let slot = self.tree.slots(node).first();
        slot.is_some_and(|slot| self.fields.row("").is_missing(*slot))
    }

    #[inline]
    pub(super) fn set_number(&mut self, node: Node, number: Number) {
        self.set(node, |fields, slot| fields.set_number(slot, number));
    }

    /// What the format itself marks as a time, in epoch microseconds: no unit is asked for.
    pub(super) fn set_time(&mut self, node: Node, time_us: i64) {
        self.set(node, |fields, slot| fields.set_time(slot, time_us));
    }

    /// Checks a text, and copies one that is asked for to where the row finds it.
    #[inline]
    pub(super) fn set_text(&mut self, node: Node, bytes: &[u8]) -> Result<(), Rejection> {
        let text = text_of(bytes)?;
        if node.is_some() {
            let start = self.begin_text();
            self.push_text(node, text);
            self.end_text(node, start);
        }
        Ok(())
    }

    /// Where a text begins that comes in parts.
    #[inline]
    pub(super) fn begin_text(&mut self) -> usize {
        self.fields.buffer().len()
    }

    /// Adds a part to a text that is asked for.
    pub(super) fn push_text(&mut self, node: Node, part: &str) {
        if node.is_some() {
            self.fields.buffer().push_str(part);
        }
    }

    /// Ends a text that began there.
    #[inline]
    pub(super) fn end_text(&mut self, node: Node, start: usize) {
        let range = start..self.fields.buffer().len();
        self.set(node, |fields, slot| fields.set_decoded(slot, &range));
    }

    /// The text from there on, of one that is asked for.
    pub(super) fn text_from(&mut self, start: usize) -> &str {
        self.fields.buffer().get(start..).unwrap_or_default()
    }

    #[inline]
    pub(super) fn under_key(&self, node: Node, key: &str) -> Node {
        self.tree.find_key(node?, key)
    }

    /// The place under a key that is a whole number: a path has it in decimal digits.
    pub(super) fn under_number(&self, node: Node, key: i128) -> Node {
        let node = node?;
        let mut digits = [0; KEY_BYTES];
        let mut rest = &mut digits[..];
        write!(rest, "{key}").ok()?;
        let length = KEY_BYTES - rest.len();
        self.tree.find_key(node, std::str::from_utf8(&digits[..length]).ok()?)
    }

    #[inline]
    pub(super) fn at_index(&self, node: Node, index: usize) -> Node {
        self.tree.find_index(node?, index)
    }
}

/// The longest whole number of 64 bits and a sign.
const KEY_BYTES: usize = 21;

/// Seconds and nanoseconds as microseconds, cut off towards the past; what does not fit is out of the range of times.
pub(super) fn microseconds(seconds: i64, nanoseconds: u32) -> i64 {
    seconds.saturating_mul(1_000_000).saturating_add(i64::from(nanoseconds) / 1_000)
}

//! CBOR records (RFC 8949): one map per record, read straight into the fields.

use super::fields::Fields;
use super::number::Number;
use super::path::Path;
use super::time::TimeFormat;
use super::tree::{ROOT, Tree};
use super::walk::{Node, Walk};
use super::{Rejection, RowReader, RowSink, text_of};
use crate::wire::ReasonCode;

/// Reads records that are one map each.
pub(super) struct CborReader(Tree);

impl CborReader {
    pub(super) fn new(paths: &[&Path]) -> Self {
        Self(Tree::new(paths))
    }
}

impl RowReader for CborReader {
    fn read(
        &mut self,
        record: &[u8],
        fields: &mut Fields,
        mut rows: impl RowSink,
    ) -> Result<(), Rejection> {
        let mut scan = Scan(Walk::new(record, &self.0, fields, ReasonCode::InvalidCbor));
        let (_, head) = scan.untagged()?;
        if head.major != MAP {
            return Err(scan.0.invalid("expected a map"));
        }
        scan.map(head.argument, Some(ROOT), 1)?;
        rows.row(scan.0.end()?)
    }
}

// Major types (RFC 8949, section 3.1).
const UNSIGNED: u8 = 0;
const NEGATIVE: u8 = 1;
const BYTES: u8 = 2;
const TEXT: u8 = 3;
const ARRAY: u8 = 4;
const MAP: u8 = 5;
const TAG: u8 = 6;

/// What ends a list, a map or parts of a text whose number was not said before.
const BREAK: u8 = 0xff;

// Tags (RFC 8949, section 3.4).
const TIME_AS_TEXT: u64 = 0;
const TIME_IN_SECONDS: u64 = 1;
const BIG_NUMBER: u64 = 2;
const NEGATIVE_BIG_NUMBER: u64 = 3;

/// How a data item begins.
#[derive(Clone, Copy)]
struct Head {
    major: u8,
    /// The lower five bits.
    info: u8,
    /// A number, a length or the bits of a float; `None` where the end is marked by a break.
    argument: Option<u64>,
}

struct Scan<'a>(Walk<'a>);

impl Scan<'_> {
    #[inline]
    fn head(&mut self) -> Result<Head, Rejection> {
        let [first] = self.0.take()?;
        let (major, info) = (first >> 5, first & 0x1f);
        let argument = match info {
            0..=23 => Some(info.into()),
            24 => Some(u8::from_be_bytes(self.0.take()?).into()),
            25 => Some(u16::from_be_bytes(self.0.take()?).into()),
            26 => Some(u32::from_be_bytes(self.0.take()?).into()),
            27 => Some(u64::from_be_bytes(self.0.take()?)),
            31 if matches!(major, BYTES | TEXT | ARRAY | MAP) => None,
            31 if first == BREAK => return Err(self.0.invalid("a break where a value should be")),
            _ => return Err(self.0.invalid("the length of a value is written as no length is")),
        };
        Ok(Head { major, info, argument })
    }

    /// The next data item and the tag right before it. A tag says more of a value, and never what its kind is.
    #[inline]
    fn untagged(&mut self) -> Result<(Option<u64>, Head), Rejection> {
        let mut tag = None;
        loop {
            let head = self.head()?;
            if head.major != TAG {
                return Ok((tag, head));
            }
            tag = head.argument;
        }
    }

    fn value(&mut self, node: Node, depth: usize) -> Result<(), Rejection> {
        let (tag, head) = self.untagged()?;
        match head.major {
            UNSIGNED | NEGATIVE => {
                self.number(tag, node, integer(head));
                Ok(())
            }
            BYTES => self.byte_string(tag, head.argument, node),
            TEXT => self.text(tag, head.argument, node),
            ARRAY => self.array(head.argument, node, depth + 1),
            MAP => self.map(head.argument, node, depth + 1),
            _ => self.simple(tag, head, node),
        }
    }

    /// A number, which may be a time.
    #[inline]
    fn number(&mut self, tag: Option<u64>, node: Node, number: Number) {
        let is_time = tag == Some(TIME_IN_SECONDS);
        match is_time.then(|| TimeFormat::Seconds.read_number(number)).flatten() {
            Some(time_us) => self.0.set_time(node, time_us),
            None => self.0.set_number(node, number),
        }
    }

    fn simple(&mut self, tag: Option<u64>, head: Head, node: Node) -> Result<(), Rejection> {
        let bits = head.argument.unwrap_or_default();
        match head.info {
            20 | 21 => self.0.set(node, |fields, slot| fields.set_bool(slot, head.info == 21)),
            // null and undefined
            22 | 23 => self.0.set(node, Fields::set_null),
            24 if bits < 32 => {
                return Err(self.0.invalid("a simple value is written in two bytes"));
            }
            25 => self.number(tag, node, Number::Float(half(bits))),
            26 => self.number(tag, node, Number::Float(single(bits))),
            27 => self.number(tag, node, Number::Float(f64::from_bits(bits))),
            _ => self.0.set(node, Fields::set_opaque),
        }
        Ok(())
    }

    fn byte_string(
        &mut self,
        tag: Option<u64>,
        length: Option<u64>,
        node: Node,
    ) -> Result<(), Rejection> {
        let Some(length) = length else {
            while let Some(length) = self.part(BYTES)? {
                self.0.bytes(length)?;
            }
            self.0.set(node, Fields::set_opaque);
            return Ok(());
        };
        let bytes = self.0.bytes(as_length(length))?;
        match tag {
            Some(BIG_NUMBER) => self.0.set_number(node, Number::Float(big_number(bytes))),
            // It stands for -1 less the number: as a double that is the same from 2^54 on.
            Some(NEGATIVE_BIG_NUMBER) => {
                self.0.set_number(node, Number::Float(-1.0 - big_number(bytes)));
            }
            _ => self.0.set(node, Fields::set_opaque),
        }
        Ok(())
    }

    fn text(&mut self, tag: Option<u64>, length: Option<u64>, node: Node) -> Result<(), Rejection> {
        let start = self.0.begin_text();
        if let Some(length) = length {
            let bytes = self.0.bytes(as_length(length))?;
            self.0.set_text(node, bytes)?;
        } else {
            while let Some(length) = self.part(TEXT)? {
                let part = text_of(self.0.bytes(length)?)?;
                self.0.push_text(node, part);
            }
            self.0.end_text(node, start);
        }
        if tag == Some(TIME_AS_TEXT)
            && let Some(time_us) = TimeFormat::Rfc3339.read_text(self.0.text_from(start))
        {
            self.0.set_time(node, time_us);
        }
        Ok(())
    }

    /// The length of the next part of a text or a byte string; `None` at their end.
    fn part(&mut self, major: u8) -> Result<Option<usize>, Rejection> {
        if self.is_break()? {
            return Ok(None);
        }
        let head = self.head()?;
        match head.argument {
            Some(length) if head.major == major => Ok(Some(as_length(length))),
            _ => Err(self.0.invalid("a part of a text or of bytes is of another kind")),
        }
    }

    #[inline]
    fn is_break(&mut self) -> Result<bool, Rejection> {
        let is_break = self.0.peek() == Some(BREAK);
        if is_break {
            self.0.take::<1>()?;
        }
        Ok(is_break)
    }

    /// Whether a list or a map has another item after so many.
    #[inline]
    fn has_more(&mut self, length: Option<u64>, count: u64) -> Result<bool, Rejection> {
        match length {
            Some(length) => Ok(count < length),
            None => self.is_break().map(|is_break| !is_break),
        }
    }

    fn array(&mut self, length: Option<u64>, node: Node, depth: usize) -> Result<(), Rejection> {
        self.0.enter(node, depth)?;
        let mut index = 0;
        while self.has_more(length, index as u64)? {
            let child = self.0.at_index(node, index);
            self.value(child, depth)?;
            index += 1;
        }
        Ok(())
    }

    fn map(&mut self, length: Option<u64>, node: Node, depth: usize) -> Result<(), Rejection> {
        self.0.enter(node, depth)?;
        let mut count = 0;
        while self.has_more(length, count)? {
            let child = self.key(node, depth)?;
            self.value(child, depth)?;
            count += 1;
        }
        Ok(())
    }

    /// The place under the next key; a key that is neither a text in one part nor a whole number leads nowhere.
    #[inline]
    fn key(&mut self, node: Node, depth: usize) -> Result<Node, Rejection> {
        let Some(first) = self.0.peek() else { return self.value(None, depth).map(|()| None) };
        match first >> 5 {
            TEXT if first & 0x1f != 31 => {
                let length = self.head()?.argument.map_or(0, as_length);
                let key = text_of(self.0.bytes(length)?)?;
                Ok(self.0.under_key(node, key))
            }
            UNSIGNED | NEGATIVE => {
                let head = self.head()?;
                let number = i128::from(head.argument.unwrap_or_default());
                let key = if head.major == UNSIGNED { number } else { -1 - number };
                Ok(self.0.under_number(node, key))
            }
            _ => self.value(None, depth).map(|()| None),
        }
    }
}

/// What is more than the record has is cut off anyway.
fn as_length(length: u64) -> usize {
    usize::try_from(length).unwrap_or(usize::MAX)
}

#[inline]
fn integer(head: Head) -> Number {
    let number = head.argument.unwrap_or_default();
    match (head.major, i64::try_from(number)) {
        (UNSIGNED, _) => Number::Unsigned(number),
        (_, Ok(number)) => Number::Integer(-1 - number),
        // Beyond 64 bits with a sign; a sum of 65 bits is rounded once.
        (_, Err(_)) => Number::Float(-((u128::from(number) + 1) as f64)),
    }
}

/// The double of a float of 16 bits (RFC 8949, appendix D).
pub(crate) fn half(bits: u64) -> f64 {
    let exponent = (bits >> 10) & 0x1f;
    let mantissa = (bits & 0x3ff) as f64;
    let size = match exponent {
        0 => mantissa * 2.0_f64.powi(-24),
        31 if mantissa == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        _ => (1_024.0 + mantissa) * 2.0_f64.powf(exponent as f64 - 25.0),
    };
    if bits & 0x8000 == 0 { size } else { -size }
}

/// The double of a float of 32 bits, which are the lower ones.
fn single(bits: u64) -> f64 {
    #[expect(clippy::cast_possible_truncation, reason = "they have been read as 32 bits")]
    let bits = bits as u32;
    f32::from_bits(bits).into()
}

/// The nearest double to a whole number of any length; infinite beyond the range.
fn big_number(bytes: &[u8]) -> f64 {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    let digits = &bytes[zeros..];
    let (first, rest) = digits.split_at(digits.len().min(size_of::<u64>()));
    let number = first.iter().fold(0_u64, |number, byte| (number << 8) | u64::from(*byte));
    // 64 bits are more than a double has: of all that follows it counts only whether there is something.
    let sticky = u64::from(rest.iter().any(|byte| *byte != 0));
    // A double ends at 128 bytes.
    let exponent = i32::try_from(rest.len()).unwrap_or(i32::MAX).min(200) * 8;
    (number | sticky) as f64 * 2.0_f64.powi(exponent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_of_sixteen_bits_are_those_of_the_rfc() {
        for (bits, expected) in [
            (0x0000, 0.0),
            (0x3c00, 1.0),
            (0x3e00, 1.5),
            (0x7bff, 65_504.0),
            (0x0001, 5.960_464_477_539_063e-8),
            (0x0400, 0.000_061_035_156_25),
            (0xc400, -4.0),
            (0x7c00, f64::INFINITY),
            (0xfc00, f64::NEG_INFINITY),
        ] {
            assert_eq!(half(bits), expected, "{bits:#x}");
        }
        assert!(half(0x8000).is_sign_negative());
        assert!(half(0x7e00).is_nan());
    }

    #[test]
    fn big_numbers_are_the_nearest_doubles() {
        assert_eq!(big_number(&[]), 0.0);
        assert_eq!(big_number(&[0, 0, 5]), 5.0);
        assert_eq!(big_number(&[1, 0, 0, 0, 0, 0, 0, 0, 0]), 18_446_744_073_709_551_616.0);
        for number in [u128::MAX, 1 << 100, (1 << 117) + (1 << 64) + 1, (1 << 117) + (1 << 64)] {
            assert_eq!(big_number(&number.to_be_bytes()), number as f64, "{number}");
        }
        assert_eq!(big_number(&[1; 1_000]), f64::INFINITY);
    }
}

//! Protobuf's wire format: what stands in the bytes whatever the schema.
//!
//! Source: <https://protobuf.dev/programming-guides/encoding/>.

use super::super::{MAX_DEPTH, Rejection};
use crate::wire::ReasonCode;

/// How a value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wire {
    Varint,
    Fixed64,
    /// Its length, and so many bytes.
    Bytes,
    StartGroup,
    EndGroup,
    Fixed32,
}

/// The bytes of a message that are left.
#[derive(Debug, Clone, Copy)]
pub(super) struct Input<'a>(pub(super) &'a [u8]);

#[cold]
pub(super) fn invalid(detail: impl Into<String>) -> Rejection {
    Rejection::new(ReasonCode::InvalidProtobuf, detail)
}

impl<'a> Input<'a> {
    #[inline]
    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    #[inline]
    pub(super) fn take<const N: usize>(&mut self) -> Result<[u8; N], Rejection> {
        let (bytes, rest) =
            self.0.split_first_chunk().ok_or_else(|| invalid("the value is cut off"))?;
        self.0 = rest;
        Ok(*bytes)
    }

    /// A number of up to 64 bits: seven in each byte, the lowest first.
    #[inline]
    pub(super) fn varint(&mut self) -> Result<u64, Rejection> {
        if let [byte @ ..0x80, rest @ ..] = self.0 {
            self.0 = rest;
            return Ok((*byte).into());
        }
        let mut number = 0_u64;
        for shift in (0..70).step_by(7) {
            let [byte] = self.take()?;
            if shift == 63 && byte > 1 {
                break;
            }
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(invalid("a number has more than 64 bits"))
    }

    /// The number of the next field, and how it is written.
    #[inline]
    pub(super) fn tag(&mut self) -> Result<(u32, Wire), Rejection> {
        let tag = u32::try_from(self.varint()?).map_err(|_| invalid("no such field number"))?;
        let wire = match tag & 7 {
            0 => Wire::Varint,
            1 => Wire::Fixed64,
            2 => Wire::Bytes,
            3 => Wire::StartGroup,
            4 => Wire::EndGroup,
            5 => Wire::Fixed32,
            other => return Err(invalid(format!("there is no wire type {other}"))),
        };
        match tag >> 3 {
            0 => Err(invalid("there is no field 0")),
            number => Ok((number, wire)),
        }
    }

    /// Bytes with their length before them.
    #[inline]
    pub(super) fn delimited(&mut self) -> Result<&'a [u8], Rejection> {
        let length = usize::try_from(self.varint()?).unwrap_or(usize::MAX);
        let (bytes, rest) =
            self.0.split_at_checked(length).ok_or_else(|| invalid("the value is cut off"))?;
        self.0 = rest;
        Ok(bytes)
    }

    /// Passes over the value of a field, which may be a group within so many others.
    pub(super) fn skip(&mut self, number: u32, wire: Wire, depth: usize) -> Result<(), Rejection> {
        match wire {
            Wire::Varint => self.varint().map(drop),
            Wire::Fixed64 => self.take::<8>().map(drop),
            Wire::Bytes => self.delimited().map(drop),
            Wire::Fixed32 => self.take::<4>().map(drop),
            Wire::EndGroup => Err(invalid("a group ends that has not begun")),
            Wire::StartGroup => self.skip_group(number, depth + 1),
        }
    }

    fn skip_group(&mut self, group: u32, depth: usize) -> Result<(), Rejection> {
        if depth > MAX_DEPTH {
            let detail = format!("nested deeper than {MAX_DEPTH} levels");
            return Err(Rejection::new(ReasonCode::TooDeep, detail));
        }
        loop {
            match self.tag()? {
                (number, Wire::EndGroup) if number == group => return Ok(()),
                (number, wire) => self.skip(number, wire, depth)?,
            }
        }
    }
}

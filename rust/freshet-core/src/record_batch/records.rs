//! The records of a batch, one after the other.
//!
//! A record is its length, attributes, the differences of its time and offset to those of the batch, key, value and
//! headers; all numbers but the attributes are of variable length, in zigzag encoding:
//! <https://developers.google.com/protocol-buffers/docs/encoding#types>.

use super::InvalidBatch;
use super::header::Header;
use super::headers::Headers;

/// A record of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchRecord<'a> {
    /// Its offset in its partition.
    pub offset: i64,
    /// Kafka's timestamp, epoch milliseconds: the sender's, or that of the log.
    pub timestamp_ms: i64,
    /// Its key, which may be empty; `None` without one.
    pub key: Option<&'a [u8]>,
    /// Its value, which may be empty; `None` for a tombstone.
    pub value: Option<&'a [u8]>,
    /// What its sender has written beside it.
    pub headers: Headers<'a>,
}

/// The records of a batch; an error in place of one that is malformed, and nothing after it.
#[derive(Debug)]
pub struct BatchRecords<'a> {
    rest: &'a [u8],
    base_offset: i64,
    base_timestamp: i64,
    log_append_time: Option<i64>,
    position: u32,
    records: u32,
}

impl<'a> BatchRecords<'a> {
    pub(super) fn new(header: &Header, content: &'a [u8]) -> Self {
        Self {
            rest: content,
            base_offset: header.base_offset,
            base_timestamp: header.base_timestamp,
            log_append_time: header.log_append_time(),
            position: 0,
            records: header.records,
        }
    }

    fn record(&mut self) -> Result<BatchRecord<'a>, &'static str> {
        let length = length(&mut self.rest)?.ok_or("its length is negative")?;
        let (mut body, rest) = self.rest.split_at_checked(length).ok_or(CUT_OFF)?;
        self.rest = rest;
        // No attribute is in use.
        body = body.get(1..).ok_or(CUT_OFF)?;
        let timestamp = self.base_timestamp.wrapping_add(variable(&mut body)?);
        let offset = self.base_offset.wrapping_add(variable(&mut body)?);
        let key = bytes(&mut body)?;
        let value = bytes(&mut body)?;
        let headers = Headers::split(&mut body)?;
        if !body.is_empty() {
            return Err("something stands behind its headers");
        }
        let timestamp_ms = self.log_append_time.unwrap_or(timestamp);
        Ok(BatchRecord { offset, timestamp_ms, key, value, headers })
    }
}

impl<'a> Iterator for BatchRecords<'a> {
    type Item = Result<BatchRecord<'a>, InvalidBatch>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.position == self.records {
            return None;
        }
        let position = self.position;
        self.position += 1;
        let record = self.record().and_then(|record| {
            let is_last = self.position == self.records;
            if is_last && !self.rest.is_empty() {
                Err("something stands behind it")
            } else {
                Ok(record)
            }
        });
        Some(record.map_err(|what| {
            self.position = self.records;
            InvalidBatch::Record { position, what }
        }))
    }
}

pub(super) const CUT_OFF: &str = "it is cut off";

/// Ten groups of seven bits hold any 64.
const MAX_GROUPS: u32 = 10;

/// A number of variable length: groups of seven bits, the least first, and the sign in the last bit.
#[inline]
fn variable(bytes: &mut &[u8]) -> Result<i64, &'static str> {
    let mut number = 0_u64;
    for group in 0..MAX_GROUPS {
        let (byte, rest) = bytes.split_first().ok_or(CUT_OFF)?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << (7 * group);
        if byte & 0x80 == 0 {
            return Ok((number >> 1).cast_signed() ^ -(number & 1).cast_signed());
        }
    }
    Err("a number in it does not end")
}

/// A length; `None` for one that is negative, which means that there is nothing, not even something empty.
#[inline]
pub(super) fn length(bytes: &mut &[u8]) -> Result<Option<usize>, &'static str> {
    Ok(usize::try_from(variable(bytes)?).ok())
}

#[inline]
pub(super) fn bytes<'a>(body: &mut &'a [u8]) -> Result<Option<&'a [u8]>, &'static str> {
    let Some(length) = length(body)? else { return Ok(None) };
    let (bytes, rest) = body.split_at_checked(length).ok_or(CUT_OFF)?;
    *body = rest;
    Ok(Some(bytes))
}

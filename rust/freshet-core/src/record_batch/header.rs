//! The header of a batch.

use crc_fast::CrcAlgorithm;

use super::InvalidBatch;

/// What the records of a batch have in common.
#[derive(Debug, Clone, Copy)]
pub(super) struct Header {
    pub(super) base_offset: i64,
    pub(super) attributes: i16,
    pub(super) base_timestamp: i64,
    pub(super) max_timestamp: i64,
    /// How many records follow.
    pub(super) records: u32,
}

/// Offset, length, epoch, version, checksum, attributes, last offset, two timestamps, producer and its epoch, sequence
/// and number of records.
const HEADER_BYTES: usize = 61;
/// What the length in the header does not count: the base offset and the length itself.
const BEFORE_LENGTH_BYTES: usize = 12;
/// The checksum is of what stands behind it.
const CHECKED_FROM: usize = 21;
const VERSION: i8 = 2;

/// The time of the records is that at which the broker appended them.
const LOG_APPEND_TIME: i16 = 1 << 3;

impl Header {
    /// The time of all records, where it is that of the log; else each has one of its own.
    pub(super) fn log_append_time(&self) -> Option<i64> {
        (self.attributes & LOG_APPEND_TIME != 0).then_some(self.max_timestamp)
    }
}

/// The header of a batch, whose checksum is right, and what stands behind it.
pub(super) fn split(bytes: &[u8]) -> Result<(Header, &[u8]), InvalidBatch> {
    let (header, content) = bytes.split_at_checked(HEADER_BYTES).ok_or(InvalidBatch::CutOff)?;
    let version = i8::from_be_bytes(at(header, 16));
    if version != VERSION {
        return Err(InvalidBatch::Version(version));
    }
    let length = usize::try_from(i32::from_be_bytes(at(header, 8))).ok();
    if length.and_then(|length| length.checked_add(BEFORE_LENGTH_BYTES)) != Some(bytes.len()) {
        return Err(InvalidBatch::CutOff);
    }
    let expected = u32::from_be_bytes(at(header, 17));
    let found = checksum(&bytes[CHECKED_FROM..]);
    if found != expected {
        return Err(InvalidBatch::Checksum { expected, found });
    }
    let header = Header {
        base_offset: i64::from_be_bytes(at(header, 0)),
        attributes: i16::from_be_bytes(at(header, CHECKED_FROM)),
        base_timestamp: i64::from_be_bytes(at(header, 27)),
        max_timestamp: i64::from_be_bytes(at(header, 35)),
        records: u32::from_be_bytes(at(header, 57)),
    };
    Ok((header, content))
}

/// CRC-32C, with Castagnoli's polynomial, which iSCSI brought into use.
pub(super) fn checksum(bytes: &[u8]) -> u32 {
    #[expect(clippy::cast_possible_truncation, reason = "a checksum of 32 bits")]
    let checksum = crc_fast::checksum(CrcAlgorithm::Crc32Iscsi, bytes) as u32;
    checksum
}

fn at<const N: usize>(header: &[u8], start: usize) -> [u8; N] {
    std::array::from_fn(|index| header[start + index])
}

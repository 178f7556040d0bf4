//! Batches as senders write them, for tests.

use std::io::Write as _;

use super::header::checksum;

/// What a record of a sample holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SampleRecord {
    pub(crate) offset: i64,
    pub(crate) timestamp_ms: i64,
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) value: Option<Vec<u8>>,
    pub(crate) headers: Vec<(String, Option<Vec<u8>>)>,
}

/// How a sample is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Written {
    Plain,
    Gzip,
    /// Two members.
    GzipMembers,
    SnappyRaw,
    Xerial,
    Lz4,
    /// Blocks that depend on those before, with checksums of blocks and content, and the content's size.
    Lz4Linked,
    Zstd,
    /// Two frames.
    ZstdFrames,
}

pub(crate) const ALL_WRITTEN: [Written; 9] = [
    Written::Plain,
    Written::Gzip,
    Written::GzipMembers,
    Written::SnappyRaw,
    Written::Xerial,
    Written::Lz4,
    Written::Lz4Linked,
    Written::Zstd,
    Written::ZstdFrames,
];

impl Written {
    fn codec(self) -> i16 {
        match self {
            Self::Plain => 0,
            Self::Gzip | Self::GzipMembers => 1,
            Self::SnappyRaw | Self::Xerial => 2,
            Self::Lz4 | Self::Lz4Linked => 3,
            Self::Zstd | Self::ZstdFrames => 4,
        }
    }

    fn compress(self, content: &[u8]) -> Vec<u8> {
        let (first, second) = content.split_at(content.len() / 2);
        match self {
            Self::Plain => content.to_vec(),
            Self::Gzip => gzip(content),
            Self::GzipMembers => [gzip(first), gzip(second)].concat(),
            Self::SnappyRaw => snappy(content),
            Self::Xerial => xerial(content),
            Self::Lz4 => lz4(content),
            Self::Lz4Linked => lz4_linked(content),
            Self::Zstd => zstd(content),
            Self::ZstdFrames => [zstd(first), zstd(second)].concat(),
        }
    }
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

fn snappy(content: &[u8]) -> Vec<u8> {
    snap::raw::Encoder::new().compress_vec(content).unwrap()
}

/// Blocks of 1 kB, so that there are some.
fn xerial(content: &[u8]) -> Vec<u8> {
    let mut bytes = b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01".to_vec();
    for block in content.chunks(1_000) {
        let block = snappy(block);
        bytes.extend(u32::try_from(block.len()).unwrap().to_be_bytes());
        bytes.extend(block);
    }
    bytes
}

/// As Kafka's client writes it: blocks that stand alone, a block that cannot be made smaller as it is.
fn lz4(content: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x04, 0x22, 0x4d, 0x18, 0b0110_0000, 0x40, 0xaa];
    for block in content.chunks(1_000) {
        let compressed = lz4_flex::block::compress(block);
        let (block, flag) =
            if compressed.len() < block.len() { (&*compressed, 0) } else { (block, 1 << 31) };
        bytes.extend((u32::try_from(block.len()).unwrap() | flag).to_le_bytes());
        bytes.extend(block);
    }
    bytes.extend([0; 4]);
    bytes
}

fn lz4_linked(content: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x04, 0x22, 0x4d, 0x18, 0b0101_1100, 0x40];
    bytes.extend((content.len() as u64).to_le_bytes());
    bytes.push(0xaa);
    for start in (0..content.len()).step_by(1_000) {
        let before = &content[start.saturating_sub(64 << 10)..start];
        let block = &content[start..content.len().min(start + 1_000)];
        let block = lz4_flex::block::compress_with_dict(block, before);
        bytes.extend(u32::try_from(block.len()).unwrap().to_le_bytes());
        bytes.extend(block);
        bytes.extend([0xaa; 4]);
    }
    bytes.extend([0; 4]);
    bytes.extend([0xaa; 4]);
    bytes
}

fn zstd(content: &[u8]) -> Vec<u8> {
    // Without the content's size, as Kafka's client writes it.
    let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

fn variable(number: i64, bytes: &mut Vec<u8>) {
    let mut rest = (number << 1 ^ number >> 63).cast_unsigned();
    while rest >= 0x80 {
        bytes.push(u8::try_from(rest & 0x7f).unwrap() | 0x80);
        rest >>= 7;
    }
    bytes.push(u8::try_from(rest).unwrap());
}

fn optional(part: Option<&[u8]>, bytes: &mut Vec<u8>) {
    variable(part.map_or(-1, |part| i64::try_from(part.len()).unwrap()), bytes);
    bytes.extend(part.unwrap_or_default());
}

fn content(base_offset: i64, base_timestamp: i64, records: &[SampleRecord]) -> Vec<u8> {
    let mut content = Vec::new();
    for record in records {
        let mut body = vec![0];
        variable(record.timestamp_ms - base_timestamp, &mut body);
        variable(record.offset - base_offset, &mut body);
        optional(record.key.as_deref(), &mut body);
        optional(record.value.as_deref(), &mut body);
        variable(i64::try_from(record.headers.len()).unwrap(), &mut body);
        for (name, value) in &record.headers {
            optional(Some(name.as_bytes()), &mut body);
            optional(value.as_deref(), &mut body);
        }
        variable(i64::try_from(body.len()).unwrap(), &mut content);
        content.extend(body);
    }
    content
}

/// A whole batch; with `log_append_time` that is the time of all records.
pub(crate) fn batch(
    records: &[SampleRecord],
    written: Written,
    log_append_time: Option<i64>,
) -> Vec<u8> {
    let base_offset = records.first().map_or(0, |record| record.offset);
    let base_timestamp = records.first().map_or(-1, |record| record.timestamp_ms);
    let max_timestamp = records.iter().map(|record| record.timestamp_ms).max().unwrap_or(-1);
    let last = records.last().map_or(-1, |record| record.offset - base_offset);
    let time_type = if log_append_time.is_some() { 1 << 3 } else { 0 };
    let mut checked = (written.codec() | time_type).to_be_bytes().to_vec();
    checked.extend(i32::try_from(last).unwrap().to_be_bytes());
    checked.extend(base_timestamp.to_be_bytes());
    checked.extend(log_append_time.unwrap_or(max_timestamp).to_be_bytes());
    checked.extend((-1_i64).to_be_bytes());
    checked.extend((-1_i16).to_be_bytes());
    checked.extend((-1_i32).to_be_bytes());
    checked.extend(u32::try_from(records.len()).unwrap().to_be_bytes());
    checked.extend(written.compress(&content(base_offset, base_timestamp, records)));
    let mut bytes = base_offset.to_be_bytes().to_vec();
    bytes.extend(i32::try_from(checked.len() + 9).unwrap().to_be_bytes());
    bytes.extend(7_i32.to_be_bytes());
    bytes.push(2);
    bytes.extend(checksum(&checked).to_be_bytes());
    bytes.extend(checked);
    bytes
}

/// Writes the checksum anew, after something in the batch was changed.
pub(crate) fn sign(batch: &mut [u8]) {
    let checksum = checksum(&batch[21..]);
    batch[17..21].copy_from_slice(&checksum.to_be_bytes());
}

//! Kafka's record batches: what the crate `kafka-protocol` writes is read as it was written, with every codec, and what
//! both read of whatever bytes there are is the same.
//!
//! The first byte of an input says which of the two it is. Of a batch that the crate writes, it has the codec as well,
//! and the records follow, each with the lengths of its key and its value, modulo 32, before it; 31 is none. Any other
//! input is a batch: its length, version and checksum are mended, so that the bytes behind them matter.

#![no_main]

use bytes::{Bytes, BytesMut};
use freshet_core::record_batch::{BatchReader, BatchRecord};
use kafka_protocol::records::{
    Compression, NO_PARTITION_LEADER_EPOCH, NO_PRODUCER_EPOCH, NO_PRODUCER_ID, NO_SEQUENCE, Record,
    RecordBatchDecoder, RecordBatchEncoder, RecordEncodeOptions, TimestampType,
};
use libfuzzer_sys::fuzz_target;

const CODECS: [Compression; 5] = [
    Compression::None,
    Compression::Gzip,
    Compression::Snappy,
    Compression::Lz4,
    Compression::Zstd,
];
const LENGTH: std::ops::Range<usize> = 8..12;
const VERSION: usize = 16;
const CHECKSUM: std::ops::Range<usize> = 17..21;
const HEADER_BYTES: usize = 61;

fuzz_target!(|input: &[u8]| {
    let Some((&kind, rest)) = input.split_first() else { return };
    if kind & 1 == 0 {
        compare(rest.to_vec());
    } else {
        write(CODECS[usize::from(kind >> 1) % CODECS.len()], rest);
    }
});

/// What of a record both know.
#[derive(Debug, PartialEq)]
struct Known {
    offset: i64,
    timestamp_ms: i64,
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
}

impl Known {
    fn ours(record: &BatchRecord<'_>) -> Self {
        let owned = |part: Option<&[u8]>| part.map(<[u8]>::to_vec);
        let (offset, timestamp_ms) = (record.offset, record.timestamp_ms);
        Self { offset, timestamp_ms, key: owned(record.key), value: owned(record.value) }
    }

    fn theirs(record: &Record) -> Self {
        let owned = |part: &Option<Bytes>| part.as_ref().map(|bytes| bytes.to_vec());
        let (offset, timestamp_ms) = (record.offset, record.timestamp);
        Self { offset, timestamp_ms, key: owned(&record.key), value: owned(&record.value) }
    }
}

/// `None` for what is refused.
fn read(batch: &[u8]) -> Option<Vec<Known>> {
    let mut reader = BatchReader::default();
    let records = reader.read(batch).ok()?;
    records.map(|record| record.ok().map(|record| Known::ours(&record))).collect()
}

fn compare(mut batch: Vec<u8>) {
    if batch.len() < HEADER_BYTES {
        assert_eq!(read(&batch), None, "there is not even a header");
        return;
    }
    let length = i32::try_from(batch.len() - LENGTH.end).expect("inputs are short");
    batch[LENGTH].copy_from_slice(&length.to_be_bytes());
    batch[VERSION] = 2;
    let checksum = crc32c::crc32c(&batch[CHECKSUM.end..]);
    batch[CHECKSUM].copy_from_slice(&checksum.to_be_bytes());
    // Before they are read, the crate makes room for as many records as the header says.
    let Some(ours) = read(&batch) else { return };
    let Ok(set) = RecordBatchDecoder::decode(&mut Bytes::copy_from_slice(&batch)) else { return };
    let theirs = set.records;
    assert_eq!(ours.len(), theirs.len());
    let base = i64::from_be_bytes(std::array::from_fn(|index| batch[index]));
    for (ours, theirs) in ours.iter().zip(&theirs) {
        let mut expected = Known::theirs(theirs);
        // It leaves out that the log has a time of its own.
        if theirs.timestamp_type == TimestampType::LogAppend {
            expected.timestamp_ms = ours.timestamp_ms;
        }
        // It cuts differences of offsets off, of which Kafka has none so great.
        if i32::try_from(ours.offset.wrapping_sub(base)).is_err() {
            expected.offset = ours.offset;
        }
        assert_eq!(*ours, expected);
    }
}

fn write(codec: Compression, input: &[u8]) {
    let records = records(input);
    let mut batch = BytesMut::new();
    let options = RecordEncodeOptions { version: 2, compression: codec };
    RecordBatchEncoder::encode(&mut batch, &records, &options).expect("the records fit a batch");
    let expected: Vec<Known> = records.iter().map(Known::theirs).collect();
    if records.is_empty() {
        return; // nothing is written
    }
    assert_eq!(read(&batch), Some(expected), "{codec:?}");
}

fn records(mut input: &[u8]) -> Vec<Record> {
    let mut records = Vec::new();
    while let Some((&[key, value], rest)) = input.split_first_chunk() {
        input = rest;
        let offset = i64::try_from(records.len()).expect("inputs are short");
        records.push(Record {
            transactional: false,
            control: false,
            delete_horizon: false,
            partition_leader_epoch: NO_PARTITION_LEADER_EPOCH,
            producer_id: NO_PRODUCER_ID,
            producer_epoch: NO_PRODUCER_EPOCH,
            timestamp_type: TimestampType::Creation,
            offset: 1_000 + offset,
            sequence: NO_SEQUENCE.wrapping_add(i32::try_from(offset).expect("as above")),
            // They go up and down.
            timestamp: 1_700_000_000_000 + offset * i64::from(key) - i64::from(value) * 1_000,
            key: take(&mut input, key),
            value: take(&mut input, value),
            headers: [].into(),
        });
    }
    records
}

/// Takes that many bytes, or as many as are left.
fn take(input: &mut &[u8], length: u8) -> Option<Bytes> {
    const NONE: u8 = 31;
    if length % 32 == NONE {
        return None;
    }
    let (taken, rest) = input.split_at(usize::from(length % 32).min(input.len()));
    *input = rest;
    Some(Bytes::copy_from_slice(taken))
}

//! The layout in which `RecordBatchBuffer.java` packs what a task reads, one entry after the other, little-endian. Each
//! begins with a byte that says what it is. 0 is a record:
//!
//! | type | content |
//! |---|---|
//! | i32 | partition |
//! | i64 | offset |
//! | i64 | Kafka's timestamp, epoch milliseconds |
//! | i32 | length of the key; -1 without a key |
//! | i32 | length of the value; -1 for a tombstone |
//! | … | the key's bytes, then the value's |
//!
//! 1 is a whole record batch, as the broker sent it:
//!
//! | type | content |
//! |---|---|
//! | i32 | partition |
//! | i32 | length |
//! | … | the batch, from its base offset on: see `freshet_core::record_batch` |
//!
//! 2 says by which topic all that follows was delivered, until it is said again; without bytes, and before that, nobody
//! knows:
//!
//! | type | content |
//! |---|---|
//! | i32 | length |
//! | … | the topic's name |
//!
//! 3 are the headers of the record that follows:
//!
//! | type | content |
//! |---|---|
//! | i32 | length |
//! | … | the headers, as a record batch has them: see `freshet_core::record_batch::Headers` |
//!
//! It is no Arrow, since Java fills it in place: it copies bytes once, from where Kafka or Spark has them, and the
//! fields of a record lie side by side for the one pass over them.

use std::cell::Cell;
use std::mem;

use freshet_core::record::RawRecord;
use freshet_core::record_batch::{BatchReader, Headers};

use crate::gate::NativeError;

/// A record and where it stands in its topic.
#[derive(Debug)]
pub(crate) struct PackedRecord<'a> {
    pub(crate) partition: i32,
    pub(crate) offset: i64,
    pub(crate) raw: RawRecord<'a>,
}

/// A record batch of a partition.
#[derive(Debug)]
struct PackedBatch<'a> {
    partition: i32,
    bytes: &'a [u8],
}

/// What a task has read, piece by piece.
#[derive(Debug)]
enum Entry<'a> {
    Record(PackedRecord<'a>),
    Batch(PackedBatch<'a>),
    Topic(&'a [u8]),
    Headers(Headers<'a>),
}

const RECORD: u8 = 0;
const BATCH: u8 = 1;
const TOPIC: u8 = 2;
const HEADERS: u8 = 3;

/// The entries, one after the other; an error in place of one that is cut off, and nothing after it.
struct Entries<'a>(&'a [u8]);

impl<'a> Entries<'a> {
    fn new(packed: &'a [u8]) -> Self {
        Self(packed)
    }
}

impl<'a> Iterator for Entries<'a> {
    type Item = Result<Entry<'a>, NativeError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let entry = split_first(&mut self.0);
        if entry.is_none() {
            self.0 = &[];
        }
        Some(entry.ok_or_else(|| {
            NativeError::Contract("the packed records are cut off, or of no known kind".to_owned())
        }))
    }
}

/// How much was read.
#[derive(Debug, Default)]
pub(crate) struct Volume {
    pub(crate) records: u64,
    /// Bytes of their keys and values.
    pub(crate) bytes: u64,
}

impl Volume {
    #[inline]
    pub(crate) fn add(&mut self, RawRecord { key, value, .. }: &RawRecord<'_>) {
        let bytes = key.map_or(0, <[u8]>::len) + value.map_or(0, <[u8]>::len);
        self.records += 1;
        self.bytes += bytes as u64;
    }
}

/// Where a record stands, or with which record a batch begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place<'a> {
    /// `None` where nobody says.
    pub(crate) topic: Option<&'a [u8]>,
    pub(crate) partition: i32,
    pub(crate) offset: i64,
}

impl Place<'_> {
    /// That of no record.
    pub(crate) const NOWHERE: Self = Self { topic: None, partition: -1, offset: -1 };
}

/// Hands on each record of what is packed, those of batches too. `current` says which is being read.
///
/// # Errors
///
/// [`NativeError::Contract`] where the bytes are cut off, and [`NativeError::Damaged`] where a batch is damaged; or the
/// first error of `take`. The records before that were handed on.
#[inline]
pub(crate) fn each_record<'a>(
    packed: &'a [u8],
    batches: &mut BatchReader,
    current: &Cell<Place<'a>>,
    mut take: impl FnMut(&PackedRecord<'_>) -> Result<(), NativeError>,
) -> Result<(), NativeError> {
    let (mut topic, mut headers) = (None, Headers::default());
    for entry in Entries::new(packed) {
        match entry? {
            Entry::Topic(name) => topic = Some(name).filter(|name| !name.is_empty()),
            Entry::Headers(of_next) => headers = of_next,
            Entry::Record(PackedRecord { partition, offset, raw }) => {
                current.set(Place { topic, partition, offset });
                let raw = RawRecord { topic, headers: mem::take(&mut headers), ..raw };
                take(&PackedRecord { partition, offset, raw })?;
            }
            Entry::Batch(PackedBatch { partition, bytes }) => {
                let offset = base_offset(bytes);
                current.set(Place { topic, partition, offset });
                let damaged = |damage| {
                    let place = format!("partition {partition}, record batch at offset {offset}");
                    NativeError::Damaged(format!("{place}: {damage}"))
                };
                for record in batches.read(bytes).map_err(damaged)? {
                    let record = record.map_err(damaged)?;
                    let offset = record.offset;
                    current.set(Place { topic, partition, offset });
                    let raw = RawRecord {
                        key: record.key,
                        value: record.value,
                        timestamp_ms: Some(record.timestamp_ms),
                        topic,
                        headers: record.headers,
                    };
                    take(&PackedRecord { partition, offset, raw })?;
                }
            }
        }
    }
    Ok(())
}

/// With what a record batch begins.
fn base_offset(batch: &[u8]) -> i64 {
    batch.first_chunk().map_or(-1, |offset| i64::from_be_bytes(*offset))
}

/// Takes the first entry off `bytes`; `None` when the bytes end within it.
#[inline]
fn split_first<'a>(bytes: &mut &'a [u8]) -> Option<Entry<'a>> {
    match take_array(bytes)? {
        [RECORD] => split_record(bytes).map(Entry::Record),
        [BATCH] => split_batch(bytes).map(Entry::Batch),
        [TOPIC] => split_bytes(bytes).map(Entry::Topic),
        [HEADERS] => split_bytes(bytes).map(Headers::new).map(Entry::Headers),
        _ => None,
    }
}

fn split_batch<'a>(bytes: &mut &'a [u8]) -> Option<PackedBatch<'a>> {
    let partition = i32::from_le_bytes(*take_array(bytes)?);
    Some(PackedBatch { partition, bytes: split_bytes(bytes)? })
}

#[inline]
fn split_record<'a>(bytes: &mut &'a [u8]) -> Option<PackedRecord<'a>> {
    let partition = i32::from_le_bytes(*take_array(bytes)?);
    let offset = i64::from_le_bytes(*take_array(bytes)?);
    let timestamp_ms = i64::from_le_bytes(*take_array(bytes)?);
    let key_length = take_length(bytes)?;
    let value_length = take_length(bytes)?;
    let key = take_optional(bytes, key_length)?;
    let value = take_optional(bytes, value_length)?;
    let raw = RawRecord { key, value, timestamp_ms: Some(timestamp_ms), ..RawRecord::default() };
    Some(PackedRecord { partition, offset, raw })
}

/// Takes bytes that are preceded by their length (i32) off `bytes`; `None` when they end too early.
pub(crate) fn split_bytes<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = take_length(bytes)?;
    let (taken, rest) = bytes.split_at_checked(usize::try_from(length).ok()?)?;
    *bytes = rest;
    Some(taken)
}

/// Takes a length off `bytes`: -1 for that of nothing.
pub(crate) fn take_length(bytes: &mut &[u8]) -> Option<i32> {
    take_array(bytes).copied().map(i32::from_le_bytes)
}

fn take_array<'a, const N: usize>(bytes: &mut &'a [u8]) -> Option<&'a [u8; N]> {
    let (taken, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(taken)
}

/// The outer `None` means that the bytes end too early, the inner one that there is no key or value.
#[expect(clippy::option_option, reason = "the two levels mean different things")]
pub(crate) fn take_optional<'a>(bytes: &mut &'a [u8], length: i32) -> Option<Option<&'a [u8]>> {
    if length == -1 {
        return Some(None);
    }
    let (taken, rest) = bytes.split_at_checked(usize::try_from(length).ok()?)?;
    *bytes = rest;
    Some(Some(taken))
}

#[cfg(test)]
mod tests {
    use freshet_core::record_batch::encode_headers;

    use super::*;

    fn pack(partition: i32, offset: i64, key: Option<&[u8]>, value: Option<&[u8]>) -> Vec<u8> {
        let length = |part: Option<&[u8]>| part.map_or(-1, |p| i32::try_from(p.len()).unwrap());
        let mut bytes = vec![RECORD];
        bytes.extend(partition.to_le_bytes());
        bytes.extend(offset.to_le_bytes());
        bytes.extend(123_i64.to_le_bytes());
        bytes.extend(length(key).to_le_bytes());
        bytes.extend(length(value).to_le_bytes());
        bytes.extend(key.unwrap_or_default());
        bytes.extend(value.unwrap_or_default());
        bytes
    }

    #[test]
    fn records_come_back_in_order() {
        let bytes = [pack(0, 7, Some(b"k"), Some(b"{}")), pack(1, 8, None, None)].concat();
        let entries: Vec<_> = Entries::new(&bytes).map(Result::unwrap).collect();
        let [Entry::Record(first), Entry::Record(second)] = &entries[..] else {
            panic!("{entries:?}")
        };
        assert_eq!((first.partition, first.offset, first.raw.timestamp_ms), (0, 7, Some(123)));
        assert_eq!((first.raw.key, first.raw.value), (Some(&b"k"[..]), Some(&b"{}"[..])));
        assert_eq!((second.partition, second.raw.key, second.raw.value), (1, None, None));
        assert!(Entries::new(&[]).next().is_none());
    }

    #[test]
    fn every_cut_is_noticed_and_ends_the_batch() {
        let whole = pack(0, 7, Some(b"key"), Some(b"value"));
        for length in 1..whole.len() {
            let bytes = [&whole[..], &whole[..length]].concat();
            let found: Vec<_> = Entries::new(&bytes).map(|entry| entry.is_ok()).collect();
            assert_eq!(found, [true, false], "{length}");
        }
        let mut negative = pack(0, 7, None, Some(b"value"));
        negative[25..29].copy_from_slice(&(-2_i32).to_le_bytes());
        assert!(Entries::new(&negative).next().unwrap().is_err());
    }

    #[test]
    fn batches_stand_among_records() {
        let batch = [&[BATCH][..], &7_i32.to_le_bytes(), &3_i32.to_le_bytes(), b"abc"].concat();
        let bytes = [&batch[..], &pack(0, 7, None, None), &batch].concat();
        let entries: Vec<_> = Entries::new(&bytes).map(Result::unwrap).collect();
        let [Entry::Batch(first), Entry::Record(_), Entry::Batch(_)] = &entries[..] else {
            panic!("{entries:?}")
        };
        assert_eq!((first.partition, first.bytes), (7, &b"abc"[..]));
        for length in 1..batch.len() {
            assert!(Entries::new(&batch[..length]).next().unwrap().is_err(), "{length}");
        }
        assert!(Entries::new(&[4, 0, 0, 0]).next().unwrap().is_err());
    }

    #[test]
    fn what_stands_beside_a_record_is_told_before_it() {
        let entry = |kind: u8, bytes: &[u8]| {
            let length = i32::try_from(bytes.len()).unwrap().to_le_bytes();
            [&[kind][..], &length, bytes].concat()
        };
        let site = encode_headers([("site", Some(&b"berlin"[..]))].into_iter());
        let record = |offset| pack(0, offset, None, None);
        let bytes = [
            record(0),
            entry(TOPIC, b"eu"),
            entry(HEADERS, &site),
            record(1),
            record(2),
            entry(TOPIC, "ü".as_bytes()),
            record(3),
            entry(TOPIC, b""),
            record(4),
        ]
        .concat();
        let mut found = Vec::new();
        let mut batches = BatchReader::default();
        each_record(&bytes, &mut batches, &Cell::new(Place::NOWHERE), |record| {
            let site = record.raw.headers.last("site").map(<[u8]>::to_vec);
            found.push((record.offset, record.raw.topic.map(<[u8]>::to_vec), site));
            Ok(())
        })
        .unwrap();
        let topic = |name: &str| Some(name.as_bytes().to_vec());
        let expected = [
            (0, None, None),
            (1, topic("eu"), Some(b"berlin".to_vec())),
            (2, topic("eu"), None),
            (3, topic("ü"), None),
            (4, None, None),
        ];
        assert_eq!(found, expected);
        assert!(Entries::new(&entry(TOPIC, b"abc")[..6]).next().unwrap().is_err());
        assert!(Entries::new(&entry(HEADERS, b"abc")[..6]).next().unwrap().is_err());
    }
}

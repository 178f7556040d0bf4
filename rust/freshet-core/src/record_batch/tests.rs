use proptest::prelude::*;

use super::sample::{ALL_WRITTEN, SampleRecord, Written, batch, sign};
use super::*;

fn record(offset: i64, value: &str) -> SampleRecord {
    SampleRecord {
        offset,
        timestamp_ms: 1_700_000_000_000 + offset,
        key: Some(b"key".to_vec()),
        value: Some(value.as_bytes().to_vec()),
        headers: Vec::new(),
    }
}

fn read(bytes: &[u8]) -> Result<Vec<SampleRecord>, InvalidBatch> {
    read_with(&mut BatchReader::default(), bytes)
}

fn read_with(reader: &mut BatchReader, bytes: &[u8]) -> Result<Vec<SampleRecord>, InvalidBatch> {
    let owned = |record: BatchRecord<'_>| SampleRecord {
        offset: record.offset,
        timestamp_ms: record.timestamp_ms,
        key: record.key.map(<[u8]>::to_vec),
        value: record.value.map(<[u8]>::to_vec),
        headers: record.headers.iter().map(owned_header).collect(),
    };
    reader.read(bytes)?.map(|record| record.map(owned)).collect()
}

fn owned_header((name, value): (&[u8], Option<&[u8]>)) -> (String, Option<Vec<u8>>) {
    (String::from_utf8_lossy(name).into_owned(), value.map(<[u8]>::to_vec))
}

fn some_records(number: i64) -> Vec<SampleRecord> {
    (0..number).map(|n| record(n, &format!("{{\"id\":\"a{}\",\"v\":{n}}}", n % 7))).collect()
}

fn any_record() -> impl Strategy<Value = SampleRecord> {
    let part = || prop::option::of(prop::collection::vec(any::<u8>(), 0..40));
    let header = ("[a-z]{0,5}", part());
    let headers = prop::collection::vec(header, 0..3);
    (-(1_i64 << 40)..1 << 40, part(), part(), headers).prop_map(
        |(timestamp_ms, key, value, headers)| SampleRecord {
            offset: 0,
            timestamp_ms,
            key,
            value,
            headers,
        },
    )
}

/// Offsets that rise, with gaps, as compaction leaves them.
fn any_records() -> impl Strategy<Value = Vec<SampleRecord>> {
    let gaps = prop::collection::vec((1..1000_i64, any_record()), 0..200);
    (0..1_i64 << 60, gaps).prop_map(|(mut offset, records)| {
        let place = |(gap, record): (i64, SampleRecord)| {
            offset += gap;
            SampleRecord { offset, ..record }
        };
        records.into_iter().map(place).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_was_written_is_read(records in any_records(), append in prop::option::of(0..1_i64 << 40)) {
        let mut reader = BatchReader::default();
        for written in ALL_WRITTEN {
            let mut expected = records.clone();
            for record in &mut expected {
                record.timestamp_ms = append.unwrap_or(record.timestamp_ms);
            }
            let bytes = batch(&records, written, append);
            prop_assert_eq!(read_with(&mut reader, &bytes), Ok(expected), "{:?}", written);
        }
    }

    /// A checksum that is right says nothing about who wrote it.
    #[test]
    fn whatever_the_bytes_are_reading_ends(
        records in any_records(),
        written in prop::sample::select(&ALL_WRITTEN[..]),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let mut bytes = batch(&records, written, None);
        for (place, byte) in changes {
            let behind_the_length = 21 + place.index(bytes.len() - 21);
            bytes[behind_the_length] = byte;
        }
        sign(&mut bytes);
        drop(read(&bytes));
    }
}

#[test]
fn nothing_and_something_empty_are_two_things() {
    let empty = SampleRecord { key: Some(Vec::new()), value: Some(Vec::new()), ..record(0, "") };
    let none = SampleRecord { key: None, value: None, ..record(1, "") };
    let records = [empty, none];
    assert_eq!(read(&batch(&records, Written::Plain, None)), Ok(records.to_vec()));
}

#[test]
fn a_batch_without_records_has_none() {
    assert_eq!(read(&batch(&[], Written::Plain, None)), Ok(Vec::new()));
}

#[test]
fn every_flipped_bit_behind_the_checksum_is_noticed() {
    let whole = batch(&some_records(3), Written::Lz4, None);
    for place in 17..whole.len() {
        let mut bytes = whole.clone();
        bytes[place] ^= 0x10;
        let found = read(&bytes);
        assert!(matches!(found, Err(InvalidBatch::Checksum { .. })), "{place}: {found:?}");
    }
}

#[test]
fn every_cut_is_noticed() {
    for written in ALL_WRITTEN {
        let whole = batch(&some_records(50), written, None);
        for length in 0..whole.len() {
            assert_eq!(read(&whole[..length]), Err(InvalidBatch::CutOff), "{written:?} {length}");
            if length < 61 {
                continue;
            }
            // With a length and a checksum that fit, the cut is in the records or in what compresses them.
            let mut bytes = whole[..length].to_vec();
            bytes[8..12].copy_from_slice(&i32::try_from(length - 12).unwrap().to_be_bytes());
            sign(&mut bytes);
            let found = read(&bytes);
            let is_noticed =
                matches!(found, Err(InvalidBatch::Compression(_) | InvalidBatch::Record { .. }));
            assert!(is_noticed, "{written:?} {length}: {found:?}");
        }
    }
}

#[test]
fn other_versions_and_unknown_codecs_are_named() {
    let mut earlier = batch(&some_records(1), Written::Plain, None);
    earlier[16] = 1;
    assert_eq!(read(&earlier), Err(InvalidBatch::Version(1)));
    let mut unknown = batch(&some_records(1), Written::Plain, None);
    unknown[22] |= 5;
    sign(&mut unknown);
    assert_eq!(read(&unknown), Err(InvalidBatch::UnknownCodec(5)));
}

#[test]
fn a_malformed_record_is_named_and_ends_the_batch() {
    let whole = batch(&some_records(3), Written::Plain, None);
    let third = 61 + (whole.len() - 61) / 3 * 2;
    let cases: [(usize, u8, &str); 4] = [
        (third, 0x01, "its length is negative"),
        (third, 0x7e, "it is cut off"),
        (third, 0x02, "it is cut off"),
        (whole.len() - 1, 0x01, "its number of headers is negative"),
    ];
    for (place, byte, what) in cases {
        let mut bytes = whole.clone();
        bytes[place] = byte;
        sign(&mut bytes);
        let mut reader = BatchReader::default();
        let found: Vec<_> = reader.read(&bytes).unwrap().collect();
        assert_eq!(found.len(), 3);
        assert_eq!(found[2], Err(InvalidBatch::Record { position: 2, what }));
    }
    // Fewer records than the header says, and more.
    for (records, position, what) in [(4, 3, "it is cut off"), (2, 1, "something stands behind it")]
    {
        let mut bytes = whole.clone();
        bytes[60] = records;
        sign(&mut bytes);
        assert_eq!(read(&bytes), Err(InvalidBatch::Record { position, what }));
    }
}

#[test]
fn a_bomb_is_refused_and_its_memory_given_back() {
    let huge = SampleRecord { value: Some(vec![b'x'; MAX_BATCH_BYTES]), ..record(0, "") };
    let good = batch(&some_records(20), Written::Lz4, None);
    let mut reader = BatchReader::default();
    for written in [Written::Gzip, Written::Xerial, Written::Lz4, Written::Zstd] {
        let bomb = batch(std::slice::from_ref(&huge), written, None);
        assert!(bomb.len() < 64 << 20, "{written:?}: {}", bomb.len());
        assert_eq!(read_with(&mut reader, &bomb), Err(InvalidBatch::TooLarge), "{written:?}");
        assert_eq!(read_with(&mut reader, &good), Ok(some_records(20)));
        assert!(reader.memory_bytes() <= 8 << 20, "{written:?}: {}", reader.memory_bytes());
    }
}

/// What a size at the beginning only claims takes no memory.
#[test]
fn a_claim_of_a_size_is_no_size() {
    let mut bytes = batch(&some_records(1), Written::SnappyRaw, None);
    bytes.splice(61..62, [0xff, 0xff, 0xff, 0x7f]);
    let length = bytes.len();
    bytes[8..12].copy_from_slice(&i32::try_from(length - 12).unwrap().to_be_bytes());
    sign(&mut bytes);
    let mut reader = BatchReader::default();
    assert!(read_with(&mut reader, &bytes).is_err());
    assert!(reader.memory_bytes() <= 8 << 20, "{}", reader.memory_bytes());
}

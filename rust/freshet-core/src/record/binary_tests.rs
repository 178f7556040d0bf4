//! A record in a binary format means what the same record in JSON means.

use serde_json::{Value as Json, json};

use super::{Format, RawRecord, Readings, RecordParser, Stream};
use crate::wire::ReasonCode;

/// A writer of a binary format.
type Write = fn(&Json) -> Vec<u8>;

const FORMATS: [(Format, Write); 2] =
    [(Format::MessagePack, write_message_pack), (Format::Cbor, write_cbor)];

/// Writes a value as `MessagePack`.
pub(crate) fn write_message_pack(value: &Json) -> Vec<u8> {
    let short = |length: usize| u8::try_from(length).unwrap();
    match value {
        Json::Null => vec![0xc0],
        Json::Bool(truth) => vec![0xc2 + u8::from(*truth)],
        Json::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(number @ 0..=0x7f), _) => vec![number.to_be_bytes()[7]],
            (Some(number), _) => [&[0xd3], &number.to_be_bytes()[..]].concat(),
            (None, Some(number)) => [&[0xcf], &number.to_be_bytes()[..]].concat(),
            (None, None) => [&[0xcb], &number.as_f64().unwrap().to_be_bytes()[..]].concat(),
        },
        Json::String(text) if text.len() < 32 => {
            [&[0xa0 | short(text.len())], text.as_bytes()].concat()
        }
        Json::String(text) => [&[0xd9, short(text.len())], text.as_bytes()].concat(),
        Json::Array(items) => {
            assert!(items.len() < 16);
            let items = items.iter().flat_map(write_message_pack);
            std::iter::once(0x90 | short(value.as_array().unwrap().len())).chain(items).collect()
        }
        Json::Object(members) => {
            assert!(members.len() < 16);
            let content = members.iter().flat_map(|(key, value)| {
                write_message_pack(&json!(key)).into_iter().chain(write_message_pack(value))
            });
            std::iter::once(0x80 | short(members.len())).chain(content).collect()
        }
    }
}

/// Writes a value as CBOR.
pub(crate) fn write_cbor(value: &Json) -> Vec<u8> {
    let head = |major: u8, argument: u64| match u8::try_from(argument) {
        Ok(small @ 0..24) => vec![major << 5 | small],
        Ok(byte) => vec![major << 5 | 0x18, byte],
        Err(_) => [&[major << 5 | 0x1b], &argument.to_be_bytes()[..]].concat(),
    };
    match value {
        Json::Null => vec![0xf6],
        Json::Bool(truth) => vec![0xf4 + u8::from(*truth)],
        Json::Number(number) => match (number.as_u64(), number.as_i64()) {
            (Some(number), _) => head(0, number),
            (_, Some(number)) => head(1, u64::try_from(-1 - number).unwrap()),
            (None, None) => [&[0xfb], &number.as_f64().unwrap().to_be_bytes()[..]].concat(),
        },
        Json::String(text) => [&head(3, text.len() as u64), text.as_bytes()].concat(),
        Json::Array(items) => head(4, items.len() as u64)
            .into_iter()
            .chain(items.iter().flat_map(write_cbor))
            .collect(),
        Json::Object(members) => {
            let content = members.iter().flat_map(|(key, value)| {
                write_cbor(&json!(key)).into_iter().chain(write_cbor(value))
            });
            head(5, members.len() as u64).into_iter().chain(content).collect()
        }
    }
}

impl RecordParser {
    /// A parser for the stream's records as if they were written in another format.
    pub(crate) fn in_format(stream: &Stream, format: Format) -> Self {
        Self::new(&Stream { format, ..stream.clone() })
    }
}

type Parsed = Result<Vec<(String, usize, i64, u64)>, (ReasonCode, String)>;

fn parse(parser: &mut RecordParser, value: &[u8]) -> Parsed {
    let record = RawRecord {
        key: Some(b"the key"),
        value: Some(value),
        timestamp_ms: None,
        ..RawRecord::default()
    };
    let mut readings = Readings::default();
    parser
        .parse(&record, &mut readings)
        .map_err(|rejection| (rejection.reason, rejection.detail))?;
    let owned =
        |r: super::Reading<'_>| (r.series.to_owned(), r.metric, r.time_us, r.value.to_bits());
    Ok(readings.iter().map(owned).collect())
}

fn stream(unit: &str) -> Stream {
    Stream::parse_without_windows(&format!(
        "series = [\"site\", \"meta.id\"]\ntime = {{ field = \"at\", unit = \"{unit}\" }}\n\
         values = {{ v = \"v\", first = \"list.0\" }}"
    ))
    .unwrap()
}

fn assert_same(unit: &str, record: &Json) -> Parsed {
    let stream = stream(unit);
    let written = record.to_string().replace("e+", "e");
    let text = parse(&mut RecordParser::new(&stream), written.as_bytes());
    for (format, write) in FORMATS {
        let binary = parse(&mut RecordParser::in_format(&stream, format), &write(record));
        assert_eq!(binary, text, "{format:?}, {unit}: {record}");
    }
    text
}

#[test]
fn a_binary_record_means_what_the_same_record_in_json_means() {
    let good = json!({ "site": "a/b", "meta": { "id": 7 }, "at": 1_700_000_000, "v": 1.5 });
    let parsed = assert_same("s", &good).unwrap();
    let time_us = 1_700_000_000_000_000;
    assert_eq!(parsed, [("a%2Fb/7".to_owned(), 0, time_us, 1.5_f64.to_bits())]);
    for (field, values) in [
        (
            "site",
            json!(["x", "", true, false, 0, -5, u64::MAX, 1.0, 2.5e-7, 1e300, null, [], { "a": 1 }]),
        ),
        ("site", json!(["a text of more than thirty-one bytes, with 50% / more"])),
        ("v", json!([0, -1, i64::MIN, i64::MAX, u64::MAX, 0.1, -2.5e-300, 1e150, 1.1e150, "1"])),
        ("v", json!([null, true, [1], {}, "☃"])),
        ("list", json!([[1], [null, 2], [], [[1]], "x", 5, { "0": 4 }])),
        ("at", json!([0, -1, 1, 1_700_000_000.123_456, 1.5, -0.000_000_1, 9e99])),
        ("at", json!([i64::MAX, i64::MIN, u64::MAX, 253_402_300_799_u64, "1", null, true])),
        ("at", json!(["2026-01-31T12:00:00.5Z", "2026-01-31"])),
    ] {
        for value in values.as_array().unwrap() {
            let mut record = good.clone();
            record[field] = value.clone();
            for unit in ["s", "ms", "us", "ns", "rfc3339", "%Y-%m-%d"] {
                drop(assert_same(unit, &record));
            }
        }
    }
    let nothing = json!({ "site": "a", "meta": { "id": "x" }, "at": 1 });
    assert_eq!(assert_same("s", &nothing).unwrap_err().0, ReasonCode::MissingValue);
}

#[test]
fn bytes_that_are_no_text_are_no_reason_to_refuse_a_binary_record() {
    let record = json!({ "site": "a", "meta": { "id": "x" }, "at": 200, "v": 1.5 });
    for (format, write) in FORMATS {
        let bytes = write(&record);
        assert!(std::str::from_utf8(&bytes).is_err(), "this record proves nothing");
        let mut parser = RecordParser::in_format(&stream("s"), format);
        assert!(parse(&mut parser, &bytes).is_ok());
        // A text in it has to be one.
        let place = bytes.iter().position(|byte| *byte == b'x').unwrap();
        let mut broken = bytes.clone();
        broken[place] = 0xff;
        assert_eq!(parse(&mut parser, &broken).unwrap_err().0, ReasonCode::InvalidUtf8);
        for length in 0..bytes.len() {
            assert!(parse(&mut parser, &bytes[..length]).is_err(), "{length}");
        }
        let mut json = RecordParser::new(&stream("s"));
        assert_eq!(parse(&mut json, &bytes).unwrap_err().0, ReasonCode::InvalidUtf8);
    }
}

#[test]
fn what_is_no_number_names_no_series_and_counts_nowhere() {
    let usual = stream("s");
    let mut by_rules = stream("s");
    by_rules.series_rules.lower_case = true;
    for stream in [usual, by_rules] {
        for (format, write) in FORMATS {
            let mut parser = RecordParser::in_format(&stream, format);
            let record = json!({ "site": "a", "meta": { "id": 0.5 }, "at": 1, "v": 0.25 });
            let good = write(&record);
            assert_eq!(parse(&mut parser, &good).unwrap()[0].0, "a/0.5");
            for (field, reason) in
                [(0.5, ReasonCode::MissingSeries), (0.25, ReasonCode::InvalidValue)]
            {
                for number in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
                    let mut bytes = good.clone();
                    let place = bytes.windows(8).position(|eight| eight == f64::to_be_bytes(field));
                    bytes[place.unwrap()..][..8].copy_from_slice(&number.to_be_bytes());
                    let found = parse(&mut parser, &bytes).unwrap_err().0;
                    assert_eq!(found, reason, "{field}: {number}");
                }
            }
        }
    }
}

#[test]
fn lengths_beyond_the_record_cost_nothing() {
    let mut message_pack = RecordParser::in_format(&stream("s"), Format::MessagePack);
    let mut cbor = RecordParser::in_format(&stream("s"), Format::Cbor);
    for head in 0..=u8::MAX {
        for rest in [&[0xff; 12][..], &[0x7f; 12], &[0; 12]] {
            let of_map = [&[0x81, 0xa1, b'v', head], rest].concat();
            assert!(parse(&mut message_pack, &of_map).is_err(), "{head:#x}");
            let of_map = [&[0xa1, 0x61, b'v', head], rest].concat();
            assert!(parse(&mut cbor, &of_map).is_err(), "{head:#x}");
        }
    }
}

#[test]
fn tags_one_after_the_other_are_no_depth() {
    let mut parser = RecordParser::in_format(
        &Stream::parse_without_windows("values = { v = \"v\" }").unwrap(),
        Format::Cbor,
    );
    let tags = vec![0xd9; 300_000];
    let record = [&[0xa1, 0x61, b'v'], &tags[..], &[1]].concat();
    let record_of = RawRecord {
        key: Some(b"k"),
        value: Some(&record),
        timestamp_ms: Some(0),
        ..RawRecord::default()
    };
    let mut readings = Readings::default();
    // Each tag takes two bytes: the last one is the number's.
    let found = parser.parse(&record_of, &mut readings).map(|_| readings.iter().count());
    assert!(found.is_ok() || found.is_err_and(|error| error.reason == ReasonCode::InvalidCbor));
}

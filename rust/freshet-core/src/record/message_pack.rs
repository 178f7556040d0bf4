//! A binary format on the same seam as the others: `MessagePack`, as far as these tests need it. It is no format of a
//! stream yet; it proves that one needs a file like this and a variant, that its numbers travel without being written
//! as texts, and that its records mean what the same ones in JSON mean.
//!
//! Source: <https://github.com/msgpack/msgpack/blob/master/spec.md>.

use serde_json::{Value as Json, json};

use super::Stream;
use super::fields::Fields;
use super::number::Number;
use super::path::Path;
use super::tree::{ROOT, Tree};
use super::{
    MAX_DEPTH, RawRecord, Reader, Readings, RecordParser, Rejection, RowReader, RowSink, text_of,
};
use crate::wire::ReasonCode;

/// Reads records that are one map each.
pub(super) struct MessagePackReader(Tree);

impl MessagePackReader {
    fn new(paths: &[&Path]) -> Self {
        Self(Tree::new(paths))
    }
}

impl RowReader for MessagePackReader {
    fn read(
        &mut self,
        record: &[u8],
        fields: &mut Fields,
        mut rows: impl RowSink,
    ) -> Result<(), Rejection> {
        fields.clear();
        let mut scan = Scan { rest: record, tree: &self.0, fields };
        scan.value(Some(ROOT), 0)?;
        if !scan.rest.is_empty() {
            return Err(invalid("more than one value"));
        }
        rows.row(fields.row(""))
    }
}

/// There is no reason code of its own for a format that exists in tests only.
fn invalid(detail: &str) -> Rejection {
    Rejection::new(ReasonCode::InvalidValue, detail)
}

struct Scan<'a> {
    rest: &'a [u8],
    tree: &'a Tree,
    fields: &'a mut Fields,
}

impl<'a> Scan<'a> {
    fn value(&mut self, node: Option<usize>, depth: usize) -> Result<(), Rejection> {
        let [kind] = self.take()?;
        match kind {
            0x00..=0x7f => {
                self.set(node, |f, slot| f.set_number(slot, Number::Integer(kind.into())));
            }
            0x80..=0x8f => return self.map(usize::from(kind & 0x0f), node, depth + 1),
            0x90..=0x9f => return self.array(usize::from(kind & 0x0f), node, depth + 1),
            0xa0..=0xbf => return self.text(usize::from(kind & 0x1f), node),
            0xc0 => self.set(node, Fields::set_null),
            0xc2 | 0xc3 => self.set(node, |f, slot| f.set_bool(slot, kind == 0xc3)),
            0xca => {
                let number = f32::from_be_bytes(self.take()?);
                self.set(node, |f, slot| f.set_number(slot, Number::Float(number.into())));
            }
            0xcb => {
                let number = f64::from_be_bytes(self.take()?);
                self.set(node, |f, slot| f.set_number(slot, Number::Float(number)));
            }
            0xcf => {
                let number = u64::from_be_bytes(self.take()?);
                self.set(node, |f, slot| f.set_number(slot, Number::Unsigned(number)));
            }
            0xd3 => {
                let number = i64::from_be_bytes(self.take()?);
                self.set(node, |f, slot| f.set_number(slot, Number::Integer(number)));
            }
            0xd9 => {
                let [length] = self.take()?;
                return self.text(usize::from(length), node);
            }
            _ => return Err(invalid("a type that these tests do not write")),
        }
        Ok(())
    }

    fn set(&mut self, node: Option<usize>, set: impl Fn(&mut Fields, usize)) {
        if let Some(node) = node {
            self.tree.set(node, self.fields, set);
        }
    }

    fn map(&mut self, length: usize, node: Option<usize>, depth: usize) -> Result<(), Rejection> {
        self.enter(node, depth)?;
        for _ in 0..length {
            let key = self.key()?;
            let child = node.and_then(|node| self.tree.find_key(node, key));
            self.value(child, depth)?;
        }
        Ok(())
    }

    fn array(&mut self, length: usize, node: Option<usize>, depth: usize) -> Result<(), Rejection> {
        self.enter(node, depth)?;
        for index in 0..length {
            let child = node.and_then(|node| self.tree.find_index(node, index));
            self.value(child, depth)?;
        }
        Ok(())
    }

    fn enter(&mut self, node: Option<usize>, depth: usize) -> Result<(), Rejection> {
        if depth > MAX_DEPTH {
            return Err(Rejection::new(ReasonCode::TooDeep, "nested too deep"));
        }
        if depth > 1 {
            self.set(node, Fields::set_nested);
        }
        Ok(())
    }

    fn key(&mut self) -> Result<&'a str, Rejection> {
        match self.take()? {
            [kind @ 0xa0..=0xbf] => text_of(self.bytes(usize::from(kind & 0x1f))?),
            _ => Err(invalid("a key that is no short text")),
        }
    }

    /// A text that is asked for is copied to where the row finds it.
    fn text(&mut self, length: usize, node: Option<usize>) -> Result<(), Rejection> {
        let text = text_of(self.bytes(length)?)?;
        let buffer = self.fields.buffer();
        let from = buffer.len();
        buffer.push_str(text);
        let range = from..buffer.len();
        self.set(node, |fields, slot| fields.set_decoded(slot, &range));
        Ok(())
    }

    fn bytes(&mut self, length: usize) -> Result<&'a [u8], Rejection> {
        let (bytes, rest) = self.rest.split_at_checked(length).ok_or_else(|| invalid("cut off"))?;
        self.rest = rest;
        Ok(bytes)
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], Rejection> {
        let (bytes, rest) = self.rest.split_first_chunk().ok_or_else(|| invalid("cut off"))?;
        self.rest = rest;
        Ok(*bytes)
    }
}

impl RecordParser {
    /// A parser for the stream's records as if its format were `MessagePack`.
    pub(crate) fn for_message_pack(stream: &Stream) -> Self {
        Self::with_reader(stream, |_, paths| Reader::MessagePack(MessagePackReader::new(paths)))
    }
}

/// Writes a value as `MessagePack`.
pub(crate) fn write(value: &Json) -> Vec<u8> {
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
            let items = items.iter().flat_map(write);
            std::iter::once(0x90 | short(value.as_array().unwrap().len())).chain(items).collect()
        }
        Json::Object(members) => {
            assert!(members.len() < 16);
            let content = members
                .iter()
                .flat_map(|(key, value)| write(&json!(key)).into_iter().chain(write(value)));
            std::iter::once(0x80 | short(members.len())).chain(content).collect()
        }
    }
}

type Parsed = Result<Vec<(String, usize, i64, u64)>, (ReasonCode, String)>;

fn parse(parser: &mut RecordParser, value: &[u8]) -> Parsed {
    let record = RawRecord { key: Some(b"the key"), value: Some(value), timestamp_ms: None };
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
    let binary = parse(&mut RecordParser::for_message_pack(&stream), &write(record));
    assert_eq!(binary, text, "{unit}: {record}");
    binary
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
    let bytes = write(&record);
    assert!(std::str::from_utf8(&bytes).is_err(), "this record proves nothing");
    let stream = stream("s");
    let mut parser = RecordParser::for_message_pack(&stream);
    assert!(parse(&mut parser, &bytes).is_ok());
    let mut json = RecordParser::new(&stream);
    assert_eq!(parse(&mut json, &bytes).unwrap_err().0, ReasonCode::InvalidUtf8);
    // A text in it has to be one.
    let place = bytes.windows(2).position(|two| two == [0xa1, b'x']).unwrap();
    let mut broken = bytes.clone();
    broken[place + 1] = 0xff;
    assert_eq!(parse(&mut parser, &broken).unwrap_err().0, ReasonCode::InvalidUtf8);
    for length in 0..bytes.len() {
        assert!(parse(&mut parser, &bytes[..length]).is_err(), "{length}");
    }
}

#[test]
fn what_is_no_number_names_no_series_and_counts_nowhere() {
    let stream = stream("s");
    let mut parser = RecordParser::for_message_pack(&stream);
    let record = json!({ "site": "a", "meta": { "id": 0.5 }, "at": 1, "v": 0.25 });
    let good = write(&record);
    assert_eq!(parse(&mut parser, &good).unwrap()[0].0, "a/0.5");
    for (field, reason) in [(0.5, ReasonCode::MissingSeries), (0.25, ReasonCode::InvalidValue)] {
        for number in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let mut bytes = good.clone();
            let place = bytes.windows(8).position(|eight| eight == f64::to_be_bytes(field));
            bytes[place.unwrap()..][..8].copy_from_slice(&number.to_be_bytes());
            assert_eq!(parse(&mut parser, &bytes).unwrap_err().0, reason, "{field}: {number}");
        }
    }
}

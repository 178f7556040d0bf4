//! What another implementation writes is read as what it is, and whatever it reads is read alike.

use std::path::Path as FilePath;

use proptest::prelude::*;
use prost_reflect::prost::Message as _;
use prost_reflect::{DynamicMessage, MapKey, ReflectMessage, Value};

use super::super::{Parsed, RawRecord, Readings, RecordParser, RecordSchema, Stream};
use super::*;
use crate::config::Config;

const SCHEMA: &str = r#"
syntax = "proto3";
package plant;
import "google/protobuf/timestamp.proto";
import "google/protobuf/wrappers.proto";
enum State { OFF = 0; ON = 1; BROKEN = 7; }
message Other { int32 first = 1; }
message Reading {
  message Item { float w = 1; string note = 2; optional uint32 u = 3; }
  string id = 1;
  google.protobuf.Timestamp at = 2;
  double v = 3;
  optional sint32 maybe = 4;
  repeated Item items = 5;
  repeated int64 packed = 6;
  repeated fixed32 loose = 7 [packed = false];
  map<string, double> tags = 8;
  map<int32, Item> by_number = 9;
  oneof either { int32 left = 10; Item right = 11; string text = 12; }
  google.protobuf.Int64Value wrapped = 13;
  State state = 14;
  Reading parent = 15;
  uint64 large = 16;
  sfixed64 below = 17;
  bool flag = 18;
  bytes raw = 19;
  map<bool, State> states = 20;
}
"#;

const PATHS: [&str; 19] = [
    "v",
    "maybe",
    "items.0.w",
    "items.1.u",
    "packed.1",
    "loose.2",
    "tags.n",
    "by_number.-1.w",
    "left",
    "right.w",
    "wrapped",
    "parent.v",
    "parent.parent.left",
    "large",
    "below",
    "parent.wrapped.value",
    "parent.items.0.u",
    "parent.tags.n",
    "parent.right.u",
];

fn schema() -> ProtobufSchema {
    ProtobufSchema::of_source(SCHEMA, &[]).unwrap()
}

/// A parser that takes each path as a metric, and the series of an enumeration, a text and a truth.
fn stream(settings: &str) -> Stream {
    let values: Vec<String> =
        PATHS.iter().enumerate().map(|(at, path)| format!("m{at} = \"{path}\"")).collect();
    let text = format!(
        "format = \"protobuf\"\nmessage = \"plant.Reading\"\nschema = '''{SCHEMA}'''\nvalues = {{ {} }}\n\
         series = [\"id\", \"state\", \"flag\", \"states.true\"]\nseries_defaults = {{ id = \"-\", \"states.true\" = \
         \"-\" }}\non_bad_value = \"skip_value\"\n{settings}",
        values.join(", ")
    );
    Stream::parse_without_windows(&text).unwrap()
}

type Outcome = (String, i64, Vec<(usize, f64)>);

fn read(parser: &mut RecordParser, bytes: &[u8]) -> Result<Outcome, Rejection> {
    let record = RawRecord {
        key: Some(b"k"),
        value: Some(bytes),
        timestamp_ms: Some(1_000),
        ..RawRecord::default()
    };
    let mut readings = Readings::default();
    assert_eq!(parser.parse(&record, &mut readings)?, Parsed::Accepted);
    let values = readings.iter().map(|one| (one.metric, one.value)).collect();
    let first = readings.iter().next().unwrap();
    Ok((first.series.to_owned(), first.time_us, values))
}

/// The same of a message that another implementation has read.
fn expected(message: &DynamicMessage) -> (String, Vec<(usize, f64)>) {
    let symbol = |value: &Value| match value.as_enum_number().unwrap() {
        0 => "OFF".to_owned(),
        1 => "ON".to_owned(),
        7 => "BROKEN".to_owned(),
        other => other.to_string(),
    };
    let of = |name: &str| message.get_field_by_name(name).unwrap().into_owned();
    let id = of("id").as_str().unwrap().to_owned();
    let flag = of("flag").as_bool().unwrap();
    let states = of("states");
    let by_truth = states.as_map().unwrap().get(&MapKey::Bool(true)).map(symbol);
    let mut series = String::new();
    super::super::series::encode_part(&id, &mut series);
    let series = [series, symbol(&of("state")), flag.to_string(), by_truth.unwrap_or("-".into())];
    let values = PATHS.iter().enumerate().filter_map(|(at, path)| {
        let value = number_at(&Value::Message(message.clone()), path.split('.'))?;
        (value.abs() <= super::super::MAX_MAGNITUDE).then_some((at, value))
    });
    (series.join("/"), values.collect())
}

/// The number at a path, where there is something.
fn number_at<'p>(value: &Value, mut path: impl Iterator<Item = &'p str>) -> Option<f64> {
    let Some(key) = path.next() else { return number(value) };
    let below = match value {
        Value::Message(message) => {
            let field = message.descriptor().get_field_by_name(key).unwrap();
            let is_there = !field.supports_presence() || message.has_field(&field);
            is_there.then(|| message.get_field(&field).into_owned())
        }
        Value::List(items) => items.get(key.parse::<usize>().unwrap()).cloned(),
        Value::Map(entries) => {
            let number = key.parse().map(MapKey::I32);
            entries.get(&number.unwrap_or_else(|_| MapKey::String(key.to_owned()))).cloned()
        }
        _ => None,
    };
    number_at(&below?, path)
}

fn number(value: &Value) -> Option<f64> {
    Some(match value {
        Value::I32(number) => f64::from(*number),
        Value::U32(number) => f64::from(*number),
        Value::I64(number) => *number as f64,
        Value::U64(number) => *number as f64,
        Value::F32(number) => f64::from(*number),
        Value::F64(number) => *number,
        Value::Message(message) => {
            let value = message.get_field_by_name("value")?;
            return number(&value);
        }
        _ => return None,
    })
}

/// What stands in a few bytes: parts of messages, and messages in them.
fn part() -> impl Strategy<Value = Vec<u8>> {
    let number = || prop_oneof![0_u64..4, any::<u64>()];
    // The other implementation takes a map for one however it is written.
    let field = || (1_u32..22).prop_filter("a map", |field| !matches!(field, 8 | 9 | 20));
    let leaf = prop_oneof![
        (field(), number()).prop_map(|(field, number)| tagged(field, 0, &varint(number))),
        (field(), any::<[u8; 8]>()).prop_map(|(field, bytes)| tagged(field, 1, &bytes)),
        (field(), any::<[u8; 4]>()).prop_map(|(field, bytes)| tagged(field, 5, &bytes)),
        (1_u32..22, "[an-]{0,2}").prop_map(|(field, text)| delimited(field, text.as_bytes())),
    ];
    let fitting = prop_oneof![
        prop_oneof![Just(4_u32), Just(10), Just(14), Just(16), Just(18), Just(6)]
            .prop_flat_map(move |field| number().prop_map(move |n| tagged(field, 0, &varint(n)))),
        any::<f64>().prop_map(|v| tagged(3, 1, &v.to_le_bytes())),
        any::<i64>().prop_map(|v| tagged(17, 1, &v.to_le_bytes())),
        any::<u32>().prop_map(|v| tagged(7, 5, &v.to_le_bytes())),
        prop_oneof![Just(1_u32), Just(12)]
            .prop_flat_map(|field| "[a☃]{0,2}".prop_map(move |t| delimited(field, t.as_bytes()))),
        prop::collection::vec(any::<u64>(), 0..3).prop_map(|items| delimited(
            6,
            &items.into_iter().flat_map(varint).collect::<Vec<_>>()
        )),
        ("[nx]?", any::<f64>()).prop_map(|(key, v)| {
            delimited(8, &[delimited(1, key.as_bytes()), tagged(2, 1, &v.to_le_bytes())].concat())
        }),
        (any::<bool>(), 0_u64..9).prop_map(|(key, v)| {
            delimited(20, &[tagged(2, 0, &varint(v)), tagged(1, 0, &varint(key.into()))].concat())
        }),
        (0_u64..100).prop_map(|v| delimited(13, &tagged(1, 0, &varint(v)))),
        prop_oneof![Just(11_u32), Just(5)].prop_flat_map(|field| {
            (any::<f32>(), 0_u64..9).prop_map(move |(w, u)| {
                delimited(
                    field,
                    &[tagged(1, 5, &w.to_le_bytes()), tagged(3, 0, &varint(u))].concat(),
                )
            })
        }),
        (any::<f32>()).prop_map(|w| {
            let item = delimited(2, &tagged(1, 5, &w.to_le_bytes()));
            delimited(9, &[tagged(1, 0, &varint(u64::MAX)), item].concat())
        }),
        Just(delimited(11, &[])),
        Just(delimited(5, &[])),
        Just(delimited(8, &delimited(1, b"n"))),
        Just(tagged(30, 3, &[tagged(1, 0, &[7]), tagged(30, 4, &[])].concat())),
    ];
    let any_part = prop_oneof![9 => fitting, 1 => leaf];
    any_part.prop_recursive(3, 24, 6, |inner| {
        prop::collection::vec(inner, 0..6).prop_map(|parts| delimited(15, &parts.concat()))
    })
}

fn varint(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 0x80 {
        bytes.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    bytes.push(number.to_le_bytes()[0]);
    bytes
}

fn tagged(field: u32, wire: u32, bytes: &[u8]) -> Vec<u8> {
    [&varint((field << 3 | wire).into()), bytes].concat()
}

fn delimited(field: u32, bytes: &[u8]) -> Vec<u8> {
    tagged(field, 2, &[&varint(bytes.len() as u64), bytes].concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn what_another_implementation_reads_is_read_alike(parts in prop::collection::vec(part(), 0..12)) {
        let bytes = parts.concat();
        let descriptor = schema().message(Some("plant.Reading")).unwrap().descriptor().clone();
        let other = DynamicMessage::decode(descriptor, bytes.as_slice());
        let mut parser = RecordParser::new(&stream(""));
        let found = read(&mut parser, &bytes);
        match other {
            Ok(message) => {
                let (series, values) = expected(&message);
                if values.is_empty() {
                    prop_assert!(found.is_err(), "{found:?}");
                    return Ok(());
                }
                let found = found.unwrap();
                prop_assert_eq!((found.0, found.2), (series, values));
                // And what it writes of that.
                let again = read(&mut parser, &message.encode_to_vec()).unwrap();
                prop_assert_eq!(again.2, expected(&message).1);
            }
            // What is not wanted is passed over, whatever is wrong within it.
            Err(_) => drop(found),
        }
    }

    #[test]
    fn any_bytes_are_a_message_or_are_rejected(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        let mut parser = RecordParser::new(&stream(""));
        drop(read(&mut parser, &bytes));
    }
}

fn outcome(settings: &str, bytes: &[u8]) -> Result<Outcome, ReasonCode> {
    let text = format!(
        "format = \"protobuf\"\nschema = '''{SCHEMA}'''\nmessage = \"plant.Reading\"\n{settings}"
    );
    let stream = Stream::parse_without_windows(&text).unwrap();
    read(&mut RecordParser::new(&stream), bytes).map_err(|rejection| rejection.reason)
}

#[test]
fn times_are_timestamps_or_their_parts() {
    let at = |seconds: u64, nanoseconds: u64| {
        let parts = [tagged(1, 0, &varint(seconds)), tagged(2, 0, &varint(nanoseconds))].concat();
        delimited(2, &parts)
    };
    let time =
        "time = { field = \"at\", unit = \"s\" }\nmax_future = \"36500d\"\nvalues = { v = \"v\" }";
    let time_of = |bytes: &[u8]| outcome(time, bytes).map(|(_, time_us, _)| time_us);
    assert_eq!(time_of(&at(1_769_860_800, 123_456_789)), Ok(1_769_860_800_123_456));
    assert_eq!(time_of(&delimited(2, &[])), Ok(0));
    assert_eq!(time_of(&[]), Err(ReasonCode::MissingTime));
    assert_eq!(time_of(&at(1, 1_000_000_000)), Err(ReasonCode::InvalidProtobuf));
    // Two parts of one message count together.
    let halves = [at(7, 5_000), delimited(2, &tagged(2, 0, &varint(9_000)))].concat();
    assert_eq!(time_of(&halves), Ok(7_000_009));
    let parts = "time = { field = \"at.seconds\", unit = \"s\" }\nvalues = { v = \"v\" }";
    assert_eq!(outcome(parts, &at(0, 5)).map(|(_, time_us, _)| time_us), Ok(0));
}

#[test]
fn what_is_wrong_is_told_by_its_reason() {
    let settings = "series = [\"id\"]\nvalues = { v = \"v\", p = \"packed.0\" }";
    let id = delimited(1, b"a");
    for (bytes, expected) in [
        (tagged(3, 0, &[1]), ReasonCode::InvalidProtobuf),
        (vec![0x19, 1, 2], ReasonCode::InvalidProtobuf),
        (vec![0x07], ReasonCode::InvalidProtobuf),
        (vec![0x00, 1], ReasonCode::InvalidProtobuf),
        (delimited(1, b"\xe9"), ReasonCode::InvalidUtf8),
        (tagged(30, 4, &[]), ReasonCode::InvalidProtobuf),
        (tagged(30, 3, &[]), ReasonCode::InvalidProtobuf),
        (tagged(30, 3, &[]).repeat(80), ReasonCode::TooDeep),
        (delimited(6, &[0xff; 11]), ReasonCode::InvalidProtobuf),
        (vec![], ReasonCode::MissingSeries),
    ] {
        assert_eq!(outcome(settings, &bytes), Err(expected), "{bytes:?}");
    }
    assert_eq!(outcome(settings, &id).map(|(_, _, values)| values), Ok(vec![(0, 0.0)]));
}

#[test]
fn a_schema_is_a_text_with_imports_or_a_set_of_descriptors() {
    let main = "syntax = \"proto3\"; import \"a/part.proto\"; message M { Part p = 1; }";
    let part = "syntax = \"proto3\"; message Part { double v = 1; }";
    let imports = [("a/part.proto".to_owned(), part.to_owned())];
    let schema = ProtobufSchema::of_source(main, &imports).unwrap();
    let message = schema.message(None).unwrap();
    let text = message.to_string();
    let again: ProtobufMessage = text.parse().unwrap();
    assert!(again == message && again.has(&"p.v".parse().unwrap()));
    for path in ["p.w", "q", "p.v.x", "p.0"] {
        assert!(!again.has(&path.parse().unwrap()), "{path}");
    }
    let bytes = message.descriptor().parent_pool().encode_to_vec();
    let of_set = ProtobufSchema::of_descriptors(&bytes).unwrap();
    assert_eq!(of_set.message(Some("M")).unwrap().descriptor().full_name(), "M");
    assert!(ProtobufSchema::of_source(main, &[]).unwrap_err().contains("a/part.proto"));
    assert!(ProtobufSchema::of_source("message", &[]).is_err());
    assert!(ProtobufSchema::of_descriptors(b"\xff").is_err());
    let error = self::schema().message(None).unwrap_err();
    assert_eq!(
        error,
        "is missing: say which message of the file it is: plant.Other, plant.Reading"
    );
    let error = self::schema().message(Some("Reading")).unwrap_err();
    assert!(error.ends_with("the file has: plant.Other, plant.Reading"), "{error}");
}

#[test]
fn behind_the_id_of_a_schema_stands_which_of_its_messages_it_is() {
    let text = "[schema_registry]\nurl = \"http://localhost\"\n[[stream]]\nname = \"s\"\nwindows = [\"10s\"]\n\
                format = \"protobuf\"\nframing = \"confluent\"\nvalues = { v = \"v\", w = \"w\", first = \"first\" }";
    let config = Config::parse(text, FilePath::new("test.toml"), [].into()).unwrap();
    let mut parser = RecordParser::new(&config.streams[0]);
    let mut parse = |bytes: &[u8]| {
        let value = [&b"\0\0\0\0\x07"[..], bytes].concat();
        let record = RawRecord {
            key: Some(b"k"),
            value: Some(&value),
            timestamp_ms: Some(0),
            ..RawRecord::default()
        };
        let mut readings = Readings::default();
        let mut parsed = parser.parse(&record, &mut readings);
        if parsed == Ok(Parsed::NeedsSchema(7)) {
            parser.learn_schema(7, Ok(&RecordSchema::Protobuf(schema())));
            parsed = parser.parse(&record, &mut readings);
        }
        parsed.map(|_| readings.iter().map(|one| (one.metric, one.value)).collect::<Vec<_>>())
    };
    let (first, v) = (tagged(1, 0, &[5]), tagged(3, 1, &1.5_f64.to_le_bytes()));
    let w = tagged(1, 5, &0.25_f32.to_le_bytes());
    for _ in 0..2 {
        assert_eq!(parse(&[&[0][..], &first].concat()), Ok(vec![(2, 5.0)]));
        assert_eq!(parse(&[&[2, 0][..], &first].concat()), Ok(vec![(2, 5.0)]));
        assert_eq!(parse(&[&[2, 2][..], &v].concat()), Ok(vec![(0, 1.5)]));
        assert_eq!(parse(&[&[4, 2, 0][..], &w].concat()), Ok(vec![(1, 0.25)]));
    }
    for (indexes, expected) in [
        (&[2, 8][..], ReasonCode::UnknownSchema),
        (&[4, 0, 0], ReasonCode::UnknownSchema),
        (&[1], ReasonCode::InvalidProtobuf),
        (&[0xfe, 1], ReasonCode::InvalidProtobuf),
        (&[], ReasonCode::InvalidProtobuf),
    ] {
        assert_eq!(parse(indexes).unwrap_err().reason, expected, "{indexes:?}");
    }
    let avro = r#"{"type":"record","name":"R","fields":[{"name":"v","type":"int"}]}"#;
    parser.learn_schema(8, Ok(&RecordSchema::Avro(avro.parse().unwrap())));
    let record = RawRecord {
        key: Some(b"k"),
        value: Some(b"\0\0\0\0\x08\0"),
        timestamp_ms: Some(0),
        ..RawRecord::default()
    };
    let rejection = parser.parse(&record, &mut Readings::default()).unwrap_err();
    assert_eq!(rejection.reason, ReasonCode::UnknownSchema);
}

//! What another implementation writes is read as what it is.

use apache_avro::types::Value;
use apache_avro::writer::datum::GenericDatumWriter;
use apache_avro::{Decimal, Schema};
use proptest::prelude::*;

use super::super::{Parsed, RawRecord, Readings, RecordParser, RecordSchema, Stream};
use super::*;
use crate::config::Config;
use std::path::Path as FilePath;

const SCHEMA: &str = r#"{"type":"record","name":"Reading","namespace":"plant","fields":[
    {"name":"id","type":{"type":"enum","name":"Id","symbols":["a","b"]}},
    {"name":"at","type":{"type":"long","logicalType":"timestamp-millis"}},
    {"name":"v","aliases":["old_v"],"type":["null","double","long"]},
    {"name":"list","type":{"type":"array","items":{"type":"record","name":"Item","fields":[
        {"name":"w","type":"float"},{"name":"note","type":"string"}]}}},
    {"name":"map","type":{"type":"map","values":"int"}},
    {"name":"price","type":{"type":"bytes","logicalType":"decimal","precision":10,"scale":2}},
    {"name":"raw","type":{"type":"fixed","name":"Raw","size":3}},
    {"name":"parent","type":["null","Reading"]}]}"#;

const STREAM: &str = "series = [\"id\"]\ntime = { field = \"at\" }\n\
     values = { v = \"old_v\", w = \"list.1.w\", n = \"map.n\", p = \"price\", u = \"parent.v\" }";

fn parser(schema: &str, settings: &str) -> RecordParser {
    let text = format!("format = \"avro\"\nschema = '''{schema}'''\n{settings}");
    RecordParser::new(&Stream::parse_without_windows(&text).unwrap())
}

fn read(parser: &mut RecordParser, bytes: &[u8]) -> Result<Vec<(String, i64, f64)>, Rejection> {
    let record = RawRecord {
        key: Some(b"the key"),
        value: Some(bytes),
        timestamp_ms: None,
        ..RawRecord::default()
    };
    let mut readings = Readings::default();
    parser.parse(&record, &mut readings)?;
    Ok(readings.iter().map(|one| (one.series.to_owned(), one.time_us, one.value)).collect())
}

fn reading(v: Value, items: Vec<Value>, n: i32, cents: i64, parent: Value) -> Value {
    let field = |name: &str, value| (name.to_owned(), value);
    Value::Record(vec![
        field("id", Value::Enum(1, "b".to_owned())),
        field("at", Value::TimestampMillis(1_769_860_800_123)),
        field("v", v),
        field("list", Value::Array(items)),
        field(
            "map",
            Value::Map([("x".to_owned(), Value::Int(1)), ("n".to_owned(), Value::Int(n))].into()),
        ),
        field("price", Value::Decimal(Decimal::from(cents.to_be_bytes()))),
        field("raw", Value::Fixed(3, vec![1, 2, 3])),
        field("parent", parent),
    ])
}

fn item(w: f32) -> Value {
    let note = Value::String("☃".to_owned());
    Value::Record(vec![("w".to_owned(), Value::Float(w)), ("note".to_owned(), note)])
}

fn written(value: Value) -> Vec<u8> {
    write(SCHEMA, value)
}

fn write(schema: &str, value: Value) -> Vec<u8> {
    let schema = Schema::parse_str(schema).unwrap();
    GenericDatumWriter::builder(&schema).build().unwrap().write_value_to_vec(value).unwrap()
}

fn nothing() -> Value {
    Value::Union(0, Box::new(Value::Null))
}

fn values(read: Result<Vec<(String, i64, f64)>, Rejection>) -> Vec<f64> {
    read.unwrap().into_iter().map(|(_, _, value)| value).collect()
}

#[test]
fn fields_are_found_in_all_that_may_be_nested() {
    let v = Value::Union(2, Box::new(Value::Long(-7)));
    let above = reading(v, vec![], 0, 0, nothing());
    let items = vec![item(1.0), item(0.25), item(9.0)];
    let parent = Value::Union(1, Box::new(above));
    let v = Value::Union(1, Box::new(Value::Double(1.5)));
    let bytes = written(reading(v, items, -3, -1_205, parent));
    let found = read(&mut parser(SCHEMA, STREAM), &bytes).unwrap();
    assert!(found.iter().all(|(id, at, _)| id == "b" && *at == 1_769_860_800_123_000));
    let found: Vec<f64> = found.into_iter().map(|(_, _, value)| value).collect();
    assert_eq!(found, [1.5, 0.25, -3.0, -12.05, -7.0]);
}

#[test]
fn a_null_of_a_union_is_no_reading() {
    let bytes = written(reading(nothing(), vec![], 4, 100, nothing()));
    assert_eq!(values(read(&mut parser(SCHEMA, STREAM), &bytes)), [4.0, 1.0]);
}

#[test]
fn what_is_cut_off_or_followed_is_no_datum() {
    let v = Value::Union(1, Box::new(Value::Double(1.5)));
    let bytes = written(reading(v, vec![item(1.0), item(2.0)], 4, 100, nothing()));
    let mut parser = parser(SCHEMA, STREAM);
    for length in 0..bytes.len() {
        let reason = read(&mut parser, &bytes[..length]).unwrap_err().reason;
        assert_eq!(reason, ReasonCode::InvalidAvro, "{length}");
    }
    let followed = [&bytes[..], &[0]].concat();
    assert_eq!(read(&mut parser, &followed).unwrap_err().reason, ReasonCode::InvalidAvro);
}

#[test]
fn items_without_bytes_are_bounded() {
    let schema = r#"{"type":"record","name":"R","fields":[
        {"name":"x","type":{"type":"array","items":"null"}},{"name":"v","type":"int"}]}"#;
    let mut parser = parser(schema, "values = { v = \"v\" }\ntime = { field = \"v\" }");
    assert!(read(&mut parser, &[0x04, 0, 2]).is_ok());
    // 2^62 nulls, and the least number of all
    for count in [&[0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f][..], &[0xff; 9]] {
        let bytes = [count, &[1, 0, 0, 2]].concat();
        assert_eq!(read(&mut parser, &bytes).unwrap_err().reason, ReasonCode::InvalidAvro);
    }
}

#[test]
fn a_record_in_itself_ends_at_the_depth_that_all_formats_have() {
    let schema = r#"{"type":"record","name":"R","fields":[
        {"name":"v","type":"int"},{"name":"next","type":["null","R"]}]}"#;
    let mut parser = parser(schema, "values = { v = \"v\" }\ntime = { field = \"v\" }");
    let nested = |levels: usize| [&[2, 2].repeat(levels - 1)[..], &[2, 0]].concat();
    assert!(read(&mut parser, &nested(64)).is_ok());
    assert_eq!(read(&mut parser, &nested(65)).unwrap_err().reason, ReasonCode::TooDeep);
}

#[test]
fn each_logical_type_is_what_it_says() {
    let time = |kind: &str, logical: &str, value: Value| {
        let schema = format!(
            r#"{{"type":"record","name":"R","fields":[{{"name":"v","type":"int"}},
                {{"name":"at","type":{{"type":"{kind}","logicalType":"{logical}"}}}}]}}"#
        );
        let record = Value::Record(vec![("v".to_owned(), Value::Int(1)), ("at".to_owned(), value)]);
        let bytes = write(&schema, record);
        let settings = "values = { v = \"v\" }\ntime = { field = \"at\", unit = \"s\" }";
        read(&mut parser(&schema, settings), &bytes).map(|found| found[0].1)
    };
    let us = 1_769_860_800_123_456;
    assert_eq!(time("long", "timestamp-millis", Value::TimestampMillis(us / 1_000)), Ok(us - 456));
    assert_eq!(time("long", "timestamp-micros", Value::TimestampMicros(us)), Ok(us));
    assert_eq!(time("long", "timestamp-nanos", Value::TimestampNanos(us * 1_000 + 999)), Ok(us));
    assert_eq!(time("long", "timestamp-nanos", Value::TimestampNanos(-1)), Ok(-1));
    assert_eq!(time("long", "local-timestamp-millis", Value::LocalTimestampMillis(5)), Ok(5_000));
    assert_eq!(time("int", "date", Value::Date(20_484)), Ok(20_484 * 86_400_000_000));
    assert_eq!(time("int", "time-millis", Value::TimeMillis(5)), Ok(5_000_000));
    let beyond = time("long", "timestamp-millis", Value::TimestampMillis(i64::MAX));
    assert_eq!(beyond.unwrap_err().reason, ReasonCode::InvalidTime);
}

#[test]
fn decimals_are_the_nearest_doubles() {
    for (bytes, scale, expected) in [
        (&[0x04, 0xb5][..], 2, 12.05),
        (&[0xff], 0, -1.0),
        (&[0xff, 0xff, 0xfe], 1, -0.2),
        (&[0x7f; 16], 38, 1.694_739_631_331_732_7),
    ] {
        assert_eq!(read_decimal(bytes, scale), Some(expected), "{bytes:?}");
    }
    assert_eq!(read_decimal(&[], 0), None);
    assert_eq!(read_decimal(&[1; 17], 0), None);
}

#[test]
fn a_schema_that_is_none_and_a_path_that_it_does_not_have_are_refused() {
    let error = |text: &str| Stream::parse_without_windows(text).unwrap_err().to_string();
    let with = |schema: &str, path: &str| {
        format!("format = \"avro\"\nschema = '''{schema}'''\nvalues = {{ v = \"{path}\" }}")
    };
    assert!(error(&with("{", "v")).contains("is no schema of Avro"));
    assert!(error(&with("\"double\"", "v")).contains("is no schema of records"));
    for path in ["w", "v.x", "list.w", "list.0.x", "raw.0"] {
        let found = error(&with(SCHEMA, path));
        assert!(found.contains(&format!("'{path}' is no field of the schema")), "{found}");
    }
    assert!(error("format = \"avro\"\nvalues = { v = \"v\" }").contains("schema_file"));
    assert!(error("schema = '1'\nvalues = { v = \"v\" }").contains("has no effect unless format"));
}

proptest! {
    #[test]
    fn what_is_written_comes_back(
        v in -1e150..1e150_f64, w in any::<i16>(), n: i32, cents: i64, other: i64,
    ) {
        let v_written = Value::Union(1, Box::new(Value::Double(v)));
        let parent = reading(Value::Union(2, Box::new(Value::Long(other))), vec![], 0, 0, nothing());
        let items = vec![item(0.0), item(w.into())];
        let parent = Value::Union(1, Box::new(parent));
        let bytes = written(reading(v_written, items, n, cents, parent));
        let price: f64 = format!("{cents}e-2").parse().unwrap();
        let found = values(read(&mut parser(SCHEMA, STREAM), &bytes));
        prop_assert_eq!(found, [v, w.into(), n.into(), price, other as f64]);
    }

    #[test]
    fn no_bytes_are_too_much(bytes: Vec<u8>) {
        drop(read(&mut parser(SCHEMA, STREAM), &bytes));
    }
}

/// A parser of records that each name their schema.
fn framed_parser(settings: &str) -> RecordParser {
    let text = format!(
        "[schema_registry]\nurl = \"http://localhost\"\n[[stream]]\nname = \"s\"\nwindows = [\"10s\"]\n\
         format = \"avro\"\nframing = \"confluent\"\n{settings}"
    );
    let config = Config::parse(&text, FilePath::new("test.toml"), [].into()).unwrap();
    RecordParser::new(&config.streams[0])
}

fn framed(id: u32, datum: &[u8]) -> Vec<u8> {
    [&[0][..], &id.to_be_bytes(), datum].concat()
}

/// Schemas of three versions of a record, with the datum of a number in each.
fn version(number: usize, v: f64) -> (&'static str, Vec<u8>) {
    let record = |fields: Vec<(&str, Value)>| {
        Value::Record(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    };
    let (schema, value) = match number {
        0 => (
            r#"{"type":"record","name":"R","fields":[{"name":"old","type":"double"}]}"#,
            record(vec![("old", Value::Double(v))]),
        ),
        1 => (
            r#"{"type":"record","name":"R","fields":[{"name":"note","type":"string"},
                {"name":"v","aliases":["old"],"type":"double"}]}"#,
            record(vec![("note", Value::String("☃".to_owned())), ("v", Value::Double(v))]),
        ),
        _ => (
            r#"{"type":"record","name":"R","fields":[{"name":"w","type":"double"},
                {"name":"v","type":["null","double"]}]}"#,
            record(vec![
                ("w", Value::Double(-v)),
                ("v", Value::Union(1, Box::new(Value::Double(v)))),
            ]),
        ),
    };
    (schema, write(schema, value))
}

const OF_VERSIONS: &str = "values = { old = \"old\", w = \"w\" }";

#[test]
fn a_record_says_which_schema_it_needs_until_that_is_learned() {
    let mut parser = framed_parser(OF_VERSIONS);
    let (schema, datum) = version(1, 2.5);
    let bytes = framed(0x0102_0304, &datum);
    let mut readings = Readings::default();
    let mut parse = |parser: &mut RecordParser, value: &[u8]| {
        let record = RawRecord {
            key: Some(b"k"),
            value: Some(value),
            timestamp_ms: Some(0),
            ..RawRecord::default()
        };
        parser.parse(&record, &mut readings).map_err(|rejection| rejection.reason)
    };
    assert_eq!(parse(&mut parser, &bytes), Ok(Parsed::NeedsSchema(0x0102_0304)));
    assert_eq!(parse(&mut parser, &datum), Err(ReasonCode::InvalidFraming));
    parser.learn_schema(0x0102_0304, Ok(&RecordSchema::Avro(schema.parse().unwrap())));
    assert_eq!(parse(&mut parser, &bytes), Ok(Parsed::Accepted));
    assert_eq!(parse(&mut parser, &framed(0x0102_0304, &datum[1..])), Err(ReasonCode::InvalidAvro));
    assert_eq!(parse(&mut parser, &framed(9, &datum)), Ok(Parsed::NeedsSchema(9)));
    parser.learn_schema(9, Err("nobody knows it"));
    assert_eq!(parse(&mut parser, &framed(9, &datum)), Err(ReasonCode::UnknownSchema));
    assert_eq!(parse(&mut parser, &bytes), Ok(Parsed::Accepted));
    // What was not known may be known later.
    parser.learn_schema(9, Ok(&RecordSchema::Avro(schema.parse().unwrap())));
    assert_eq!(parse(&mut parser, &framed(9, &datum)), Ok(Parsed::Accepted));
}

#[test]
fn with_one_schema_for_all_the_id_is_passed_over() {
    let (schema, datum) = version(0, 1.5);
    let mut parser = parser(schema, "framing = \"confluent\"\nvalues = { v = \"old\" }");
    for id in [0, 7, u32::MAX] {
        let mut readings = Readings::default();
        let value = framed(id, &datum);
        let record = RawRecord {
            key: Some(b"k"),
            value: Some(&value),
            timestamp_ms: Some(0),
            ..RawRecord::default()
        };
        assert_eq!(parser.parse(&record, &mut readings), Ok(Parsed::Accepted));
    }
}

#[test]
fn a_schema_may_name_types_of_others() {
    let site = r#"{"type":"record","name":"Site","namespace":"plant","fields":[{"name":"id","type":"string"}]}"#;
    let machine = r#"{"type":"record","name":"Machine","namespace":"plant","fields":[
        {"name":"site","type":"Site"}]}"#;
    let reading = r#"{"type":"record","name":"Reading","fields":[{"name":"first","type":"plant.Machine"},
        {"name":"other","type":["null","plant.Site"]},{"name":"v","type":"double"}]}"#;
    let references = [site.to_owned(), machine.to_owned()];
    let schema = AvroSchema::with_references(reading, &references).unwrap();
    let mut parser =
        framed_parser("series = [\"first.site.id\", \"other.id\"]\nvalues = { v = \"v\" }");
    parser.learn_schema(1, Ok(&RecordSchema::Avro(schema)));
    let datum = [&b"\x02a\x02\x02b"[..], &1.5_f64.to_le_bytes()].concat();
    let found = read(&mut parser, &framed(1, &datum));
    assert_eq!(found.unwrap_err().reason, ReasonCode::MissingTime);
    let mut readings = Readings::default();
    let value = framed(1, &datum);
    let record =
        RawRecord { key: None, value: Some(&value), timestamp_ms: Some(0), ..RawRecord::default() };
    parser.parse(&record, &mut readings).unwrap();
    assert_eq!(readings.iter().next().map(|one| (one.series, one.value)), Some(("a/b", 1.5)));
    assert!(AvroSchema::with_references(reading, &[]).is_err());
    assert!(AvroSchema::with_references(reading, &["{".to_owned()]).is_err());
}

proptest! {
    #[test]
    fn records_of_any_schemas_in_any_order_are_what_each_is_alone(
        records in prop::collection::vec((0_usize..3, 0_u32..6, -1e9..1e9), 1..40),
    ) {
        let mut mixed = framed_parser(OF_VERSIONS);
        for (number, id, v) in records {
            // Two ids of each schema, as of two subjects.
            let id = id - id % 3 + u32::try_from(number).unwrap();
            let (schema, datum) = version(number, v);
            let mut readings = Readings::default();
            let value = framed(id, &datum);
            let record = RawRecord {
                key: Some(b"k"),
                value: Some(&value),
                timestamp_ms: Some(0),
                ..RawRecord::default()
            };
            let mut parsed = mixed.parse(&record, &mut readings);
            if parsed == Ok(Parsed::NeedsSchema(id)) {
                mixed.learn_schema(id, Ok(&RecordSchema::Avro(schema.parse().unwrap())));
                parsed = mixed.parse(&record, &mut readings);
            }
            prop_assert_eq!(parsed, Ok(Parsed::Accepted));
            let found: Vec<_> = readings.iter().map(|one| (one.metric, one.value)).collect();
            let wanted = ["old = \"old\"", "w = \"w\""];
            let parsed_schema: AvroSchema = schema.parse().unwrap();
            let has = |path: &str| parsed_schema.has(&path.parse().unwrap());
            let mut alone = Vec::new();
            for (metric, setting) in wanted.iter().enumerate() {
                if has(setting.split(' ').next().unwrap()) {
                    let mut one = parser(schema, &format!("values = {{ {setting} }}"));
                    let record = RawRecord { value: Some(&datum), ..record };
                    one.parse(&record, &mut readings).unwrap();
                    alone.extend(readings.iter().map(|one| (metric, one.value)));
                }
            }
            prop_assert_eq!(found, alone);
        }
    }
}

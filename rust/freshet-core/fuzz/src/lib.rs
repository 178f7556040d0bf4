//! What must hold for whatever bytes a record has.

#![forbid(unsafe_code)]

use std::path::Path;

use freshet_core::config::{Config, Stream};
use freshet_core::record::{
    MAX_MAGNITUDE, MAX_SERIES_BYTES, Parsed, ProtobufSchema, RawRecord, Readings, RecordParser,
    RecordSchema, Rejection,
};
use freshet_core::wire::ReasonCode;

/// Between two records of one input; it is never part of UTF-8.
const SEPARATOR: u8 = 0xff;

/// Kafka's timestamp: event times may be anywhere before it.
const END_OF_9999_MS: i64 = 253_402_300_799_999;
const YEAR_1_MS: i64 = -62_135_596_800_000;

/// A reading that owns its series: series, metric, time, bits of the value.
pub type Owned = (String, usize, i64, u64);

/// What became of a record.
pub type Outcome = Result<Vec<Owned>, Rejection>;

/// Streams may have schemas by their ids; nobody is asked for them.
const REGISTRY: &str = "[schema_registry]\nurl = \"http://localhost\"\n";

/// The schemas of the first ids; all others are not known.
const SCHEMAS: [&str; 3] = [
    r#"{"type":"record","name":"R","fields":[{"name":"v","type":"int"},{"name":"id","type":"string"}]}"#,
    r#"{"type":"record","name":"R","fields":[{"name":"id","type":["null","string"]},
        {"name":"l","type":{"type":"array","items":"R"}},{"name":"v","type":"double"}]}"#,
    "syntax = \"proto3\"; message A { int32 a = 1; }\
     message R { string id = 1; double v = 3; message I { float v = 1; } }",
];

/// The streams of a target, from their settings.
pub fn streams(settings: &[&str]) -> Vec<Stream> {
    let stream = |settings: &&str| {
        let text = format!("{REGISTRY}[[stream]]\nname = \"s\"\nwindows = [\"10s\"]\n{settings}");
        let config = Config::parse(&text, Path::new("fuzz.toml"), [].into());
        config.expect("the streams of the targets are valid").streams.remove(0)
    };
    settings.iter().map(stream).collect()
}

/// Parses the records of an input, whose first byte chooses one of the streams, checks what holds for every format, and
/// hands the number of the stream, record and outcome to `check`.
pub fn run(streams: &[Stream], input: &[u8], mut check: impl FnMut(usize, &[u8], &Outcome)) {
    run_binary(streams, input, |choice, record, outcome| {
        if let Err(rejection) = outcome {
            let is_utf8 = std::str::from_utf8(record).is_ok();
            assert_eq!(rejection.reason == ReasonCode::InvalidUtf8, !is_utf8, "{rejection:?}");
        }
        check(choice, record, outcome);
    });
}

/// The same for values that are no texts.
pub fn run_binary(streams: &[Stream], input: &[u8], mut check: impl FnMut(usize, &[u8], &Outcome)) {
    let Some((choice, records)) = input.split_first() else { return };
    let choice = usize::from(*choice) % streams.len();
    let stream = &streams[choice];
    let mut used = RecordParser::new(stream);
    for record in records.split(|byte| *byte == SEPARATOR) {
        let outcome = parse(&mut used, record);
        let alone = parse(&mut RecordParser::new(stream), record);
        assert_eq!(outcome, alone, "what a record means depends on the records before");
        match &outcome {
            Ok(readings) => check_readings(readings),
            Err(rejection) => assert!(!rejection.detail.is_empty()),
        }
        check(choice, record, &outcome);
    }
}

fn parse(parser: &mut RecordParser, record: &[u8]) -> Outcome {
    let key = Some(&b"the key"[..]);
    let record = RawRecord {
        key,
        value: Some(record),
        timestamp_ms: Some(END_OF_9999_MS),
        ..RawRecord::default()
    };
    let mut readings = Readings::default();
    let mut parsed = parser.parse(&record, &mut readings)?;
    if let Parsed::NeedsSchema(id) = parsed {
        learn(parser, id);
        parsed = parser.parse(&record, &mut readings)?;
    }
    assert_eq!(parsed == Parsed::Skipped, readings.points().next().is_none());
    for row in &readings.left_out().rows {
        assert!(record.value.is_some_and(|value| value.get(row.place.clone()).is_some()));
    }
    assert!(readings.points().all(|point| !point.values.is_empty()));
    let owned = readings.iter().map(|reading| {
        (reading.series.to_owned(), reading.metric, reading.time_us, reading.value.to_bits())
    });
    Ok(owned.collect())
}

fn learn(parser: &mut RecordParser, id: u32) {
    let known = usize::try_from(id).ok().and_then(|id| SCHEMAS.get(id));
    let read = |text: &&str| match text.parse() {
        Ok(schema) => RecordSchema::Avro(schema),
        Err(_) => RecordSchema::Protobuf(
            ProtobufSchema::of_source(text, &[]).expect("the schemas are valid"),
        ),
    };
    let schema = known.map(read);
    parser.learn_schema(id, schema.as_ref().ok_or("nobody knows it"));
}

fn check_readings(readings: &[Owned]) {
    for (series, _, time_us, bits) in readings {
        assert!(
            (1..=MAX_SERIES_BYTES).contains(&series.len()),
            "a series of {} bytes",
            series.len()
        );
        assert!(
            f64::from_bits(*bits).abs() <= MAX_MAGNITUDE,
            "{} is too great",
            f64::from_bits(*bits)
        );
        assert!((YEAR_1_MS..=END_OF_9999_MS).contains(&time_us.div_euclid(1_000)), "{time_us} µs");
    }
}

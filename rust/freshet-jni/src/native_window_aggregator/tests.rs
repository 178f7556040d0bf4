use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arrow::array::{Array, BinaryArray, Int32Array, Int64Array, StringArray};
use freshet_core::config::Config;
use log::{LevelFilter, Log, Metadata, Record};
use serde_json::json;

use super::*;

#[allow(dead_code, reason = "the tests of the client need more of it")]
#[path = "../../../freshet-registry/tests/server/mod.rs"]
mod server;

/// The log of all tests.
struct Lines(Mutex<Vec<String>>);

static LINES: Lines = Lines(Mutex::new(Vec::new()));

impl Lines {
    /// How many lines so far begin like that.
    fn count(&self, start: &str) -> usize {
        self.0.lock().unwrap().iter().filter(|line| line.starts_with(start)).count()
    }
}

impl Log for Lines {
    fn enabled(&self, _metadata: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        self.0.lock().unwrap().push(format!("{} {}", record.level(), record.args()));
    }

    fn flush(&self) {}
}

/// An aggregation for a topic of its own, whose lines are kept.
fn logged_aggregation(topic: &str) -> Aggregation {
    // All tests that come here set the same logger, and all but the first fail to.
    if log::set_logger(&LINES).is_ok() {
        log::set_max_level(LevelFilter::Debug);
    }
    Aggregation::new(aggregation().stream, topic.to_owned())
}

fn aggregation() -> Aggregation {
    let text = "[[stream]]\nname = \"s\"\nvalues = { v = \"v\" }\nwindows = [\"10s\"]\n";
    let config = Config::parse(text, Path::new("test.toml"), [].into()).unwrap();
    Aggregation::new(config.streams[0].clone(), "raw.s".to_owned())
}

fn pack(key: &str, value: impl AsRef<[u8]>) -> Vec<u8> {
    let value = value.as_ref();
    let mut bytes = vec![0; 21];
    bytes.extend(i32::try_from(key.len()).unwrap().to_le_bytes());
    bytes.extend(i32::try_from(value.len()).unwrap().to_le_bytes());
    bytes.extend(key.bytes().chain(value.iter().copied()));
    bytes
}

#[test]
fn accepted_records_become_partials_and_the_others_rejects() {
    let mut aggregation = aggregation();
    let records_again = pack("a", "broken");
    let records = [pack("a", "{\"v\":1}"), pack("b", "{\"v\":2}"), pack("a", "broken")].concat();
    assert_eq!(aggregation.add(&records).unwrap(), 1);
    assert_eq!(aggregation.rejected.take().len(), 1);

    let partials = aggregation.take_partials().unwrap().unwrap();
    let records = partials.column_by_name("records").unwrap();
    let records = records.as_any().downcast_ref::<Int64Array>().unwrap();
    assert_eq!(records.values(), &[1, 1]);
    assert!(aggregation.take_partials().unwrap().is_none(), "partials came twice");
    assert_eq!(aggregation.add(&records_again).unwrap(), 1);
}

#[test]
fn what_is_left_out_is_told_once_and_a_bad_row_is_a_dead_letter_of_its_own() {
    let text = "[[stream]]\nname = \"s\"\nvalues = { v = \"v\", w = \"w\" }\nwindows = [\"10s\"]\n\
                where = { type = \"t\" }\non_bad_value = \"skip_value\"\non_bad_row = \"skip_row\"\n";
    let config = Config::parse(text, Path::new("test.toml"), [].into()).unwrap();
    let mut aggregation = Aggregation::new(config.streams[0].clone(), "raw.s".to_owned());
    let bad = r#"{"type":"t","v":"x"}"#;
    let records = [
        pack("a", r#"{"type":"t","v":1,"w":"x"}"#),
        pack("a", r#"{"type":"u"}"#),
        pack("a", format!(r#"[{{"type":"t","v":1}},{bad}]"#)),
    ];
    assert_eq!(aggregation.add(&records.concat()).unwrap(), 1);
    let rejected = aggregation.rejected.take();
    let values = rejected.column_by_name("value").unwrap();
    let values = values.as_any().downcast_ref::<BinaryArray>().unwrap();
    assert_eq!(values.value(0), bad.as_bytes());
    let begins = rejected.column_by_name("row").unwrap();
    let begins = begins.as_any().downcast_ref::<Int32Array>().unwrap();
    assert_eq!(begins.value(0), 20);
    assert_eq!(left_out(aggregation.aggregator.take_left_out()), [1, 1, 0, 1]);
    assert_eq!(left_out(aggregation.aggregator.take_left_out()), [0, 0, 0, 0]);
}

#[test]
fn records_of_several_topics_are_told_apart() {
    let text = "[[stream]]\nname = \"s\"\nseries = [\"$topic\"]\nvalues = { v = \"v\" }\nwindows = [\"10s\"]\n";
    let config = Config::parse(text, Path::new("test.toml"), [].into()).unwrap();
    let mut aggregation = Aggregation::new(config.streams[0].clone(), "eu, us".to_owned());
    let topic = |name: &str| {
        [&[2][..], &i32::try_from(name.len()).unwrap().to_le_bytes(), name.as_bytes()].concat()
    };
    let records = [
        topic("eu"),
        pack("", "{\"v\":1}"),
        pack("", "broken"),
        topic("us"),
        pack("", "{\"v\":2}"),
        pack("", "broken"),
    ];
    assert_eq!(aggregation.add(&records.concat()).unwrap(), 2);
    let texts = |columns: &StructArray, name: &str| -> Vec<Option<String>> {
        let column = columns.column_by_name(name).unwrap();
        let column = column.as_any().downcast_ref::<StringArray>().unwrap();
        column.iter().map(|text| text.map(str::to_owned)).collect()
    };
    let both = [Some("eu".to_owned()), Some("us".to_owned())];
    assert_eq!(texts(&aggregation.rejected.take(), "topic"), both);
    let mut series = texts(&aggregation.take_partials().unwrap().unwrap(), "series");
    series.sort();
    assert_eq!(series, both);
    // Before anybody says a topic there is none.
    assert_eq!(aggregation.add(&pack("", "{\"v\":1}")).unwrap(), 1);
    let rejected = aggregation.rejected.take();
    assert_eq!(texts(&rejected, "topic"), [None]);
    assert_eq!(texts(&rejected, "reason"), [Some("missing_series".to_owned())]);
}

#[test]
fn rejected_records_are_in_the_account_until_they_are_taken() {
    let mut aggregation = aggregation();
    let empty = aggregation.memory_bytes();
    let records = pack("a", "broken ".repeat(100)).repeat(5_000);
    assert_eq!(aggregation.add(&records).unwrap(), 5_000);
    let held = aggregation.memory_bytes() - empty;
    let taken = aggregation.rejected.take().get_array_memory_size();
    assert!((taken / 2..=taken * 2).contains(&held), "{held} bytes for {taken}");
    assert!(aggregation.memory_bytes() <= empty);
}

#[test]
fn no_records_come_while_partials_are_taken() {
    let mut aggregation = aggregation();
    let records: Vec<u8> = (0..5_000).flat_map(|n| pack(&n.to_string(), "{\"v\":1}")).collect();
    aggregation.add(&records).unwrap();
    assert_eq!(aggregation.take_partials().unwrap().unwrap().len(), 4_096);
    assert!(aggregation.add(&records).is_err());
    assert_eq!(aggregation.take_partials().unwrap().unwrap().len(), 904);
    assert_eq!(aggregation.add(&records).unwrap(), 0);
}

#[test]
fn the_first_aggregation_of_a_stream_is_told_once_and_the_others_to_who_debugs() {
    for _ in 0..3 {
        logged_aggregation("opened");
    }
    let place = "stream 's', topic 'opened'";
    assert_eq!(LINES.count(&format!("INFO {place}: the first aggregation")), 1);
    assert_eq!(LINES.count(&format!("DEBUG {place}: an aggregation is opened")), 3);
}

#[test]
fn a_task_that_hands_on_early_says_so_once() {
    let mut aggregation = logged_aggregation("early");
    let line = "WARN stream 's', topic 'early': a task hands on its partial aggregates early";
    let record = pack("a", "{\"v\":1}");
    assert!(aggregation.take_partials().unwrap().is_none());
    for warnings in [0, 1, 1] {
        aggregation.add(&record).unwrap();
        aggregation.add(&record).unwrap();
        assert_eq!(LINES.count(line), warnings);
        while aggregation.take_partials().unwrap().is_some() {}
    }
}

#[test]
fn a_cut_off_batch_is_refused() {
    let mut aggregation = aggregation();
    let record = pack("a", "{\"v\":1}");
    let error = aggregation.add(&record[..record.len() - 1]).unwrap_err();
    assert_eq!(error.to_string(), "the packed records are cut off, or of no known kind");
    assert!(aggregation.take_partials().unwrap().is_none());
}

#[test]
fn records_wait_until_the_registry_tells_their_schemas() {
    let is_up = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&is_up);
    let registry = server::Server::start(move |request| {
        match (seen.load(Ordering::SeqCst), request.path.as_str()) {
            (false, _) => server::json(503, &json!({})),
            (true, "/schemas/ids/1") => server::json(200, &json!({"schema": schema("v")})),
            (true, "/schemas/ids/2") => server::json(200, &json!({"schema": schema("w")})),
            _ => server::unknown(40_403),
        }
    });
    let text = format!(
        "[schema_registry]\nurl = \"{}\"\n[[stream]]\nname = \"s\"\nformat = \"avro\"\nframing = \"confluent\"\n\
         values = {{ v = \"v\", w = \"w\" }}\nwindows = [\"10s\"]\n",
        registry.url()
    );
    let config = Config::parse(&text, Path::new("test.toml"), [].into()).unwrap();
    // As it comes to an executor.
    let json = serde_json::to_vec(&config.streams[0]).unwrap();
    let stream: Stream = serde_json::from_slice(&json).unwrap();
    assert_eq!(stream, config.streams[0]);
    let ids = [b"\0\0\0\0\x01\x06", b"\0\0\0\0\x02\x08", b"\0\0\0\0\x03\x08"];
    let records = ids.map(|value| pack("a", value)).concat();

    let mut aggregation = Aggregation::new(stream.clone(), "raw.s".to_owned());
    let error = aggregation.add(&records).unwrap_err().to_string();
    for part in ["stream 's'", "topic 'raw.s'", "partition 0, offset 0", "schema 1 is", "503"] {
        assert!(error.contains(part), "{error}");
    }
    assert!(aggregation.add(&records).is_err(), "a part of the records was added");
    is_up.store(true, Ordering::SeqCst);
    let mut aggregation = Aggregation::new(stream, "raw.s".to_owned());
    assert_eq!(aggregation.add(&records).unwrap(), 1);
    assert_eq!(aggregation.read.records, 3);
    assert_eq!(aggregation.take_partials().unwrap().unwrap().len(), 2);
    let rejected = aggregation.rejected.take();
    let reasons = rejected.column_by_name("reason").unwrap();
    let reasons = reasons.as_any().downcast_ref::<StringArray>().unwrap();
    assert_eq!(reasons.value(0), "unknown_schema");
}

/// A schema of one whole number.
fn schema(field: &str) -> String {
    let fields = json!([{"name": field, "type": "int"}]);
    json!({"type": "record", "name": "R", "fields": fields}).to_string()
}

/// A batch of version 2 that is not compressed.
fn pack_batch(values: &[&str]) -> Vec<u8> {
    let mut content = Vec::new();
    for (offset, value) in (0_u8..).zip(values) {
        let length = u8::try_from(value.len()).unwrap();
        // Attributes, time, offset, key, value, no headers; numbers are doubled, which zigzag encoding does.
        let before = [0, 0, 2 * offset, 2, b'k', 2 * length];
        let body = [&before, value.as_bytes(), &[0]].concat();
        content.push(2 * u8::try_from(body.len()).unwrap());
        content.extend(body);
    }
    let mut checked = vec![0; 40];
    checked[36..].copy_from_slice(&u32::try_from(values.len()).unwrap().to_be_bytes());
    checked.extend(content);
    let mut batch = 100_i64.to_be_bytes().to_vec();
    batch.extend(i32::try_from(checked.len() + 9).unwrap().to_be_bytes());
    batch.extend([0, 0, 0, 0, 2]);
    batch.extend(checksum(&checked).to_be_bytes());
    batch.extend(checked);
    let length = i32::try_from(batch.len()).unwrap();
    [&[1][..], &3_i32.to_le_bytes(), &length.to_le_bytes(), &batch].concat()
}

/// CRC-32C, bit by bit.
fn checksum(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _| if crc & 1 == 0 { crc >> 1 } else { crc >> 1 ^ 0x82f6_3b78 };
    !bytes.iter().fold(u32::MAX, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), step))
}

#[test]
fn records_of_a_batch_are_counted_as_records_are() {
    let mut aggregation = aggregation();
    let values = [r#"{"v":1}"#, "{", r#"{"v":2}"#];
    let packed = [pack("k", values[0]), pack_batch(&values)].concat();
    assert_eq!(aggregation.add(&packed).unwrap(), 1);
    assert_eq!(aggregation.read.records, 4);
    // And a key of one byte each.
    assert_eq!(aggregation.read.bytes, 7 + 7 + 1 + 7 + 4);
    let rejected = aggregation.rejected.take();
    let offsets = rejected.column_by_name("offset").unwrap();
    let offsets = offsets.as_any().downcast_ref::<Int64Array>().unwrap();
    assert_eq!(offsets.values(), &[101]);
}

#[test]
fn a_damaged_batch_names_its_place_and_leaves_the_aggregation_whole() {
    let mut aggregation = logged_aggregation("raw.s");
    let mut packed = pack_batch(&[r#"{"v":1}"#]);
    *packed.last_mut().unwrap() ^= 1;
    let error = aggregation.add(&packed).unwrap_err().to_string();
    for part in ["stream 's'", "topic 'raw.s'", "partition 3", "offset 100", "checksum"] {
        assert!(error.contains(part), "{error}");
    }
    assert!(!aggregation.broken);
}

#[test]
fn a_panic_names_its_place_and_ends_the_aggregation() {
    let mut aggregation = logged_aggregation("raw.s");
    let error = aggregation
        .guard(
            || "topic 'raw.s', offset 7".to_owned(),
            |_| -> Result<(), _> { panic!("out of luck") },
        )
        .unwrap_err()
        .to_string();
    for part in ["stream 's'", "topic 'raw.s'", "offset 7", "out of luck"] {
        assert!(error.contains(part), "{error}");
    }
    assert_eq!(LINES.count(&format!("ERROR {error}")), 1);
    assert!(aggregation.add(&[]).is_err());
    assert!(aggregation.take_partials().is_err());
}

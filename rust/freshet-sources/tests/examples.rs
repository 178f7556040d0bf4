//! The ready pipelines of the folder `examples`: what their public servers send, in its real shape and made up here,
//! becomes readings.

// The helpers of tests may fail like the tests themselves; clippy.toml only knows functions marked as tests.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use freshet_core::record::{RawRecord, Readings, RecordParser};
use freshet_runtime::clock::epoch_ms;
use freshet_sources::{Message, load};

/// An example, the file with messages of its source, and the readings that come of them: series, epoch milliseconds,
/// values in the order of the stream's metrics.
type Case<'a> = (&'a str, &'a str, &'a [(&'a str, i64, &'a [f64])]);

/// The topic by which messages come where there are topics.
const TOPIC: &str = "zigbee2mqtt/kitchen";
/// Stands for the time of arrival.
const NOW: i64 = 0;

const CASES: [Case<'_>; 6] = [
    (
        "wikimedia",
        include_str!("payloads/wikimedia.jsonl"),
        &[("dewiki", 1_795_600_801_250, &[1.0, -37.0])],
    ),
    (
        "trades",
        include_str!("payloads/trades.jsonl"),
        &[("BTC-USD", 1_795_600_801_123, &[64_123.45, 0.0025])],
    ),
    (
        "earthquakes",
        include_str!("payloads/earthquakes.jsonl"),
        &[("nc", 1_795_600_800_120, &[2.31, 2.4])],
    ),
    (
        "weather",
        include_str!("payloads/weather.jsonl"),
        &[
            ("Berlin", 1_795_600_800_000, &[4.3, 12.5]),
            ("Paris", 1_795_600_800_000, &[8.1, 7.2]),
            ("New York", 1_795_600_800_000, &[-1.5, 20.0]),
        ],
    ),
    ("mqtt", include_str!("payloads/mqtt.jsonl"), &[("kitchen", NOW, &[21.35, 48.21])]),
    ("replay", include_str!("payloads/replay.csv"), &[("hall-1", NOW, &[20.5, 41.0])]),
];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples")
}

#[test]
fn what_public_streams_send_becomes_readings() {
    let started = epoch_ms();
    for (name, messages, expected) in CASES {
        let loaded = load(&folder().join(format!("{name}.toml"))).unwrap();
        let source = &loaded.source_settings[0];
        let mut parser = RecordParser::new(&loaded.config.streams[0]);
        let mut readings = Readings::default();
        let mut found = Vec::new();
        for payload in messages.lines() {
            let (payload, topic) = (payload.as_bytes().to_vec(), Some(TOPIC.to_owned()));
            let message = Message { payload, topic, ..Message::default() };
            for record in source.transform.apply(&message).unwrap() {
                let raw = RawRecord {
                    key: record.key.as_deref(),
                    value: Some(&record.payload),
                    timestamp_ms: Some(epoch_ms()),
                    ..RawRecord::default()
                };
                parser.parse(&raw, &mut readings).unwrap();
                for point in readings.points() {
                    let values: Vec<f64> = point.values.iter().map(|(_, value)| *value).collect();
                    let time = point.time_us / 1_000;
                    let time = if time >= started { NOW } else { time };
                    found.push((point.series.to_owned(), time, values));
                }
            }
        }
        let expected: Vec<_> = expected
            .iter()
            .map(|(series, time, values)| ((*series).to_owned(), *time, values.to_vec()))
            .collect();
        assert_eq!(found, expected, "{name}");
    }
}

#[test]
fn every_example_is_tried() {
    let files = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
    let names = files
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned());
    let tried: BTreeSet<String> = CASES.iter().map(|(name, _, _)| (*name).to_owned()).collect();
    assert_eq!(names.collect::<BTreeSet<String>>(), tried);
}

//! The ready pipelines of the folder `examples`: what their public servers send, in its real shape and made up here,
//! becomes readings.

// The helpers of tests may fail like the tests themselves; clippy.toml only knows functions marked as tests.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use freshet_core::record::{RawRecord, Readings, RecordParser};
use freshet_sources::{Message, load};

/// An example, messages of its source, and the readings that come of them: series, epoch milliseconds, values in the
/// order of the stream's metrics.
type Case<'a> = (&'a str, &'a [&'a str], &'a [(&'a str, i64, &'a [f64])]);

const WIKIMEDIA: [&str; 3] = [
    r#"{"$schema":"/mediawiki/recentchange/1.0.0","meta":{"uri":"https://de.wikipedia.org/wiki/Quelle","id":"a1","domain":"de.wikipedia.org","stream":"mediawiki.recentchange","dt":"2026-11-25T10:00:01.250Z","topic":"eqiad.mediawiki.recentchange","partition":0,"offset":1},"id":7,"type":"edit","namespace":0,"title":"Quelle","comment":"","timestamp":1795600801,"user":"A","bot":false,"minor":true,"length":{"old":1200,"new":1163},"revision":{"old":1,"new":2},"server_name":"de.wikipedia.org","wiki":"dewiki"}"#,
    r#"{"$schema":"/mediawiki/recentchange/1.0.0","meta":{"domain":"de.wikipedia.org","dt":"2026-11-25T10:00:02Z"},"type":"log","log_type":"upload","wiki":"dewiki"}"#,
    r#"{"$schema":"/mediawiki/recentchange/1.0.0","meta":{"domain":"canary","dt":"2026-11-25T10:00:03Z"},"type":"edit","length":{"old":1,"new":2},"wiki":"enwiki"}"#,
];
const TRADES: [&str; 3] = [
    r#"{"type":"subscriptions","channels":[{"name":"matches","product_ids":["BTC-USD"]}]}"#,
    r#"{"type":"match","trade_id":10,"maker_order_id":"a","taker_order_id":"b","side":"sell","size":"0.00250000","price":"64123.45","product_id":"BTC-USD","sequence":50,"time":"2026-11-25T10:00:01.123456Z"}"#,
    r#"{"type":"heartbeat","last_trade_id":10,"product_id":"BTC-USD","sequence":51,"time":"2026-11-25T10:00:02Z"}"#,
];
const EARTHQUAKES: [&str; 3] = [
    r#"{"type":"Feature","properties":{"mag":2.31,"place":"9 km NW of Somewhere","time":1795600800120,"updated":1795600900000,"net":"nc","code":"7","type":"earthquake"},"geometry":{"type":"Point","coordinates":[-122.8,38.8,2.4]},"id":"nc7"}"#,
    r#"{"type":"Feature","properties":{"mag":1.2,"time":1795600800000,"net":"nc","type":"quarry blast"},"geometry":{"type":"Point","coordinates":[-122.8,38.8,0]},"id":"nc8"}"#,
    r#"{"type":"Feature","properties":{"mag":null,"time":1795600800000,"net":"us","type":"earthquake"},"geometry":{"type":"Point","coordinates":[0,0,10]},"id":"us9"}"#,
];
const WEATHER: [&str; 1] = [
    r#"[{"latitude":52.52,"longitude":13.42,"current_units":{"time":"unixtime"},"current":{"time":1795600800,"interval":900,"temperature_2m":4.3,"wind_speed_10m":12.5}},{"location_id":1,"current":{"time":1795600800,"temperature_2m":8.1,"wind_speed_10m":7.2}},{"location_id":2,"current":{"time":1795600800,"temperature_2m":-1.5,"wind_speed_10m":20.0}}]"#,
];
const REPLAY: [&str; 1] = ["2026-11-25T10:00:00Z,hall-1,20.5,41.0"];

const CASES: [Case<'_>; 5] = [
    ("wikimedia", &WIKIMEDIA, &[("dewiki", 1_795_600_801_250, &[1.0, -37.0])]),
    ("trades", &TRADES, &[("BTC-USD", 1_795_600_801_123, &[64_123.45, 0.0025])]),
    ("earthquakes", &EARTHQUAKES, &[("nc", 1_795_600_800_120, &[2.31, 2.4])]),
    (
        "weather",
        &WEATHER,
        &[
            ("Berlin", 1_795_600_800_000, &[4.3, 12.5]),
            ("Paris", 1_795_600_800_000, &[8.1, 7.2]),
            ("New York", 1_795_600_800_000, &[-1.5, 20.0]),
        ],
    ),
    ("replay", &REPLAY, &[("hall-1", 1_795_600_800_000, &[20.5, 41.0])]),
];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples")
}

#[test]
fn what_public_streams_send_becomes_readings() {
    for (name, messages, expected) in CASES {
        let loaded = load(&folder().join(format!("{name}.toml"))).unwrap();
        let source = &loaded.source_settings[0];
        let mut parser = RecordParser::new(&loaded.config.streams[0]);
        let mut readings = Readings::default();
        let mut found = Vec::new();
        for payload in messages {
            let message = Message { payload: payload.as_bytes().to_vec(), ..Message::default() };
            for record in source.transform.apply(&message).unwrap() {
                let raw = RawRecord {
                    key: record.key.as_deref(),
                    value: Some(&record.payload),
                    timestamp_ms: Some(1_795_600_810_000),
                };
                parser.parse(&raw, &mut readings).unwrap();
                for point in readings.iter() {
                    let values: Vec<f64> = point.values().map(|(_, value)| value).collect();
                    found.push((point.series.to_owned(), point.time_us / 1_000, values));
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

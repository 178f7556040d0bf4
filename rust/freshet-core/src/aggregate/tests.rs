use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use proptest::prelude::*;

use super::super::{Emit, Watermarks, WindowState};
use super::*;
use crate::config::Config;
use crate::record::{Format, binary_tests};
use crate::window::WindowSpec;
use crate::wire::ReasonCode;

fn stream(windows: &str) -> Stream {
    let text = format!(
        "[[stream]]\nname = \"s\"\nseries = [\"id\"]\ntime = {{ field = \"at\", unit = \"ms\" }}\n\
         values = {{ v = \"v\", w = \"w\" }}\nwindows = [{windows}]\n"
    );
    Config::parse(&text, Path::new("test.toml"), BTreeMap::new()).unwrap().streams.remove(0)
}

type Key = (String, usize, usize, i64);
type Content = (u64, f64, f64, f64, i64);

fn content(stats: &WindowStats) -> Content {
    (stats.count(), stats.sum(), stats.min(), stats.max(), stats.last_event_us())
}

/// The windows that the partial aggregates make.
fn windows(aggregator: &mut WindowAggregator, stream: &Stream) -> BTreeMap<Key, Content> {
    let mut states: BTreeMap<(String, usize, usize), WindowState<'_>> = BTreeMap::new();
    while aggregator.drain(|partial| {
        let key = (partial.series.to_owned(), partial.metric, partial.window);
        let empty = || WindowState::decode(&stream.windows[partial.window], &[]).unwrap();
        let state = states.entry(key).or_insert_with(empty);
        let mut panes = Vec::new();
        partial.encode_panes(&mut panes);
        let counted = state.add(&panes, Watermarks::NONE).unwrap();
        assert_eq!(counted, partial.records());
    }) {}
    let mut found = BTreeMap::new();
    for ((series, metric, window), state) in states {
        state
            .windows(Emit::Changed, Watermarks::NONE, |given| {
                let end_ms = stream.windows[window].end_ms(given.start_us / 1_000);
                assert_eq!(Some(given.end_us), end_ms.map(|end| end * 1_000));
                let key = (series.clone(), metric, window, given.start_us);
                assert!(found.insert(key, content(given.stats)).is_none(), "a window came twice");
            })
            .unwrap();
    }
    found
}

fn add(aggregator: &mut WindowAggregator, value: &str) -> Result<(), Rejection> {
    let record = RawRecord {
        key: None,
        value: Some(value.as_bytes()),
        timestamp_ms: Some(0),
        ..RawRecord::default()
    };
    aggregator.add(&record).map(drop)
}

/// Adds these values, and says which were rejected, and why.
fn add_all(aggregator: &mut WindowAggregator, values: &[Vec<u8>]) -> Vec<(usize, ReasonCode)> {
    let add = |(number, value): (usize, &Vec<u8>)| {
        let raw = RawRecord {
            key: Some(b"k"),
            value: Some(value),
            timestamp_ms: Some(60_000),
            ..RawRecord::default()
        };
        Some((number, aggregator.add(&raw).err()?.reason))
    };
    values.iter().enumerate().filter_map(add).collect()
}

/// A value of a field, of every kind that a record may have.
fn any_value() -> impl Strategy<Value = serde_json::Value> {
    prop_oneof![
        4 => (-1_000_i32..1_000).prop_map(Into::into),
        4 => (-1e3..1e3).prop_map(serde_json::Value::from),
        1 => any::<u64>().prop_map(Into::into),
        1 => any::<i64>().prop_map(Into::into),
        1 => prop::sample::select(vec![
            serde_json::json!(null), true.into(), "".into(), "text".into(), serde_json::json!([1, { "v": 2 }]),
        ]),
    ]
}

proptest! {
    /// The format of the records and what carries them are not the aggregator's business.
    #[test]
    fn records_of_a_binary_format_make_the_same_windows_as_those_in_json(
        records in prop::collection::vec((0_usize..3, any_value(), any_value(), any_value()), 0..60),
    ) {
        let stream = stream("\"10s\", \"30s/10s\"");
        let values: Vec<_> = records.iter().map(|(id, at, v, w)| {
            // Mostly a time that is not in the future.
            let at = at.as_f64().filter(|at| at.abs() < 1e3).map_or_else(|| at.clone(), |at| (at * 10.0).into());
            let id = ["a", "b", "c"][*id];
            serde_json::json!({ "id": id, "at": at, "v": v, "w": w, "x": { "v": w } })
        }).collect();
        let texts: Vec<_> = values.iter().map(|value| value.to_string().into_bytes()).collect();
        let binary: Vec<_> = values.iter().map(binary_tests::write_message_pack).collect();
        let mut of_texts = WindowAggregator::new(&stream);
        let parser = RecordParser::in_format(&stream, Format::MessagePack);
        let mut of_binary = WindowAggregator::with_parser(&stream, parser);
        prop_assert_eq!(add_all(&mut of_binary, &binary), add_all(&mut of_texts, &texts));
        prop_assert_eq!(of_binary.watermark_us(), of_texts.watermark_us());
        prop_assert_eq!(windows(&mut of_binary, &stream), windows(&mut of_texts, &stream));
    }
}

#[test]
fn a_rejected_record_counts_nowhere() {
    let stream = stream("\"10s\"");
    let mut aggregator = WindowAggregator::new(&stream);
    add(&mut aggregator, r#"{"id":"a","at":1,"v":1}"#).unwrap();
    add(&mut aggregator, r#"{"id":"a","at":1,"v":1,"w":"x"}"#).unwrap_err();
    let expected = [(("a".to_owned(), 0, 0, 0), (1, 1.0, 1.0, 1.0, 1_000))];
    assert_eq!(windows(&mut aggregator, &stream), expected.into());
}

#[test]
fn a_record_of_several_metrics_is_counted_once_per_kind_of_window() {
    let mut aggregator = WindowAggregator::new(&stream("\"10s\", \"30s/10s\""));
    add(&mut aggregator, r#"{"id":"a","at":1,"v":1,"w":2}"#).unwrap();
    add(&mut aggregator, r#"{"id":"a","at":1,"w":2}"#).unwrap();
    let mut records = [0, 0];
    while aggregator.drain(|partial| records[partial.window] += partial.records()) {}
    assert_eq!(records, [2, 2]);
}

#[test]
fn memory_grows_with_series_and_panes_only() {
    let mut aggregator = WindowAggregator::new(&stream("\"10s\""));
    add(&mut aggregator, r#"{"id":"a","at":1,"v":1}"#).unwrap();
    let one = aggregator.memory_bytes();
    add(&mut aggregator, r#"{"id":"a","at":2,"v":1}"#).unwrap();
    assert_eq!(aggregator.memory_bytes(), one);
    add(&mut aggregator, r#"{"id":"b","at":1,"v":1}"#).unwrap();
    assert!(aggregator.memory_bytes() > one);
}

/// The starts of the windows that contain a time in epoch milliseconds, in microseconds: of all near it the right ones.
/// In a zone the calendar says which those are.
fn starts_containing(spec: &WindowSpec, at_ms: i64) -> Vec<i64> {
    let begin = match spec.to_string().split_once('@') {
        None => 0,
        Some((_, "2s")) => 2_000,
        Some((_, "3s")) => 3_000,
        Some(_) => return spec.starts_containing(at_ms * 1_000),
    };
    let (size, slide) = (spec.size_ms(), spec.slide_ms());
    let newest = at_ms - (at_ms - begin).rem_euclid(slide);
    let starts = (0..).map(|back| newest - back * slide).take_while(|start| at_ms < start + size);
    starts.map(|start| start * 1_000).collect()
}

/// When clocks were set, epoch milliseconds.
const BERLIN: i64 = 1_774_746_000_000;
const ST_JOHNS: i64 = 1_289_097_060_000;

proptest! {
    /// Whatever the windows and the order of the records: what comes out is what each window's own readings give.
    #[test]
    fn windows_equal_a_sum_over_each_ones_readings(
        records in prop::collection::vec((0_usize..3, -50_000_i64..50_000, 0_usize..2, -1_000_i32..1_000), 0..120),
        // From when on times are, in milliseconds, and what they are multiplied by.
        (kinds, begin, scale) in prop::sample::select(vec![
            ("\"10s\"", 0, 1),
            ("\"10s\", \"1m\"", 0, 1),
            ("\"10s/4s\"", 0, 1),
            ("\"7s\", \"20s/5s\"", 0, 1),
            ("\"30s/1s\"", 0, 1),
            ("\"10s@3s\"", 0, 1),
            ("\"10s\", \"20s/5s@2s\"", 0, 1),
            ("\"1d@Europe/Berlin\", \"1h@15m\", \"7d@Mon\"", BERLIN, 10_000),
            ("\"2d/1d@6h@America/St_Johns\"", ST_JOHNS, 10_000),
        ]),
    ) {
        let stream = Stream { max_future: Duration::from_hours(100 * 366 * 24), ..stream(kinds) };
        let mut aggregator = WindowAggregator::new(&stream);
        let mut expected: BTreeMap<Key, Content> = BTreeMap::new();
        for (series, at, metric, value) in records {
            let at_ms = begin + at * scale;
            let (id, name) = (["a", "b", "c"][series], ["v", "w"][metric]);
            let text = format!("{{\"id\":\"{id}\",\"at\":{at_ms},\"{name}\":{value}}}");
            add(&mut aggregator, &text).unwrap();
            let value = f64::from(value);
            for (window, spec) in stream.windows.iter().enumerate() {
                for start_us in starts_containing(spec, at_ms) {
                    let key = (id.to_owned(), metric, window, start_us);
                    let entry = expected
                        .entry(key)
                        .or_insert((0, 0.0, f64::INFINITY, f64::NEG_INFINITY, i64::MIN));
                    *entry = (
                        entry.0 + 1,
                        entry.1 + value,
                        entry.2.min(value),
                        entry.3.max(value),
                        entry.4.max(at_ms * 1_000),
                    );
                }
            }
        }
        // Whole numbers of this size add up exactly in any order.
        prop_assert_eq!(windows(&mut aggregator, &stream), expected);
    }
}

#[test]
fn a_partial_says_how_many_records_it_has_and_when_its_last_window_closes() {
    let mut aggregator = WindowAggregator::new(&stream("\"30s/10s\", \"1m\""));
    for at in [1, 9_999, 25_000, 60_000] {
        add(&mut aggregator, &format!("{{\"id\":\"a\",\"at\":{at},\"v\":1}}")).unwrap();
    }
    let mut found = Vec::new();
    while aggregator.drain(|partial| {
        found.push((partial.window, partial.records(), partial.closes_us()));
    }) {}
    assert_eq!(found, [(0, 4, 90_000_000), (1, 4, 120_000_000)]);
}

/// Event times (ms) that come with Kafka's timestamp, and the clock: to where they move the watermark, and who was
/// ahead.
fn moved(
    settings: &str,
    records: &[(&str, i64, Option<i64>)],
    now: i64,
) -> (i64, Option<(String, i64)>) {
    let stream = Stream::parse(&format!(
        "series = [\"id\"]\ntime = {{ field = \"at\", unit = \"ms\" }}\nvalues = {{ v = \"v\" }}\nwindows = [\"10s\"]\n\
         max_future = \"10m\"\n{settings}"
    ));
    let mut aggregator = WindowAggregator::new(&stream.unwrap());
    aggregator.set_now(now);
    for (id, at, timestamp_ms) in records {
        let value = format!("{{\"id\":\"{id}\",\"at\":{at},\"v\":1}}");
        let value = Some(value.as_bytes());
        aggregator
            .add(&RawRecord {
                key: None,
                value,
                timestamp_ms: *timestamp_ms,
                ..RawRecord::default()
            })
            .unwrap();
    }
    let ahead =
        aggregator.take_furthest_ahead().map(|ahead| (ahead.series, ahead.ahead_us / 1_000));
    assert_eq!(aggregator.take_furthest_ahead(), None);
    (aggregator.watermark_us() / 1_000, ahead)
}

#[test]
fn a_clock_that_runs_ahead_moves_the_watermark_no_further_than_kafkas_timestamp_and_ours() {
    let ahead = |id: &str, ms| Some((id.to_owned(), ms));
    let good = [("a", 1_000_000, Some(1_000_100)), ("b", 1_002_000, Some(1_002_000))];
    assert_eq!(moved("", &good, 1_005_000), (1_002_000, None));
    // Four minutes ahead of Kafka's timestamp; then of our clock, where the sender has stamped the record as well.
    let fast = [good[0], ("fast", 1_240_100, Some(1_000_100))];
    assert_eq!(moved("", &fast, 1_005_000), (1_000_100, ahead("fast", 240_000)));
    let fast = [good[0], ("fast", 1_240_100, Some(1_240_100)), ("slow", 1_010_000, None)];
    assert_eq!(moved("", &fast, 1_005_000), (1_005_000, ahead("fast", 235_100)));
    // Kafka's -1 is no timestamp, and a second is in step.
    assert_eq!(moved("", &[("c", 1_001_000, Some(-1))], 1_000_000), (1_000_000, None));
    // Forecasts are ahead on purpose.
    let settings = "future_moves_watermark = true";
    assert_eq!(moved(settings, &[("c", 1_240_000, Some(1_000_000))], 1_000_000), (1_240_000, None));
}

/// A series with very many panes is handed on in parts.
#[test]
fn no_partial_has_more_panes_than_fit() {
    let stream = stream("\"10s/1s\", \"1h\"");
    let mut aggregator = WindowAggregator::new(&stream);
    for second in 1..=2_500 {
        let at = -second * 1_000;
        add(&mut aggregator, &format!("{{\"id\":\"a\",\"at\":{at},\"v\":1}}")).unwrap();
    }
    let mut records = Vec::new();
    while aggregator.drain(|partial| records.push((partial.window, partial.records()))) {}
    assert_eq!(records, [(0, 1_024), (0, 1_024), (0, 452), (1, 2_500)]);
}

#[test]
fn an_aggregator_is_empty_after_its_panes_were_handed_on() {
    let stream = stream("\"10s\", \"30s/10s\"");
    let mut aggregator = WindowAggregator::new(&stream);
    for round in 0..2 {
        for id in ["a", "b"] {
            add(&mut aggregator, &format!("{{\"id\":\"{id}\",\"at\":{round},\"v\":1}}")).unwrap();
        }
        assert!(aggregator.memory_bytes() > 0);
        assert_eq!(windows(&mut aggregator, &stream).len(), 2 * (1 + 3));
        assert_eq!(aggregator.memory_bytes(), 0);
    }
}

/// A sketch of zeros has no buckets: it is smaller than the readings that were kept before.
#[test]
fn memory_may_shrink_when_readings_become_a_sketch() {
    let mut aggregator = WindowAggregator::new(&stream("\"10s\""));
    for _ in 0..40 {
        add(&mut aggregator, r#"{"id":"a","at":1,"v":0}"#).unwrap();
    }
    assert!(aggregator.memory_bytes() < 10_000);
}

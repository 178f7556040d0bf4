use std::collections::BTreeMap;
use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::config::Config;

fn stream(windows: &str) -> Stream {
    let text = format!(
        "[[stream]]\nname = \"s\"\nseries = [\"id\"]\ntime = {{ field = \"at\", unit = \"ms\" }}\n\
         values = {{ v = \"v\", w = \"w\" }}\nwindows = [{windows}]\n"
    );
    Config::parse(&text, Path::new("test.toml"), BTreeMap::new()).unwrap().streams.remove(0)
}

type Key = (String, usize, usize, i64);

fn content(stats: &WindowStats) -> (u64, f64, f64, f64, i64) {
    (stats.count(), stats.sum(), stats.min(), stats.max(), stats.last_event_us())
}

fn partials(aggregator: &mut WindowAggregator) -> BTreeMap<Key, (u64, f64, f64, f64, i64)> {
    let mut found = BTreeMap::new();
    while aggregator.drain(1, |partial| {
        let stats = partial.stats;
        let key = (partial.series.to_owned(), partial.metric, partial.window, partial.start_us);
        assert!(found.insert(key, content(stats)).is_none(), "a window came twice");
        assert!(
            partial.start_us <= stats.last_event_us() && stats.last_event_us() < partial.end_us
        );
    }) {}
    found
}

fn add(aggregator: &mut WindowAggregator, value: &str) -> Result<(), Rejection> {
    let record = RawRecord { key: None, value: Some(value.as_bytes()), timestamp_ms: 0 };
    aggregator.add(&record)
}

#[test]
fn a_rejected_record_counts_nowhere() {
    let mut aggregator = WindowAggregator::new(&stream("\"10s\""));
    add(&mut aggregator, r#"{"id":"a","at":1,"v":1}"#).unwrap();
    add(&mut aggregator, r#"{"id":"a","at":1,"v":1,"w":"x"}"#).unwrap_err();
    let expected = [(("a".to_owned(), 0, 0, 0), (1, 1.0, 1.0, 1.0, 1_000))];
    assert_eq!(partials(&mut aggregator), expected.into());
}

#[test]
fn a_record_of_several_metrics_is_counted_once_per_kind_of_window() {
    let mut aggregator = WindowAggregator::new(&stream("\"10s\", \"30s/10s\""));
    add(&mut aggregator, r#"{"id":"a","at":1,"v":1,"w":2}"#).unwrap();
    add(&mut aggregator, r#"{"id":"a","at":1,"w":2}"#).unwrap();
    let mut records = [0, 0];
    while aggregator.drain(1, |partial| records[partial.window] += partial.records) {}
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

proptest! {
    /// Whatever the windows and the order of the records: what comes out is what each window's own readings give.
    #[test]
    fn partials_equal_a_sum_over_each_windows_readings(
        records in prop::collection::vec((0_usize..3, -50_000_i64..50_000, 0_usize..2, -1_000_i32..1_000), 0..120),
        kinds in prop::sample::select(vec![
            "\"10s\"", "\"10s\", \"1m\"", "\"10s/4s\"", "\"7s\", \"20s/5s\"", "\"30s/1s\"",
        ]),
    ) {
        let stream = stream(kinds);
        let mut aggregator = WindowAggregator::new(&stream);
        let mut expected: BTreeMap<Key, (u64, f64, f64, f64, i64)> = BTreeMap::new();
        let mut counted: BTreeMap<Key, u64> = BTreeMap::new();
        for (series, at_ms, metric, value) in records {
            let (id, name) = (["a", "b", "c"][series], ["v", "w"][metric]);
            let text = format!("{{\"id\":\"{id}\",\"at\":{at_ms},\"{name}\":{value}}}");
            add(&mut aggregator, &text).unwrap();
            let value = f64::from(value);
            for (window, spec) in stream.windows.iter().enumerate() {
                let (size, slide) = (spec.size_ms(), spec.slide_ms());
                // The last window to close is the one that starts last.
                let newest = at_ms.div_euclid(slide) * slide * 1_000;
                *counted.entry((id.to_owned(), metric, window, newest)).or_default() += 1;
                for start in (-90_000..=60_000).filter(|s: &i64| s.rem_euclid(slide) == 0) {
                    if start <= at_ms && at_ms < start + size {
                        let key = (id.to_owned(), metric, window, start * 1_000);
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
        }
        let mut found = BTreeMap::new();
        let mut found_counted = BTreeMap::new();
        while aggregator.drain(5, |partial| {
            let key = (partial.series.to_owned(), partial.metric, partial.window, partial.start_us);
            if partial.records > 0 {
                found_counted.insert(key.clone(), partial.records);
            }
            found.insert(key, content(partial.stats));
        }) {}
        // Whole numbers of this size add up exactly in any order.
        prop_assert_eq!(found, expected);
        prop_assert_eq!(found_counted, counted);
    }
}

/// One series with many overlapping windows is handed on in parts, too.
#[test]
fn no_more_rows_are_handed_on_than_were_asked_for() {
    let mut aggregator = WindowAggregator::new(&stream("\"100s/1s\", \"10s\""));
    for at in (0..50_000).step_by(10_000) {
        add(&mut aggregator, &format!("{{\"id\":\"a\",\"at\":{at},\"v\":1,\"w\":2}}")).unwrap();
    }
    let mut parts = Vec::new();
    loop {
        let mut rows = 0;
        if !aggregator.drain(7, |_| rows += 1) {
            break;
        }
        parts.push(rows);
    }
    let (last, others) = parts.split_last().unwrap();
    assert!(others.iter().all(|rows| *rows == 7) && *last <= 7, "{parts:?}");
    // Two metrics: windows that start from -99 s to 40 s, and five tumbling ones.
    assert_eq!(parts.iter().sum::<usize>(), 2 * (140 + 5));
}

#[test]
fn an_aggregator_is_empty_after_its_windows_were_handed_on() {
    let mut aggregator = WindowAggregator::new(&stream("\"10s\", \"30s/10s\""));
    for round in 0..2 {
        for id in ["a", "b"] {
            add(&mut aggregator, &format!("{{\"id\":\"{id}\",\"at\":{round},\"v\":1}}")).unwrap();
        }
        assert!(aggregator.memory_bytes() > 0);
        assert_eq!(partials(&mut aggregator).len(), 2 * (1 + 3));
        assert_eq!(aggregator.memory_bytes(), 0);
    }
}

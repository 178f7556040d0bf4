//! What is proposed for samples: for those of `examples/records`, and for any others.

// The helpers of tests may fail like the tests themselves; clippy.toml only knows functions marked as tests.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod examples;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use freshet_core::infer::{Proposal, Sample, SampleRecord, Share, propose};
use freshet_core::record::{Parsed, RawRecord, Readings, RecordParser, TimeFormat, write_time};
use proptest::prelude::*;

use examples::{KEY, NOON_MS, file, folders, stream};

/// Those that a proposal does not map, with what it lacks.
const NOT_MAPPED: [(&str, &str); 3] = [
    ("european-logger", "the zone of its local times, which no sample says"),
    ("plc-csv", "the zone of its local times, which no sample says"),
    ("tasmota", "the zone of its local times, which no sample says"),
];

/// The points of a curve: times, and the bits of values.
type Points = Vec<(i64, u64)>;

/// Curves by series and metric.
type Curves = BTreeMap<(String, String), Points>;

/// The readings of an example as they are written beside it.
fn expected(folder: &Path) -> Curves {
    let text = fs::read_to_string(folder.join("readings.txt")).unwrap();
    let mut curves = Curves::new();
    for line in text.lines().filter(|line| !line.starts_with("bad row: ")) {
        let mut words = line.rsplitn(4, ' ');
        let mut word = || words.next().unwrap().to_owned();
        let (value, time, metric, series) = (word(), word(), word(), word());
        let time_us = TimeFormat::Rfc3339.read_text(&time).unwrap();
        let value: f64 = value.parse().unwrap();
        curves.entry((series, metric)).or_default().push((time_us, value.to_bits()));
    }
    sorted(curves)
}

/// The curves that a configuration makes of the sample as one record.
fn curves(configuration: &str, sample: &[u8]) -> Curves {
    let stream = stream(configuration);
    let record = RawRecord {
        key: Some(KEY),
        value: Some(sample),
        timestamp_ms: Some(NOON_MS),
        ..RawRecord::default()
    };
    let mut parser = RecordParser::new(&stream);
    let mut readings = Readings::default();
    parser.set_now(NOON_MS);
    let parsed = parser.parse(&record, &mut readings);
    let mut curves = Curves::new();
    if parsed == Ok(Parsed::Accepted) {
        for reading in readings.iter() {
            let metric = stream.values[reading.metric].0.clone();
            let points = curves.entry((reading.series.to_owned(), metric)).or_default();
            points.push((reading.time_us, reading.value.to_bits()));
        }
    }
    sorted(curves)
}

fn sorted(mut curves: Curves) -> Curves {
    for points in curves.values_mut() {
        points.sort_unstable();
    }
    curves
}

/// An example is mapped when each of its curves, the readings of one metric of one series, is a curve of the proposal:
/// the same times and values, no more and no fewer, and two curves are never one. Series and metrics may be called
/// otherwise, as many examples give them names of their own, and there may be more curves.
fn is_mapped(expected: &Curves, proposed: &Curves) -> bool {
    let count = |curves: &Curves, points: &Points| curves.values().filter(|p| *p == points).count();
    expected.values().all(|points| count(proposed, points) >= count(expected, points))
}

fn proposed(sample: &[u8]) -> Proposal {
    let sample = Sample::of_file(sample, 1_000).unwrap().with(KEY, NOON_MS);
    propose("proposed", &sample, NOON_MS).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn the_examples_are_mapped_without_help_but_for_zones() {
    let (mut mapped, mut others) = (Vec::new(), Vec::new());
    for folder in folders() {
        let name = folder.file_name().unwrap().to_str().unwrap().to_owned();
        let sample = fs::read(file(&folder, "sample")).unwrap();
        let Proposal { configuration, .. } = proposed(&sample);
        let (expected, found) = (expected(&folder), curves(&configuration, &sample));
        if is_mapped(&expected, &found) {
            mapped.push(name);
        } else {
            println!("{name}:\n{configuration}\nexpected {expected:#?}\nfound {found:#?}");
            others.push(name);
        }
    }
    assert_eq!(others, NOT_MAPPED.map(|(name, _)| name));
    assert!(mapped.len() >= 22, "{} are mapped", mapped.len());
}

#[test]
fn what_is_not_mapped_is_so_with_its_zone() {
    for folder in folders() {
        let name = folder.file_name().unwrap().to_str().unwrap().to_owned();
        if !NOT_MAPPED.iter().any(|(other, _)| *other == name) {
            continue;
        }
        let sample = fs::read(file(&folder, "sample")).unwrap();
        let own = fs::read_to_string(file(&folder, "stream")).unwrap();
        let (_, zone) = own.split_once("zone = \"").unwrap();
        let (zone, _) = zone.split_once('"').unwrap();
        let Proposal { configuration, remarks, .. } = proposed(&sample);
        let with_zone = |line: &str| match line.strip_suffix(" }") {
            Some(time) if line.starts_with("time = ") => format!("{time}, zone = \"{zone}\" }}\n"),
            _ => format!("{line}\n"),
        };
        let configuration: String = configuration.lines().map(with_zone).collect();
        assert!(is_mapped(&expected(&folder), &curves(&configuration, &sample)), "{name}");
        assert!(remarks.iter().any(|remark| remark.contains("'zone'")), "{name}: {remarks:?}");
    }
}

/// What a configuration takes of records, counted here once more.
fn counted(configuration: &str, records: &[SampleRecord]) -> (usize, usize, usize, usize) {
    let stream = stream(configuration);
    let mut parser = RecordParser::new(&stream);
    parser.set_now(NOON_MS);
    let (mut accepted, mut skipped, mut rejected, mut all) = (0, 0, 0, 0);
    for record in records {
        let mut readings = Readings::default();
        let raw = RawRecord {
            key: record.key.as_deref(),
            value: record.value.as_deref(),
            timestamp_ms: record.timestamp_ms.or(Some(NOON_MS)),
            ..RawRecord::default()
        };
        match parser.parse(&raw, &mut readings) {
            Ok(Parsed::Accepted) => {
                accepted += 1;
                all += readings.iter().count();
            }
            Ok(Parsed::Skipped) => skipped += 1,
            Ok(Parsed::NeedsSchema(_)) | Err(_) => rejected += 1,
        }
    }
    (accepted, skipped, rejected, all)
}

/// Whether something was proposed, which then holds.
fn holds(sample: impl AsRef<[u8]>) -> bool {
    let Ok(sample) = Sample::of_file(sample.as_ref(), 1_000) else { return false };
    let Ok(Proposal { configuration, share, .. }) = propose("p", &sample, NOON_MS) else {
        return false;
    };
    let Share { records, accepted, skipped, rejected, readings, .. } = share;
    let found = counted(&configuration, sample.records());
    assert_eq!((accepted, skipped, rejected, readings), found, "{configuration}");
    assert_eq!(records, sample.records().len());
    let said = format!("takes {accepted} of {records} records");
    assert!(configuration.lines().next().unwrap().contains(&said), "{configuration}");
    assert!(accepted > 0);
    true
}

/// The names of what Kafka has beside the value of a record are no less names of columns and keys.
#[test]
fn what_is_called_like_the_key_the_topic_or_a_header_is_a_field() {
    for name in ["$key", "$topic", "$header.site"] {
        let csv = format!("{name},temperature\na,1\nb,2.5\n");
        let json = format!(
            "{{\"{name}\":\"a\",\"temperature\":1}}\n{{\"{name}\":\"b\",\"temperature\":2}}\n"
        );
        for sample in [csv, json] {
            let configuration = proposed(sample.as_bytes()).configuration;
            let found = curves(&configuration, sample.as_bytes());
            let series: Vec<&str> = found.keys().map(|(series, _)| series.as_str()).collect();
            assert_eq!(series, ["a", "b"], "{configuration}");
            assert!(holds(sample));
        }
    }
}

/// Keys that mean something, and such that paths, TOML or metrics take amiss.
const KEYS: [&str; 24] = [
    "time",
    "ts",
    "id",
    "name",
    "host",
    "value",
    "v",
    "n",
    "tags",
    "items",
    "before",
    "after",
    "a.b",
    "^",
    "*",
    "$",
    "",
    "[0]",
    "x|y",
    "a\\b",
    "\"q\"",
    "\u{7f}",
    "$topic",
    "$header.h",
];

fn scalar() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("null".to_owned()),
        any::<bool>().prop_map(|truth| truth.to_string()),
        any::<i32>().prop_map(|number| number.to_string()),
        (-1e6..1e6).prop_map(|number: f64| format!("{number:?}")),
        (0..90_000_i64).prop_map(|ago| (NOON_MS / 1_000 - ago).to_string()),
        (0..90_000_000_i64).prop_map(|ago| (NOON_MS - ago).to_string()),
        (0..90_000_000_i64).prop_map(|ago| format!("\"{}\"", write_time((NOON_MS - ago) * 1_000))),
        Just("-9999".to_owned()),
        "\"(ON|OFF|NA|unavailable|21\\.5|7|a/b|\\|\\[\\]|ü|\\{\\}|\\{\\\\\"v\\\\\":1\\})\"",
        "\"[a-z]{1,8}\"",
    ]
}

fn json() -> impl Strategy<Value = String> {
    scalar().prop_recursive(4, 40, 6, |inner| {
        let entry = (prop::sample::select(&KEYS[..]), inner.clone())
            .prop_map(|(key, value)| format!("{}:{value}", serde_json::to_string(key).unwrap()));
        prop_oneof![
            prop::collection::vec(inner, 0..5).prop_map(|items| format!("[{}]", items.join(","))),
            prop::collection::vec(entry.clone(), 1..6)
                .prop_map(|entries| format!("{{{}}}", entries.join(","))),
            prop::collection::vec(entry, 1..6)
                .prop_map(|entries| format!("{{{}}}", entries.join(","))),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_proposal_for_json_is_accepted_and_takes_what_it_says(
        records in prop::collection::vec(json(), 1..6),
        between in prop::sample::select(&["\n", " ", "\n\n"][..]),
    ) {
        holds(records.join(between));
    }

    #[test]
    fn a_proposal_for_a_table_is_accepted_and_takes_what_it_says(
        header in prop::option::of("[a-zA-Z\\[\\]°.|]{1,6}([,;][a-zA-Z ]{1,6}){1,4}"),
        rows in prop::collection::vec(
            "(NA|-9999|[0-9]{1,3}|[0-9]{1,2}[,.][0-9]|[a-z]{1,4}| 7 |\"q\"\"\"|31\\.01\\.2026 11:0[0-9])\
             (;(NA|[0-9]{1,3}|[0-9]{1,2}[,.][0-9]|[a-z]{0,4}|ON|OFF)){1,3}",
            1..12,
        ),
    ) {
        let lines: Vec<String> = header.into_iter().chain(rows).collect();
        holds(lines.join("\n"));
    }

    #[test]
    fn a_proposal_for_lines_is_accepted_and_takes_what_it_says(
        lines in prop::collection::vec(
            "(cpu|m\\\\ m)(,(host|a\\\\=b)=[a-z]{1,3}){0,2} (u|x\\.y|s\\\\ t)=([0-9]{1,3}i?|t|\"[a-z0-9 ,]{0,4}\")\
             (,w=[0-9]\\.[0-9])?( 17698607[0-9]{2}000000000)?",
            1..8,
        ),
    ) {
        prop_assert!(holds(lines.join("\n")) || !lines.join("").contains(",w="));
    }

    #[test]
    fn no_text_is_too_strange(text in "[\\PC\n]{0,200}") {
        holds(text);
    }

    #[test]
    fn no_bytes_are_too_strange(
        map in prop::sample::select(&[0x81_u8, 0x82, 0xa1, 0xa2, 0xbf][..]),
        rest in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        holds([vec![map], rest].concat());
    }
}

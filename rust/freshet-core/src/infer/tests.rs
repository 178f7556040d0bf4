//! Guesses one by one: a sample, and lines that have to be in the proposal, or must not.

use std::io::Write as _;

use flate2::write::GzEncoder;

use super::{Proposal, Sample, SampleRecord, Unclear, propose};

/// 2026-01-31T12:00:00Z.
const NOON_MS: i64 = 1_769_860_800_000;

fn proposed(sample: &str) -> Result<Proposal, Unclear> {
    propose("s", &Sample::of_file(sample.as_bytes(), 100)?, NOON_MS)
}

fn assert_lines(sample: &str, expected: &[&str], unexpected: &[&str]) {
    let Proposal { configuration, .. } = proposed(sample).unwrap();
    let has = |line: &str| {
        configuration.lines().any(|l| l == line || l.split(" # ").next() == Some(line))
    };
    for line in expected {
        assert!(has(line), "'{line}' is not in\n{configuration}");
    }
    for part in unexpected {
        assert!(!configuration.contains(part), "'{part}' is in\n{configuration}");
    }
}

#[test]
fn a_sample_of_which_only_the_beginning_is_looked_at_is_said_to_be() {
    let remark = "only the beginning of the sample was looked at";
    for row in ["{\"id\":\"a\",\"v\":NUMBER.5}\n", "m,id=a v=NUMBER.5\n", "a,NUMBER.5\n"] {
        for (rows, is_said) in [(100, false), (101, true)] {
            let numbered = |number: usize| row.replace("NUMBER", &number.to_string());
            let sample: String = (0..rows).map(numbered).collect();
            let remarks = proposed(&sample).unwrap().remarks;
            assert_eq!(remarks.iter().any(|said| said == remark), is_said, "{rows} {row}");
        }
    }
}

#[test]
fn a_byte_order_mark_is_named_where_none_may_be() {
    for sample in ["\u{feff}{\"id\":\"a\",\"v\":1}", "\u{feff}m,id=a v=1\n"] {
        let error = proposed(sample).unwrap_err().to_string();
        assert!(error.contains("byte order mark"), "{error}");
    }
    assert_lines("\u{feff}id,v\na,1.5\n", &["header = true", "series = [\"id\"]"], &[]);
}

#[test]
fn times_are_found_by_their_names_and_their_range() {
    for (written, unit) in [
        ("1769860800", "s"),
        ("1769860800.25", "s"),
        ("1769860800123", "ms"),
        ("1769860800123456", "us"),
        ("1769860800123456789", "ns"),
        ("20260131115900", "%Y%m%d%H%M%S"),
        (r#""2026-01-31T12:00:00Z""#, "rfc3339"),
        (r#""2026-01-31T13:00:00+01:00""#, "rfc3339"),
        (r#""2026-01-31T12:00:00""#, "%Y-%m-%dT%H:%M:%S%.f"),
        (r#""2026-01-31 12:00""#, "%Y-%m-%d %H:%M"),
        (r#""31.01.2026 12:00:00""#, "%d.%m.%Y %H:%M:%S%.f"),
        (r#""01/31/2026 12:00:00""#, "%m/%d/%Y %H:%M:%S%.f"),
        (r#""31.01.2026""#, "%d.%m.%Y"),
        (r#""31/01/2026""#, "%d/%m/%Y"),
        (r#""01/31/2026""#, "%m/%d/%Y"),
        (r#""2026/01/31""#, "%Y/%m/%d"),
        (r#""31-01-2026""#, "%d-%m-%Y"),
        (r#""Jan 31 11:59:58""#, "%b %e %H:%M:%S"),
        (r#""31/Jan/2026:12:00:00 +0000""#, "%d/%b/%Y:%H:%M:%S %z"),
    ] {
        let sample = format!(r#"{{"host":"a","timestamp":{written},"v":1}}"#);
        assert_lines(
            &sample,
            &[&format!(r#"time = {{ field = "timestamp", unit = "{unit}" }}"#)],
            &[],
        );
    }
}

#[test]
fn a_number_that_could_be_a_time_is_one_by_its_name_only() {
    assert_lines(r#"{"bytes":1769860800,"v":1}"#, &[r#"bytes = "bytes""#], &["time = {"]);
    assert_lines(
        r#"{"created":1769860700,"ts":1769860800,"v":1}"#,
        &[r#"time = { field = "ts", unit = "s" }"#],
        &[r#"created = ""#],
    );
    assert_lines(
        r#"{"created_at":"2026-01-31T12:00:00Z","v":1}"#,
        &[r#"time = { field = "created_at", unit = "rfc3339" }"#],
        &[],
    );
}

#[test]
fn the_first_of_several_times_that_is_there_counts() {
    assert_lines(
        "{\"at\":1769860800000,\"sent\":1769860801000,\"v\":1}\n{\"at\":null,\"sent\":1769860802000,\"v\":2}",
        &[r#"time = { field = ["at", "sent"], unit = "ms" }"#],
        &[],
    );
}

#[test]
fn what_names_the_sender_is_the_series_and_what_names_a_message_is_not() {
    assert_lines(
        r#"{"message_id":"x1","device":"d1","site":"s","type":"t","v":1}"#,
        &[r#"series = ["device", "site"]"#],
        &[r#"message_id""#],
    );
    assert_lines(
        r#"{"station":10384,"cpu":85}"#,
        &[r#"series = ["station"]"#, r#"cpu = "cpu""#],
        &[],
    );
    assert_lines(r#"{"v":1}"#, &[r#"v = "v""#], &["series = "]);
    assert_lines(
        "{\"tags\":{\"host\":\"a\",\"rack\":\"1a\"},\"v\":1}\n{\"tags\":{\"host\":\"a\"},\"v\":2}",
        &[
            r#"series = ["tags.host", "tags.rack"]"#,
            r#"series_defaults = { "tags.rack" = "none" }"#,
        ],
        &[],
    );
}

#[test]
fn what_kind_of_row_it_is_tells_readings_of_one_time_apart() {
    assert_lines(
        r#"[{"host":"a","at":1769860800,"type":"in","v":1},{"host":"a","at":1769860800,"type":"out","v":2}]"#,
        &[r#"series = ["host", "type"]"#],
        &[],
    );
}

#[test]
fn values_are_numbers_texts_truths_and_states() {
    assert_lines(
        r#"{"a":"21.5","b":true,"c":"ON","d":null,"e":[1,2],"version":3,"trade_id":9}"#,
        &[
            "text_numbers = true",
            "booleans = true",
            "states = { ON = 1, OFF = 0 }",
            r#"a = "a""#,
            r#"b = "b""#,
            r#"c = "c""#,
            r#"e_0 = "e.0""#,
            r#"e_1 = "e.1""#,
        ],
        &[r#"d = "d""#, r#"version = ""#, r#"trade_id = ""#],
    );
}

#[test]
fn what_stands_for_no_value_is_named() {
    assert_lines(
        "{\"v\":\"21.5\",\"w\":-9999}\n{\"v\":\"unavailable\",\"w\":5}",
        &[r#"null_values = ["unavailable", "-9999"]"#],
        &[],
    );
    assert_lines("{\"v\":-999}\n{\"v\":-1200}", &[r#"v = "v""#], &["null_values"]);
}

#[test]
fn records_without_metrics_are_skipped_by_what_tells_them_apart() {
    assert_lines(
        "{\"type\":\"reading\",\"v\":1}\n{\"type\":\"hello\"}\n{\"type\":\"reading\",\"v\":2}",
        &[r#"where = { type = "reading" }"#],
        &["on_bad"],
    );
    assert_lines("{\"v\":1}\n{\"hello\":\"x\"}", &["where = { v = { exists = true } }"], &[]);
}

#[test]
fn names_and_values_beside_each_other_are_metrics_by_name() {
    assert_lines(
        r#"[{"device":"d","n":"temp","u":"°C","v":21.5},{"device":"d","n":"hum","u":"%","v":40}]"#,
        &[
            r#"names = "n""#,
            r#"value = "v""#,
            r#"temp = "temp""#,
            r#"hum = "hum""#,
            r#"temp = "°C""#,
            r#"hum = "%""#,
        ],
        &[],
    );
    // Without anything else, a name is whose it is.
    assert_lines(r#"{"name":"kitchen","value":21.5}"#, &[r#"series = ["name"]"#], &["names = "]);
}

#[test]
fn the_list_of_which_most_is_taken_has_the_rows() {
    assert_lines(
        r#"{"device":"d","count":2,"data":{"readings":[{"t":1769860800,"v":1},{"t":1769860801,"v":2}]}}"#,
        &[
            r#"rows = "data.readings""#,
            r#"series = ["^.device"]"#,
            r#"time = { field = "t", unit = "s" }"#,
        ],
        &[],
    );
}

#[test]
fn tables_are_read_by_their_layout() {
    assert_lines(
        "Logger;;\nDatum;Zeit;Temp. [°C]\n31.01.2026;12:00;21,5\n31.01.2026;12:01; 22,5 \n",
        &[
            r#"format = "csv""#,
            "header = true",
            r#"delimiter = ";""#,
            "skip_lines = 1",
            "trim = true",
            "decimal_comma = true",
            r#"time = { field = "Zeit", date = "Datum", unit = "%d.%m.%Y %H:%M" }"#,
            r#""Temp." = "Temp. [°C]""#,
            r#""Temp." = "°C""#,
        ],
        &[],
    );
    assert_lines(
        "2026-01-31 12:00:00,press/7,1.5\n2026-01-31 12:00:01,press/8,1.6\n",
        &[r#"series = ["2"]"#, r#"column_3 = "3""#],
        &["header"],
    );
    assert_lines("a;b\n1,5;2\n2,5;3\n4,5;4\n", &[r#"delimiter = ";""#, r#"a = "a""#], &[]);
}

#[test]
fn bad_rows_are_left_out_where_others_are_good() {
    assert_lines(
        "host,v\na,1\nb,2,3\nc,3\n",
        &[r#"on_bad_value = "skip_value""#, r#"on_bad_row = "skip_row""#],
        &[],
    );
}

#[test]
fn what_is_unclear_is_said() {
    for (sample, expected) in [
        ("", "the sample is empty: give at least one record"),
        (" \n", "the sample is empty: give at least one record"),
        (
            "hello\n",
            "the records are neither JSON, CSV nor line protocol: the first line is 'hello'",
        ),
    ] {
        assert_eq!(proposed(sample).unwrap_err().to_string(), expected);
    }
    let error = proposed(r#"{"a":"b"}"#).unwrap_err().to_string();
    assert!(error.starts_with("nothing in the 1 records could be a metric"), "{error}");
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn compressed_values_are_looked_into() {
    let text = r#"{"id":"a","at":1769860800000,"v":1.5}"#;
    let plain = propose("s", &Sample::of_file(text.as_bytes(), 1).unwrap(), NOON_MS).unwrap();
    let record = |value: Vec<u8>| SampleRecord { value: Some(value), ..SampleRecord::default() };
    let of_topic =
        vec![record(gzip(text)), record(text.into()), record(b"\x1f\x8b\x08 damaged".into())];
    for (sample, accepted) in [
        (Sample::of_file(&gzip(text), 1), 1),
        (Sample::of_file(&zstd::encode_all(text.as_bytes(), 1).unwrap(), 1), 1),
        (Sample::of_records(of_topic), 2),
    ] {
        let Proposal { configuration, share, .. } =
            propose("s", &sample.unwrap(), NOON_MS).unwrap();
        assert_eq!(share.accepted, accepted, "{configuration}");
        assert!(configuration.contains("compression = \"auto\"\n"), "{configuration}");
        for line in plain.configuration.lines().filter(|line| line.starts_with(['t', 's', 'f'])) {
            assert!(configuration.contains(line), "'{line}' is not in\n{configuration}");
        }
    }
    let lines = "m,id=a v=1.5 1769860800000000000\nm,id=b v=2.5 1769860800000000000\n";
    let sample = Sample::of_file(&gzip(lines), 100).unwrap();
    assert!(sample.is_whole());
    assert_eq!(propose("s", &sample, NOON_MS).unwrap().share.readings, 2);
    // That begins as zlib does.
    let header = "x^2,y\n1,2\n3,4\n";
    assert!(propose("s", &Sample::of_file(header.as_bytes(), 100).unwrap(), NOON_MS).is_ok());
    let empty = Sample::of_file(&gzip(" "), 1).unwrap_err();
    assert_eq!(empty, Unclear::Empty);
    for several in
        [gzip("{\"v\":1}\n{\"v\":2}\n"), gzip(&"x".repeat(2 << 20)), b"\x1f\x8b\x08\x00\xff".into()]
    {
        let error = Sample::of_file(&several, 1).unwrap_err();
        assert_eq!(error, Unclear::Compressed);
    }
}

#[test]
fn binary_records_are_told_by_their_bytes() {
    let message_pack =
        b"\x83\xa2id\xa1a\xa2at\xd6\xff\x69\x7d\xee\xc0\xa1v\xcb\x3f\xf8\0\0\0\0\0\0";
    let cbor = b"\xbf\x62id\x61a\x62at\xc1\x1a\x69\x7d\xee\xc0\x61v\x20\xff";
    for (bytes, format, about) in [
        (&message_pack[..], "msgpack", "v = \"v\" # in 1 of 1 rows: 1.5"),
        (&cbor[..], "cbor", "v = \"v\" # in 1 of 1 rows: -1"),
    ] {
        let sample = Sample::of_file(bytes, 1).unwrap();
        let Proposal { configuration, share, .. } = propose("s", &sample, NOON_MS).unwrap();
        assert_eq!((share.accepted, share.readings), (1, 1), "{configuration}");
        for line in [
            &*format!("format = \"{format}\""),
            "series = [\"id\"]",
            "time = { field = \"at\", unit = \"rfc3339\" }",
            about,
        ] {
            assert!(
                configuration.lines().any(|l| l == line),
                "'{line}' is not in\n{configuration}"
            );
        }
    }
    // What ASCII begins with is a small number to both, and no map.
    for text in ["{\"v\":1}", "m v=1", "1,2\n3,4"] {
        assert!(!matches!(
            Sample::of_file(text.as_bytes(), 1).unwrap().content(),
            super::Content::Binary(..)
        ));
    }
}

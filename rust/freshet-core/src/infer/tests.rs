//! Guesses one by one: a sample, and lines that have to be in the proposal, or must not.

use super::{Proposal, Sample, Unclear, propose};

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
fn times_are_found_by_their_names_and_their_range() {
    for (written, unit) in [
        ("1769860800", "s"),
        ("1769860800.25", "s"),
        ("1769860800123", "ms"),
        ("1769860800123456", "us"),
        ("1769860800123456789", "ns"),
        ("20260131115900", "%Y%m%d%H%M%S"),
        ("\"2026-01-31T12:00:00Z\"", "rfc3339"),
        ("\"2026-01-31T13:00:00+01:00\"", "rfc3339"),
        ("\"2026-01-31T12:00:00\"", "%Y-%m-%dT%H:%M:%S%.f"),
        ("\"2026-01-31 12:00\"", "%Y-%m-%d %H:%M"),
        ("\"31.01.2026 12:00:00\"", "%d.%m.%Y %H:%M:%S%.f"),
        ("\"01/31/2026 12:00:00\"", "%m/%d/%Y %H:%M:%S%.f"),
        ("\"Jan 31 11:59:58\"", "%b %e %H:%M:%S"),
        ("\"31/Jan/2026:12:00:00 +0000\"", "%d/%b/%Y:%H:%M:%S %z"),
    ] {
        let sample = format!("{{\"host\":\"a\",\"timestamp\":{written},\"v\":1}}");
        assert_lines(
            &sample,
            &[&format!("time = {{ field = \"timestamp\", unit = \"{unit}\" }}")],
            &[],
        );
    }
}

#[test]
fn a_number_that_could_be_a_time_is_one_by_its_name_only() {
    assert_lines("{\"bytes\":1769860800,\"v\":1}", &["bytes = \"bytes\""], &["time = {"]);
    assert_lines(
        "{\"created\":1769860700,\"ts\":1769860800,\"v\":1}",
        &["time = { field = \"ts\", unit = \"s\" }"],
        &["created = \""],
    );
    assert_lines(
        "{\"created_at\":\"2026-01-31T12:00:00Z\",\"v\":1}",
        &["time = { field = \"created_at\", unit = \"rfc3339\" }"],
        &[],
    );
}

#[test]
fn the_first_of_several_times_that_is_there_counts() {
    assert_lines(
        "{\"at\":1769860800000,\"sent\":1769860801000,\"v\":1}\n{\"at\":null,\"sent\":1769860802000,\"v\":2}",
        &["time = { field = [\"at\", \"sent\"], unit = \"ms\" }"],
        &[],
    );
}

#[test]
fn what_names_the_sender_is_the_series_and_what_names_a_message_is_not() {
    assert_lines(
        "{\"message_id\":\"x1\",\"device\":\"d1\",\"site\":\"s\",\"type\":\"t\",\"v\":1}",
        &["series = [\"device\", \"site\"]"],
        &["message_id\""],
    );
    assert_lines(
        "{\"station\":10384,\"cpu\":85}",
        &["series = [\"station\"]", "cpu = \"cpu\""],
        &[],
    );
    assert_lines("{\"v\":1}", &["v = \"v\""], &["series = "]);
    assert_lines(
        "{\"tags\":{\"host\":\"a\",\"rack\":\"1a\"},\"v\":1}\n{\"tags\":{\"host\":\"a\"},\"v\":2}",
        &[
            "series = [\"tags.host\", \"tags.rack\"]",
            "series_defaults = { \"tags.rack\" = \"none\" }",
        ],
        &[],
    );
}

#[test]
fn what_kind_of_row_it_is_tells_readings_of_one_time_apart() {
    assert_lines(
        "[{\"host\":\"a\",\"ts\":1769860800,\"type\":\"in\",\"rate\":1},{\"host\":\"a\",\"ts\":1769860800,\"type\":\"out\",\"rate\":2}]",
        &["series = [\"host\", \"type\"]"],
        &[],
    );
}

#[test]
fn values_are_numbers_texts_truths_and_states() {
    assert_lines(
        "{\"a\":\"21.5\",\"b\":true,\"c\":\"ON\",\"d\":null,\"e\":[1,2],\"version\":3,\"trade_id\":9}",
        &[
            "text_numbers = true",
            "booleans = true",
            "states = { ON = 1, OFF = 0 }",
            "a = \"a\"",
            "b = \"b\"",
            "c = \"c\"",
            "e_0 = \"e.0\"",
            "e_1 = \"e.1\"",
        ],
        &["d = \"d\"", "version = \"", "trade_id = \""],
    );
}

#[test]
fn what_stands_for_no_value_is_named() {
    assert_lines(
        "{\"v\":\"21.5\",\"w\":-9999}\n{\"v\":\"unavailable\",\"w\":5}",
        &["null_values = [\"unavailable\", \"-9999\"]"],
        &[],
    );
    assert_lines("{\"v\":-999}\n{\"v\":-1200}", &["v = \"v\""], &["null_values"]);
}

#[test]
fn records_without_metrics_are_skipped_by_what_tells_them_apart() {
    assert_lines(
        "{\"type\":\"reading\",\"v\":1}\n{\"type\":\"hello\"}\n{\"type\":\"reading\",\"v\":2}",
        &["where = { type = \"reading\" }"],
        &["on_bad"],
    );
    assert_lines("{\"v\":1}\n{\"hello\":\"x\"}", &["where = { v = { exists = true } }"], &[]);
}

#[test]
fn names_and_values_beside_each_other_are_metrics_by_name() {
    assert_lines(
        "[{\"device\":\"d\",\"n\":\"temp\",\"u\":\"°C\",\"v\":21.5},{\"device\":\"d\",\"n\":\"hum\",\"u\":\"%\",\"v\":40}]",
        &[
            "names = \"n\"",
            "value = \"v\"",
            "temp = \"temp\"",
            "hum = \"hum\"",
            "temp = \"°C\"",
            "hum = \"%\"",
        ],
        &[],
    );
    // Without anything else, a name is whose it is.
    assert_lines("{\"name\":\"kitchen\",\"value\":21.5}", &["series = [\"name\"]"], &["names = "]);
}

#[test]
fn the_list_of_which_most_is_taken_has_the_rows() {
    assert_lines(
        "{\"device\":\"d\",\"count\":2,\"data\":{\"readings\":[{\"t\":1769860800,\"v\":1},{\"t\":1769860801,\"v\":2}]}}",
        &[
            "rows = \"data.readings\"",
            "series = [\"^.device\"]",
            "time = { field = \"t\", unit = \"s\" }",
        ],
        &[],
    );
}

#[test]
fn tables_are_read_by_their_layout() {
    assert_lines(
        "Logger;;\nDatum;Zeit;Temp. [°C]\n31.01.2026;12:00;21,5\n31.01.2026;12:01; 22,5 \n",
        &[
            "format = \"csv\"",
            "header = true",
            "delimiter = \";\"",
            "skip_lines = 1",
            "trim = true",
            "decimal_comma = true",
            "time = { field = \"Zeit\", date = \"Datum\", unit = \"%d.%m.%Y %H:%M\" }",
            "\"Temp.\" = \"Temp. [°C]\"",
            "\"Temp.\" = \"°C\"",
        ],
        &[],
    );
    assert_lines(
        "2026-01-31 12:00:00,press/7,1.5\n2026-01-31 12:00:01,press/8,1.6\n",
        &["series = [\"2\"]", "column_3 = \"3\""],
        &["header"],
    );
    assert_lines("a;b\n1,5;2\n2,5;3\n4,5;4\n", &["delimiter = \";\"", "a = \"a\""], &[]);
}

#[test]
fn bad_rows_are_left_out_where_others_are_good() {
    assert_lines(
        "host,v\na,1\nb,2,3\nc,3\n",
        &["on_bad_value = \"skip_value\"", "on_bad_row = \"skip_row\""],
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
    let error = proposed("{\"a\":\"b\"}").unwrap_err().to_string();
    assert!(error.starts_with("nothing in the 1 records could be a metric"), "{error}");
    let gzip = Sample::of_file(b"\x1f\x8b\x08\x00\xff", 1).unwrap_err().to_string();
    assert!(gzip.ends_with("it looks like gzip; compression = \"auto\" reads it"), "{gzip}");
}

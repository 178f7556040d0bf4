use std::path::Path as FilePath;

use super::*;
use crate::config::Config;

fn parser(stream: &str) -> RecordParser {
    let text = format!("[[stream]]\nname = \"s\"\nwindows = [\"10s\"]\n{stream}");
    let config = Config::parse(&text, FilePath::new("test.toml"), [].into()).unwrap();
    RecordParser::new(&config.streams[0])
}

const SENSORS: &str = r#"
series = ["site", "id"]
time = { field = "at", unit = "ms" }
values = { temp = "t", rss = "mem.rss", first = "list.0" }
"#;

type Parsed = Result<Vec<(String, usize, i64, f64)>, ReasonCode>;

fn parse(parser: &mut RecordParser, value: &[u8]) -> Parsed {
    parse_at(parser, Some(1_000_000), value)
}

fn parse_at(parser: &mut RecordParser, timestamp_ms: Option<i64>, value: &[u8]) -> Parsed {
    let record = RawRecord {
        key: Some(b"the key"),
        value: Some(value),
        timestamp_ms,
        ..RawRecord::default()
    };
    let mut readings = Readings::default();
    parser.parse(&record, &mut readings).map_err(|rejection| rejection.reason)?;
    Ok(readings.iter().map(|r| (r.series.to_owned(), r.metric, r.time_us, r.value)).collect())
}

fn reading(series: &str, metric: usize, value: f64) -> (String, usize, i64, f64) {
    (series.to_owned(), metric, 5_000, value)
}

#[test]
fn fields_are_found_wherever_they_stand() {
    let mut parser = parser(SENSORS);
    let cases = [
        (r#"{"site":"a","id":"x","at":5,"t":1.5}"#, vec![reading("a/x", 0, 1.5)]),
        (
            r#" {"t":-1, "x":{"t":9}, "at":5, "id":7, "site":true} "#,
            vec![reading("true/7", 0, -1.0)],
        ),
        (
            r#"{"site":"a/b","id":"50%","at":5,"t":1,"mem":{"free":[1,{"rss":8}],"rss":2},"list":[3,4]}"#,
            vec![
                reading("a%2Fb/50%25", 0, 1.0),
                reading("a%2Fb/50%25", 1, 2.0),
                reading("a%2Fb/50%25", 2, 3.0),
            ],
        ),
        // An escaped key is the same key.
        (r#"{"site":"a","id":"x","at":5,"\u0074":1}"#, vec![reading("a/x", 0, 1.0)]),
        // Of duplicate keys the last one counts, with all that is below it.
        (r#"{"site":"a","id":"x","at":5,"t":1,"t":2}"#, vec![reading("a/x", 0, 2.0)]),
        (
            r#"{"site":"a","id":"x","at":5,"t":1,"mem":{"rss":3},"mem":{}}"#,
            vec![reading("a/x", 0, 1.0)],
        ),
        // A null metric is no reading; the others count.
        (r#"{"site":"a","id":"x","at":5,"t":null,"mem":{"rss":3}}"#, vec![reading("a/x", 1, 3.0)]),
        (
            r#"{"site":"a","id":"x","at":5.0004,"t":18446744073709551615}"#,
            vec![reading("a/x", 0, 18_446_744_073_709_551_615.0)],
        ),
        (
            r#"{"site":"a","id":"x","at":5,"t":123456789012345678901234567890}"#,
            vec![reading("a/x", 0, 123_456_789_012_345_678_901_234_567_890.0)],
        ),
    ];
    for (record, expected) in cases {
        assert_eq!(parse(&mut parser, record.as_bytes()), Ok(expected), "{record}");
    }
}

#[test]
fn every_rejection_has_its_reason() {
    use ReasonCode::*;
    let mut parser = parser(SENSORS);
    let ok = r#""site":"a","id":"x","at":5,"t":1"#;
    let deep =
        |levels: usize| format!("{{{ok},\"d\":{}{}}}", "[".repeat(levels), "]".repeat(levels));
    let cases: Vec<(String, ReasonCode)> = vec![
        (String::new(), InvalidJson),
        ("nonsense".into(), InvalidJson),
        ("1".into(), InvalidJson),
        (format!("{{{ok}}} x"), InvalidJson),
        (format!("{{{ok}"), InvalidJson),
        (format!("{{{ok},}}"), InvalidJson),
        (format!("\u{feff}{{{ok}}}"), InvalidJson),
        (format!("{{{ok},\"x\":NaN}}"), InvalidJson),
        (format!("{{{ok},\"x\":01}}"), InvalidJson),
        (format!("{{{ok},\"x\":tru}}"), InvalidJson),
        (format!("{{{ok},\"x\":\"\\ud800\"}}"), InvalidJson),
        (format!("{{{ok},\"x\":\"\u{1}\"}}"), InvalidJson),
        (r#"{"id":"x","at":5,"t":1}"#.into(), MissingSeries),
        (r#"{"site":null,"id":"x","at":5,"t":1}"#.into(), MissingSeries),
        (r#"{"site":{},"id":"x","at":5,"t":1}"#.into(), MissingSeries),
        (r#"{"site":"a","id":"x","t":1}"#.into(), MissingTime),
        (r#"{"site":"a","id":"x","at":"5","t":1}"#.into(), InvalidTime),
        (r#"{"site":"a","id":"x","at":9e99,"t":1}"#.into(), InvalidTime),
        (r#"{"site":"a","id":"x","at":1300001,"t":1}"#.into(), InFuture),
        (r#"{"site":"a","id":"x","at":5}"#.into(), MissingValue),
        ("[]".into(), MissingValue),
        (r#"{"site":"a","id":"x","at":5,"t":"1"}"#.into(), InvalidValue),
        (r#"{"site":"a","id":"x","at":5,"t":[1]}"#.into(), InvalidValue),
        (r#"{"site":"a","id":"x","at":5,"t":-1.1e150}"#.into(), InvalidValue),
        (deep(MAX_DEPTH), TooDeep),
        (format!("{{{ok},\"x\":\"{}\"}}", "x".repeat(MAX_RECORD_BYTES)), TooLarge),
        (
            format!(
                "{{\"site\":\"{}\",\"id\":\"x\",\"at\":5,\"t\":1}}",
                "x".repeat(MAX_SERIES_BYTES)
            ),
            TooLarge,
        ),
    ];
    for (record, reason) in cases {
        let shown: String = record.chars().take(80).collect();
        assert_eq!(parse(&mut parser, record.as_bytes()), Err(reason), "{shown}");
    }
    assert_eq!(parse(&mut parser, b"{\"x\":\"\xff\"}"), Err(InvalidUtf8));
    assert!(parse(&mut parser, deep(MAX_DEPTH - 1).as_bytes()).is_ok());
}

#[test]
fn a_number_beyond_the_range_of_a_double_is_rejected() {
    let mut parser = parser(SENSORS);
    let found = parse(&mut parser, br#"{"site":"a","id":"x","at":5,"t":1e400}"#);
    assert!(matches!(found, Err(ReasonCode::InvalidValue | ReasonCode::InvalidJson)), "{found:?}");
}

#[test]
fn the_key_and_kafkas_time_serve_where_the_stream_names_none() {
    let mut parser = parser("values = { t = \"t\" }");
    let expected = vec![("the key".to_owned(), 0, 1_000_000_000, 2.0)];
    assert_eq!(parse(&mut parser, br#"{"t":2}"#), Ok(expected));

    let mut readings = Readings::default();
    for key in [None, Some(&b""[..])] {
        let record = RawRecord {
            key,
            value: Some(b"{\"t\":2}"),
            timestamp_ms: Some(0),
            ..RawRecord::default()
        };
        let rejection = parser.parse(&record, &mut readings).unwrap_err();
        assert_eq!(rejection.reason, ReasonCode::MissingSeries);
    }
    let record = RawRecord {
        key: Some(b"\xff"),
        value: Some(b"{\"t\":2}"),
        timestamp_ms: Some(0),
        ..RawRecord::default()
    };
    assert_eq!(parser.parse(&record, &mut readings).unwrap_err().reason, ReasonCode::InvalidUtf8);
}

#[test]
fn the_key_is_a_part_of_the_series_beside_fields_of_every_format() {
    let parse = |stream: &str, key: Option<&[u8]>, value: &str| {
        let record = RawRecord {
            key,
            value: Some(value.as_bytes()),
            timestamp_ms: Some(0),
            ..RawRecord::default()
        };
        let mut readings = Readings::default();
        parser(stream).parse(&record, &mut readings).map_err(|rejection| rejection.reason)?;
        Ok(readings.iter().map(|reading| reading.series.to_owned()).collect::<Vec<_>>().join(" "))
    };
    let json = "series = [\"$key\", \"id\"]\nvalues = { v = \"v\" }";
    let csv = "format = \"csv\"\nseries = [\"1\", \"$key\"]\nvalues = { v = \"2\" }";
    let influx =
        "format = \"influx\"\nseries = [\"tag.h\", \"$key\"]\nvalues = { v = \"field.v\" }";
    let rules = "series_defaults = { \"$key\" = \"None\" }\nseries_names = { k = \"other\" }";
    let by_rules = format!("{json}\n{rules}\nseries_lower_case = true");
    let only = "series = [\"$key\"]\nvalues = { v = \"v\" }";
    let row = r#"{"id":"A","v":1}"#;
    for (stream, key, value, expected) in [
        (json, Some(&b"K/1"[..]), row, Ok("K%2F1/A")),
        (json, Some(b""), row, Ok("/A")),
        (json, None, row, Err(ReasonCode::MissingSeries)),
        (json, Some(b"\xff"), row, Err(ReasonCode::InvalidUtf8)),
        (csv, Some(b"K"), "a,1\nb,2", Ok("a/K b/K")),
        (influx, Some(b"K"), "m,h=a v=1\nm,h=b v=2", Ok("a/K b/K")),
        (&by_rules, Some(b"K"), row, Ok("other/a")),
        (&by_rules, None, row, Ok("None/a")),
        (only, Some(b"K/1"), row, Ok("K%2F1")),
        (only, Some(b""), row, Err(ReasonCode::MissingSeries)),
    ] {
        assert_eq!(parse(stream, key, value), expected.map(str::to_owned), "{stream} {key:?}");
    }
}

#[test]
fn rules_for_parts_of_a_series_are_for_times_too() {
    let cbor = b"\xa2\x62id\xc1\x1a\x69\x7d\xee\xc0\x61v\x01";
    let plain = "format = \"cbor\"\nseries = [\"id\"]\nvalues = { v = \"v\" }";
    for (rules, expected) in
        [("", "2026-01-31T12:00:00Z"), ("series_lower_case = true", "2026-01-31t12:00:00z")]
    {
        let found = parse(&mut parser(&format!("{plain}\n{rules}")), cbor).unwrap();
        assert_eq!(found[0].0, expected);
    }
}

#[test]
fn a_senders_clock_that_is_ahead_cannot_move_time() {
    let mut parser = parser("values = { t = \"t\" }\nmax_future = \"1m\"");
    parser.set_now(1_000_000);
    let mut parse = |timestamp_ms| parse_at(&mut parser, Some(timestamp_ms), b"{\"t\":2}");
    assert!(parse(1_060_000).is_ok());
    assert_eq!(parse(1_060_001), Err(ReasonCode::InFuture));
}

#[test]
fn kafkas_time_out_of_range_is_no_event_time() {
    let mut parser = parser("values = { t = \"t\" }");
    let (first_ms, last_ms) = (-62_135_596_800_000, 253_402_300_799_999);
    for timestamp_ms in [first_ms, -2, last_ms] {
        let expected = vec![("the key".to_owned(), 0, timestamp_ms * 1_000, 2.0)];
        assert_eq!(parse_at(&mut parser, Some(timestamp_ms), b"{\"t\":2}"), Ok(expected));
    }
    // Cut to 64 bits, the microseconds of the third would be a time of the year 1970.
    for timestamp_ms in [first_ms - 1, last_ms + 1, 18_446_744_073_709_552, i64::MIN, i64::MAX] {
        let parsed = parse_at(&mut parser, Some(timestamp_ms), b"{\"t\":2}");
        assert_eq!(parsed, Err(ReasonCode::InvalidTime), "{timestamp_ms}");
    }
}

const FORMATS_WITHOUT_TIME: [(&str, &[u8]); 3] = [
    ("format = \"json\"\nvalues = { v = \"v\" }", b"{\"v\":2}"),
    ("format = \"csv\"\nvalues = { v = \"1\" }", b"2"),
    ("format = \"influx\"\nvalues = { v = \"field.v\" }", b"m v=2"),
];

const FORMATS_WITH_TIME: [(&str, &[u8]); 3] = [
    (
        "format = \"json\"\nvalues = { v = \"v\" }\ntime = { field = \"at\", unit = \"ms\" }",
        b"{\"v\":2,\"at\":5}",
    ),
    ("format = \"csv\"\nvalues = { v = \"1\" }\ntime = { field = \"2\", unit = \"ms\" }", b"2,5"),
    ("format = \"influx\"\nvalues = { v = \"field.v\" }\ntime = { unit = \"ms\" }", b"m v=2 5"),
];

#[test]
fn without_any_timestamp_the_time_is_missing() {
    for (stream, value) in FORMATS_WITHOUT_TIME {
        let mut parser = parser(stream);
        for none in [None, Some(-1)] {
            let parsed = parse_at(&mut parser, none, value);
            assert_eq!(parsed, Err(ReasonCode::MissingTime), "{stream}");
        }
        assert!(parse_at(&mut parser, Some(0), value).is_ok(), "{stream}");
    }
}

#[test]
fn without_kafkas_timestamp_an_event_is_not_compared_with_it() {
    for (stream, value) in FORMATS_WITH_TIME {
        let mut parser = parser(&format!("{stream}\nmax_future = \"1ms\""));
        assert_eq!(parse_at(&mut parser, Some(3), value), Err(ReasonCode::InFuture), "{stream}");
        for none in [None, Some(-1)] {
            let parsed = parse_at(&mut parser, none, value).unwrap();
            assert_eq!(parsed[0].2, 5_000, "{stream}");
        }
        // This machine's clock is still there.
        parser.set_now(3);
        assert_eq!(parse_at(&mut parser, None, value), Err(ReasonCode::InFuture), "{stream}");
    }
}

#[test]
fn one_record_leaves_nothing_for_the_next() {
    let mut parser = parser(SENSORS);
    assert!(parse(&mut parser, br#"{"site":"a","id":"x","at":5,"t":1}"#).is_ok());
    assert_eq!(parse(&mut parser, br#"{"site":"a","id":"x","t":1}"#), Err(ReasonCode::MissingTime));
    assert_eq!(parse(&mut parser, b"{"), Err(ReasonCode::InvalidJson));
    assert!(parse(&mut parser, br#"{"site":"a","id":"x","at":5,"t":1}"#).is_ok());
}

#[test]
fn details_name_the_field_and_quote_what_stands_there() {
    let mut parser = parser(SENSORS);
    let mut detail = |value: &str| {
        let record = RawRecord {
            key: None,
            value: Some(value.as_bytes()),
            timestamp_ms: Some(1_000_000),
            ..RawRecord::default()
        };
        parser.parse(&record, &mut Readings::default()).unwrap_err().detail
    };
    assert_eq!(detail(r#"{"site":"a"}"#), "'id' is missing");
    assert_eq!(
        detail(r#"{"site":"a","id":"x","at":"noon","t":1}"#),
        "'at' is the text \"noon\" and is not a time in 'ms'"
    );
    assert_eq!(
        detail(r#"{"site":"a","id":"x","at":"2026-01-31T12:00:00Z","t":1}"#),
        "'at' is the text \"2026-01-31T12:00:00Z\" and is not a time in 'ms'; it is written as unit = \"rfc3339\""
    );
    assert_eq!(
        detail(r#"{"site":"a","id":"x","at":5,"mem":{"rss":true}}"#),
        "'mem.rss' is true and is not a number up to 1e150"
    );
    assert_eq!(
        detail(r#"{"site":"a","id":"x","at":5}"#),
        "none of 't', 'mem.rss', 'list.0' is there"
    );
}

#[test]
fn a_time_without_a_zone_is_refused_with_what_to_write() {
    let mut parser = parser(
        "series = [\"id\"]\ntime = { field = \"at\", unit = \"rfc3339\" }\nvalues = { v = \"v\" }",
    );
    let mut detail = |at: &str| {
        let value = format!("{{\"id\":\"a\",\"at\":\"{at}\",\"v\":1}}");
        let record = RawRecord {
            key: None,
            value: Some(value.as_bytes()),
            timestamp_ms: None,
            ..RawRecord::default()
        };
        parser.parse(&record, &mut Readings::default()).unwrap_err().detail
    };
    for (at, pattern) in [
        ("2026-01-31T12:00:00", "%Y-%m-%dT%H:%M:%S%.f"),
        ("2026-01-31T12:00:00.1234567891", "%Y-%m-%dT%H:%M:%S%.f"),
        ("2026-01-31 12:00:00.5", "%Y-%m-%d %H:%M:%S%.f"),
        ("2026-01-31T12:00", "%Y-%m-%dT%H:%M"),
        ("20260131T120000", "%Y%m%dT%H%M%S"),
        ("2026-01-31", "%Y-%m-%d"),
        ("20260131", "%Y%m%d"),
    ] {
        let advice = format!("it has no zone; if it is UTC, write unit = \"{pattern}\"");
        let advice = format!("{advice}, else name its 'zone' as well");
        assert!(detail(at).ends_with(&advice), "{at}: {}", detail(at));
    }
    assert!(detail("soon").ends_with("is not a time in 'rfc3339'"));
}

#[test]
fn a_series_of_empty_parts_only_is_missing() {
    let mut parser = parser("series = [\"a\", \"b\"]\nvalues = { v = \"v\" }");
    let mut series = |a: &str, b: &str| {
        let value = format!("{{\"a\":\"{a}\",\"b\":\"{b}\",\"v\":1}}");
        parse(&mut parser, value.as_bytes()).map(|readings| readings[0].0.clone())
    };
    assert_eq!(series("", ""), Err(ReasonCode::MissingSeries));
    assert_eq!(series("x", ""), Ok("x/".to_owned()));
    assert_eq!(series("", "x"), Ok("/x".to_owned()));
    assert_eq!(series("/", ""), Ok("%2F/".to_owned()));
}

#[test]
fn names_are_taken_letter_for_letter() {
    let influx = |name: &str, line: &str| {
        let settings = format!(
            "format = \"influx\"\nseries = [\"tag.host\"]\nvalues = {{ v = 'field.{name}' }}"
        );
        parse(&mut parser(&settings), line.as_bytes()).map(|readings| readings[0].3)
    };
    assert_eq!(influx(r"a\b", r"m,host=x a\b=1,ab=2"), Ok(1.0));
    for name in ["Temp.", ".5h", "a..b", "Nr.", "."] {
        assert_eq!(influx(name, &format!("m,host=x {name}=1,other=2")), Ok(1.0), "{name}");
    }
    let csv = |name: &str| {
        let settings = format!(
            "format = \"csv\"\nheader = true\nseries = ['id']\nvalues = {{ v = '{name}' }}"
        );
        parse(&mut parser(&settings), format!("id,{name},ab\nx,1,2").as_bytes())
            .map(|readings| readings[0].3)
    };
    for name in [r"a\b", "Temp.", ".5h", "a..b", "a[0]", "$.v", "/v", "*"] {
        assert_eq!(csv(name), Ok(1.0), "{name}");
    }
    let json = |path: &str, key: &str| {
        let settings = format!("series = ['id']\nvalues = {{ v = '{path}' }}");
        let value = format!("{{\"id\":\"x\",\"{key}\":1,\"ab\":2}}");
        parse(&mut parser(&settings), value.as_bytes()).map(|readings| readings[0].3)
    };
    for (path, key) in [
        (r"a\\b", r"a\\b"),
        (r"Temp\.", "Temp."),
        (r"a\.\.b", "a..b"),
        (r"a\[0]", "a[0]"),
        (r"\$", "$"),
    ] {
        assert_eq!(json(path, key), Ok(1.0), "{path}");
    }
}

#[test]
fn a_payload_of_another_kind_is_said_to_be_one() {
    let mut parser = parser("values = { v = \"v\" }");
    let mut detail = |value: &[u8]| {
        let record = RawRecord {
            key: Some(b"k"),
            value: Some(value),
            timestamp_ms: Some(0),
            ..RawRecord::default()
        };
        parser.parse(&record, &mut Readings::default()).unwrap_err().detail
    };
    let found = detail(b"\0\0\0\0\x09{\"v\":1}");
    assert!(
        found.starts_with(
            "expected a JSON object at byte 1 of 12; it looks like a message of Confluent's"
        ),
        "{found}"
    );
    assert!(detail(b"\x1f\x8b\x08").contains("; it looks like gzip; "));
    // A value that is wrong in another way says nothing of the kind.
    assert_eq!(detail(b"{\"v\":true}"), "'v' is true and is not a number up to 1e150");
}

#[test]
fn a_number_that_cannot_be_read_is_refused_with_what_to_do() {
    let detail = |settings: &str, value: &str| {
        let record = RawRecord {
            key: Some(b"k"),
            value: Some(value.as_bytes()),
            timestamp_ms: None,
            ..RawRecord::default()
        };
        parser(settings).parse(&record, &mut Readings::default()).unwrap_err().detail
    };
    let json = "values = { v = \"v\" }\ntime = { field = \"at\", unit = \"ms\" }";
    let found = detail(json, r#"{"at":1,"v":"21.5"}"#);
    assert!(
        found.ends_with("up to 1e150; text_numbers = true reads such texts as numbers"),
        "{found}"
    );
    let found = detail(json, r#"{"at":"1769860800123","v":1}"#);
    assert!(
        found.ends_with("not a time in 'ms'; text_numbers = true reads such texts as numbers"),
        "{found}"
    );
    let found = detail(json, r#"{"at":"2026-01-31T12:00:00","v":1}"#);
    assert!(found.contains("if it is UTC, write unit = \"%Y-%m-%dT%H:%M:%S%.f\""), "{found}");
    let rfc3339 = json.replace("\"ms\"", "\"rfc3339\"");
    let found = detail(&rfc3339, r#"{"at":1769860800,"v":1}"#);
    assert!(found.ends_with("it would be a time in unit = \"s\""), "{found}");
    let csv =
        "format = \"csv\"\ndelimiter = \";\"\nvalues = { v = \"1\" }\ntime = { field = \"2\" }";
    assert!(detail(csv, "1,5;1").contains("; a number has a decimal point, and no comma"));
    assert!(detail(csv, " 1;1").ends_with("; a space is no part of a number"));
}

#[test]
fn the_id_of_a_schema_before_a_document_is_passed_over() {
    let mut framed = parser("framing = \"confluent\"\nvalues = { v = \"v\" }");
    let read = |value: f64| Ok(vec![("the key".to_owned(), 0, 1_000_000_000, value)]);
    for (value, expected) in [
        (&b"\0\0\0\0\x07{\"v\":1.5}"[..], read(1.5)),
        (b"\0\xff\xff\xff\xff {\"v\":2}", read(2.0)),
        (b"{\"v\":1.5}", Err(ReasonCode::InvalidFraming)),
        (b"\0\0\0\0", Err(ReasonCode::InvalidFraming)),
        (b"", Err(ReasonCode::InvalidFraming)),
        (b"\0\0\0\0\x07", Err(ReasonCode::InvalidJson)),
        (b"\0\0\0\0\x07\0\0\0\0\x07{\"v\":1.5}", Err(ReasonCode::InvalidJson)),
    ] {
        assert_eq!(parse(&mut framed, value), expected, "{value:?}");
    }
}

#[test]
fn a_bad_row_stands_where_it_is_in_the_value() {
    let mut parser =
        parser("framing = \"confluent\"\non_bad_row = \"skip_row\"\nvalues = { v = \"v\" }");
    let value = b"\0\0\0\0\x07[{\"v\":1},{\"v\":\"x\"}]";
    let record = RawRecord {
        key: Some(b"k"),
        value: Some(value),
        timestamp_ms: Some(0),
        ..RawRecord::default()
    };
    let mut readings = Readings::default();
    parser.parse(&record, &mut readings).unwrap();
    let [row] = readings.left_out().rows.as_slice() else { panic!("one row is bad") };
    assert_eq!(parser.bad_row(&record, row), b"{\"v\":\"x\"}");
}

#[test]
fn a_payload_of_a_schema_registry_is_told_the_key_that_reads_it() {
    let value = b"\0\0\0\0\x07\x02a";
    for (settings, is_told) in [
        ("values = { v = \"v\" }", true),
        ("framing = \"confluent\"\nvalues = { v = \"v\" }", false),
    ] {
        let record = RawRecord {
            key: Some(b"k"),
            value: Some(value),
            timestamp_ms: Some(0),
            ..RawRecord::default()
        };
        let rejection = parser(settings).parse(&record, &mut Readings::default()).unwrap_err();
        let found = rejection.detail.contains("framing = \"confluent\" reads it");
        assert_eq!(found, is_told, "{rejection:?}");
    }
}

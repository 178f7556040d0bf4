use serde_json::{Value as Json, json};

use super::*;
use crate::aggregate::{Window, WindowStats};

/// A message as the first version wrote it: fields that came later are missing.
fn first_version() -> Json {
    json!({
        "stream": "host", "series": "laptop/cpu", "metric": "usage", "window": "10s",
        "start": 1_700_000_000_000_i64, "end": 1_700_000_010_000_i64, "count": 10, "sum": 100.0, "avg": 10.0,
        "min": 1.0, "max": 20.0, "stddev": 2.0, "p50": 10.0, "p95": 19.0, "p99": 20.0,
        "last_event": 1_700_000_009_000_i64, "generation": 0, "revision": 10, "emitted": 1_700_000_010_500_i64,
    })
}

fn with(field: &str, value: impl Into<Json>) -> Json {
    let mut message = first_version();
    message[field] = value.into();
    message
}

fn parse(message: &Json) -> Result<WindowMessage, InvalidWindowMessage> {
    WindowMessage::parse(message.to_string().as_bytes())
}

#[test]
fn what_is_written_is_read_field_for_field() {
    let mut stats = WindowStats::default();
    for (time, value) in [(3_000_000, 2.5), (9_999_999, -1.0), (1, 4.0)] {
        stats.add(time, value);
    }
    let window = Window { start_us: 0, end_us: 10_000_000, stats: &stats, is_partial: true };
    let names = ["host", "a|\"b\"", "temperature", "10s"];
    let version = WindowVersion::new(names, 7, 12_345_678, window);
    let (mut key, mut bytes) = (Vec::new(), Vec::new());
    write_key(&version, &mut key);
    write_message(&version, &mut bytes);
    assert_eq!(String::from_utf8(key).unwrap(), "a|\"b\"|temperature|10s|0");
    let message = WindowMessage::parse(&bytes).unwrap();
    for field in FIELDS {
        // Messages have milliseconds.
        let written = match version.value(field) {
            Some(Value::Time(micros)) => Some(Value::Time(micros / 1_000 * 1_000)),
            other => other,
        };
        assert_eq!(message.value(index_of(field.name)), written.as_ref(), "{}", field.name);
    }
    let json: Json = serde_json::from_slice(&bytes).unwrap();
    assert_eq!(json["last_event"], 9_999);
    assert_eq!((json["emitted"].clone(), json["generation"].clone()), (json!(12_345), json!(7)));
    assert_eq!((json["revision"].clone(), json["partial"].clone()), (json!(3), json!(true)));
}

#[test]
fn a_message_of_the_first_version_is_read_and_what_came_later_is_unknown() {
    let message = parse(&first_version()).unwrap();
    for field in FIELDS.iter().filter(|field| field.since > crate::window_version::FIRST_VERSION) {
        let expected = (field.kind == Kind::Flag).then_some(Value::Flag(false));
        assert_eq!(message.value(index_of(field.name)), expected.as_ref(), "{}", field.name);
    }
    assert_eq!((message.series(), message.revision()), ("laptop/cpu", 10));
}

#[test]
fn a_message_of_a_later_version_is_read_without_what_is_not_known_here() {
    assert_eq!(parse(&with("mode", json!({"a": [1]}))).unwrap(), parse(&first_version()).unwrap());
}

#[test]
fn a_flag_that_is_missing_or_null_is_false() {
    for (said, expected) in [("null", false), ("false", false), ("true", true)] {
        let said: Json = serde_json::from_str(said).unwrap();
        let message = parse(&with("partial", said)).unwrap();
        assert_eq!(message.value(index_of("partial")), Some(&Value::Flag(expected)));
    }
    assert!(parse(&with("partial", "yes")).is_err());
}

#[test]
fn refuses_what_cannot_be_a_window() {
    for (name, value) in [
        ("end", json!(1_700_000_010_001_i64)),
        ("start", json!(i64::MIN)),
        ("window", json!("10")),
        ("count", json!(0)),
        ("count", json!(-1)),
        ("count", json!(null)),
        ("avg", json!(null)),
        ("avg", json!("10")),
        ("series", json!("")),
        ("generation", json!(1_u64 << 32)),
    ] {
        assert!(parse(&with(name, value.clone())).is_err(), "{name} {value}");
    }
    for field in FIELDS.iter().filter(|field| field.since == crate::window_version::FIRST_VERSION) {
        let mut message = first_version();
        message.as_object_mut().unwrap().remove(field.name);
        let error = parse(&message).unwrap_err().to_string();
        assert!(error.contains(&format!("missing field `{}`", field.name)), "{error}");
    }
    let twice = first_version().to_string().replacen('{', "{\"count\":10,", 1);
    assert!(WindowMessage::parse(twice.as_bytes()).is_err());
    assert!(WindowMessage::parse(b"{}").is_err());
    assert!(WindowMessage::parse(b"[]").is_err());
}

/// Windows of days last as long as the days of their zone.
#[test]
fn windows_are_where_their_kind_says() {
    let of = |window: &str, start: &str, end: &str| {
        let ms = |time: &str| time.parse::<jiff::Timestamp>().unwrap().as_millisecond();
        let mut message = with("window", window);
        (message["start"], message["end"]) = (ms(start).into(), ms(end).into());
        parse(&message).map_err(|error| error.to_string()).map(|_| ())
    };
    let berlin = "1d@Europe/Berlin";
    assert_eq!(of(berlin, "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z"), Ok(()));
    assert_eq!(of("7d@Mon", "2026-03-23T00:00:00Z", "2026-03-30T00:00:00Z"), Ok(()));
    // By another database of zones than this one it may be right.
    assert_eq!(of(berlin, "2026-03-28T22:00:00Z", "2026-03-29T22:00:00Z"), Ok(()));
    let long = of(berlin, "2026-03-28T23:00:00Z", "2026-03-31T22:00:00Z").unwrap_err();
    assert!(long.ends_with("is not 1d@Europe/Berlin long"), "{long}");
    let long = of("7d@Mon", "2026-03-23T00:00:00Z", "2026-03-30T01:00:00Z").unwrap_err();
    assert!(long.ends_with("is not 7d@Mon long"), "{long}");
    let early = of("7d@Mon", "2026-03-22T00:00:00Z", "2026-03-29T00:00:00Z").unwrap_err();
    assert!(early.ends_with("is not aligned to 7d@Mon"), "{early}");
}

#[test]
fn newer_versions_have_greater_write_timestamps() {
    let timestamp = |message: &Json| parse(message).unwrap().write_timestamp_micros();
    let (older, newer) = (first_version(), with("revision", 11));
    let mut corrected = with("revision", 1);
    corrected["generation"] = 1.into();
    assert!(timestamp(&older) < timestamp(&newer));
    assert!(timestamp(&newer) < timestamp(&corrected));
}

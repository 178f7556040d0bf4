//! Tables of filters and messages, and what comes of them.

use std::collections::BTreeMap;
use std::path::Path;

use super::*;
use crate::settings::parse;

const STREAM: &str = "[[stream]]\nname = \"s\"\nvalues = { v = \"v\" }\nwindows = [\"10s\"]\n";

fn configured(lines: &str) -> Result<Transform, String> {
    let text =
        format!("{STREAM}[[source]]\nname = \"test\"\nkind = \"stdin\"\nstream = \"s\"\n{lines}");
    let read = parse(&text, Path::new("freshet.toml"), BTreeMap::new());
    read.map(|mut loaded| loaded.source_settings.remove(0).transform)
        .map_err(|error| error.to_string())
}

fn message(payload: &str) -> Message {
    let topic = Some("home/kitchen".to_owned());
    Message { payload: payload.as_bytes().to_vec(), topic, ..Message::default() }
}

fn applied(lines: &str, payload: &str) -> Result<Vec<(Option<String>, String)>, String> {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let records =
        configured(lines).unwrap().apply(&message(payload)).map_err(|error| error.to_string())?;
    Ok(records.into_iter().map(|record| (record.key.map(text), text(record.payload))).collect())
}

/// Settings, a message, and key and value of each record.
type Case<'a> = (&'a str, &'a str, &'a [(Option<&'a str>, &'a str)]);

#[test]
fn a_message_becomes_zero_or_more_records() {
    let cases: [Case<'_>; 10] = [
        // Untouched, whatever it is.
        ("", "{ \"a\" :1.0 }", &[(None, "{ \"a\" :1.0 }")]),
        ("key = '.id'", "{ \"id\": \"k\" }", &[(Some("k"), "{ \"id\": \"k\" }")]),
        ("key = '.id'", "{\"id\":7}", &[(Some("7"), "{\"id\":7}")]),
        ("key = '.id'", "{\"id\":null}", &[(None, "{\"id\":null}")]),
        (
            "transform = '.[] | {v: .a}'",
            "[{\"a\":1},{\"a\":2}]",
            &[(None, "{\"v\":1}"), (None, "{\"v\":2}")],
        ),
        ("transform = 'select(.type != \"heartbeat\")'", "{\"type\":\"heartbeat\"}", &[]),
        ("transform = '\"m v=\\(.v) \\($source)\"'", "{\"v\":3}", &[(None, "m v=3 test")]),
        (
            "transform = '{topic: $topic, at: ($now > 1700000000000)}'\nkey = '.topic'",
            "{}",
            &[(Some("home/kitchen"), "{\"topic\":\"home/kitchen\",\"at\":true}")],
        ),
        (
            "transform_input = 'text'\ntransform = 'split(\",\") | {a: .[0]}'",
            "x,y",
            &[(None, "{\"a\":\"x\"}")],
        ),
        // Order of names, and numbers as they were written.
        (
            "transform = '.'",
            "{\"z\":1.10,\"a\":12345678901234567890}",
            &[(None, "{\"z\":1.10,\"a\":12345678901234567890}")],
        ),
    ];
    for (lines, payload, expected) in cases {
        let expected: Vec<_> = expected
            .iter()
            .map(|(key, text)| (key.map(str::to_owned), (*text).to_owned()))
            .collect();
        assert_eq!(applied(lines, payload).unwrap(), expected, "{lines}: {payload}");
    }
}

#[test]
fn a_message_on_which_a_filter_fails_is_named() {
    let cases = [
        (
            "transform = '.a + 1'",
            "{\"a\":\"x\"}",
            "transform: cannot calculate \"x\" + 1; the message: {\"a\":\"x\"}",
        ),
        ("transform = '.'", "{\"a\":", "transform: the message is not JSON: "),
        ("transform = '.'", "hello", "transform: the message is not JSON: "),
        ("key = 'error(\"no key\")'", "{}", "key: no key; the message: {}"),
        (
            "transform = '.a | fromjson'",
            "{\"a\":\"[1,]\"}",
            "transform: cannot parse as JSON: expected value at line 1 column 4; the message: {",
        ),
        (
            "transform = '[infinite]'",
            "{}",
            "transform: its output [Infinity] is not JSON: expected value at line 1 column 2; the message: {}",
        ),
        (
            "transform = 'range(20000)'",
            "{}",
            "transform: it makes more than 10000 records or 16 MiB of one message",
        ),
        (
            "transform = '\"x\" * 20000000'",
            "{}",
            "transform: it makes more than 10000 records or 16 MiB of one message",
        ),
    ];
    for (lines, payload, expected) in cases {
        let error = applied(lines, payload).unwrap_err();
        assert!(error.starts_with(expected), "{lines}: {error}");
    }
    let message = Message { payload: b"{\"a\":\"\xff\"}".to_vec(), ..Message::default() };
    let error = configured("transform = '.'").unwrap().apply(&message).unwrap_err();
    assert_eq!(error.to_string(), "transform: the message is not UTF-8, from byte 7 on");
}

#[test]
fn a_filter_that_does_not_compile_names_the_line_of_the_file() {
    let cases = [
        (
            "transform = '.a | lenght'",
            "freshet.toml:9: source.transform: column 6 of the filter: there is no function",
        ),
        (
            "transform = '''\n.a\n| lenght\n'''",
            "freshet.toml:11: source.transform: column 3 of the filter: ",
        ),
        (
            "transform = '''.a\n| lenght\n'''",
            "freshet.toml:10: source.transform: column 3 of the filter: ",
        ),
        (
            "key = '$id'",
            "freshet.toml:9: source.key: column 1 of the filter: there is no variable '$id'; there are: $source, \
             $topic, $now",
        ),
    ];
    for (lines, expected) in cases {
        let error = configured(lines).unwrap_err();
        assert!(error.starts_with(expected), "{error}");
    }
}

#[test]
fn a_message_that_is_nested_without_end_is_refused() {
    let deep = "[".repeat(500_000) + &"]".repeat(500_000);
    for (lines, payload) in [
        ("transform = '.'", deep.clone()),
        ("key = '\"a\"'", deep.clone()),
        ("transform = '.a | fromjson'", format!("{{\"a\":\"{deep}\"}}")),
        ("transform = '.a | tonumber'", format!("{{\"a\":\"{deep}\"}}")),
    ] {
        let error = applied(lines, &payload).unwrap_err();
        assert!(error.contains("nested deeper than 128 levels"), "{lines}");
        assert!(error.len() < 1_000, "{error}");
    }
}

#[test]
fn the_first_output_of_a_key_is_the_key() {
    let key = |filter: &str| {
        let records = applied(&format!("key = '{filter}'"), "{\"a\":[1,2]}").unwrap();
        records[0].0.clone()
    };
    assert_eq!(key("\"a\" | repeat(.)").as_deref(), Some("a"));
    assert_eq!(key(".a").as_deref(), Some("[1,2]"));
    for none in ["empty", "null", "\"\"", "null, \"a\""] {
        assert_eq!(key(none), None, "{none}");
    }
}

#[test]
fn an_output_that_is_a_text_is_sent_as_it_is() {
    let made = |filter: &str| {
        applied(&format!("transform = '{filter}'"), "{\"z\":1.0,\"a\":1e3}").unwrap()
    };
    assert_eq!(made("\"\", \"a\\nb\"").len(), 2);
    assert_eq!(made("\"a\\nb\"")[0].1, "a\nb");
    assert_eq!(made(".")[0].1, "{\"z\":1.0,\"a\":1e3}");
    assert_eq!(made("empty").len(), 0);
    assert_eq!(made("range(10000)").len(), 10_000);
}

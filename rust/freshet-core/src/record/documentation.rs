//! docs/records.md is a promise: every line of its tables is given to the parser here.

use std::collections::HashSet;
use std::path::Path as FilePath;

use jiff::Timestamp;

use super::*;
use crate::config::Config;
use crate::record_batch::encode_headers;

const DOCUMENT: &str = include_str!("../../../../docs/records.md");
const NOON: &str = "2026-01-31T12:00:00Z";

/// The cells of a table's line.
type Cells<'a> = Vec<&'a str>;

/// The lines of the tables that begin with this heading, each with the settings that stand above its table.
fn lines(heading: &str) -> Vec<(String, Cells<'static>)> {
    let (mut settings, mut in_settings, mut in_table) = (String::new(), false, false);
    let mut found = Vec::new();
    for line in DOCUMENT.lines() {
        match line {
            "```toml" => (settings, in_settings) = (String::new(), true),
            "```" => in_settings = false,
            _ if in_settings => settings.extend([line, "\n"]),
            _ if line.starts_with(heading) => in_table = true,
            _ if !line.starts_with('|') => in_table = false,
            _ if in_table && !line.starts_with("|--") => {
                found.push((settings.clone(), line.split('|').map(str::trim).skip(1).collect()));
            }
            _ => {}
        }
    }
    found
}

fn parser(settings: &str) -> RecordParser {
    let text = format!(
        "[schema_registry]\nurl = \"http://localhost\"\n[[stream]]\nname = \"s\"\nwindows = [\"10s\"]\n{settings}"
    );
    let config = Config::parse(&text, FilePath::new("records.md"), [].into()).unwrap();
    RecordParser::new(&config.streams[0])
}

/// What stands in a cell between its backticks, with the signs that the document explains.
fn bytes(cell: &str) -> Vec<u8> {
    let code = cell.strip_prefix('`').and_then(|cell| cell.strip_suffix('`')).expect(cell);
    let mut bytes = Vec::new();
    for (position, part) in code.split(['⟨', '⟩']).enumerate() {
        match part.split_once(" × ") {
            _ if position % 2 == 0 => bytes.extend(part.replace('↵', "\n").bytes()),
            Some((text, times)) => bytes.extend(text.repeat(times.parse().unwrap()).bytes()),
            None => bytes.extend(part.split(' ').map(|byte| u8::from_str_radix(byte, 16).unwrap())),
        }
    }
    bytes
}

fn text(cell: &str) -> String {
    String::from_utf8(bytes(cell)).unwrap()
}

fn noon_ms() -> i64 {
    NOON.parse::<Timestamp>().unwrap().as_millisecond()
}

fn parse(parser: &mut RecordParser, value: Option<&[u8]>) -> Result<(Readings, Parsed), Rejection> {
    let headers: [(&str, Option<&[u8]>); 4] =
        [("site", Some(b"first")), ("site", Some(b"last")), ("raw", Some(b"\xff")), ("none", None)];
    let headers = encode_headers(headers.into_iter());
    let record = RawRecord {
        key: Some(b"the key"),
        value,
        timestamp_ms: Some(noon_ms()),
        topic: Some(b"sensors.eu"),
        headers: Headers::new(&headers),
    };
    let mut readings = Readings::default();
    let mut parsed = parser.parse(&record, &mut readings)?;
    if let Parsed::NeedsSchema(id) = parsed {
        learn(parser, id);
        parsed = parser.parse(&record, &mut readings)?;
    }
    Ok((readings, parsed))
}

/// A schema of Avro, which is JSON, or of Protobuf.
fn schema(text: &str) -> RecordSchema {
    match text.parse() {
        Ok(schema) => RecordSchema::Avro(schema),
        Err(_) => RecordSchema::Protobuf(ProtobufSchema::of_source(text, &[]).unwrap()),
    }
}

/// Tells the parser what the documentation's registry knows.
fn learn(parser: &mut RecordParser, id: u32) {
    let lines = lines("| Id |");
    let known = lines.iter().find(|(_, cells)| text(cells[0]) == id.to_string());
    match known {
        Some((_, cells)) => parser.learn_schema(id, Ok(&schema(&text(cells[1])))),
        None => parser.learn_schema(id, Err("the schema registry does not know it")),
    }
}

#[test]
fn every_record_of_the_documentation_has_its_outcome() {
    let lines = lines("| Record |");
    for (settings, cells) in &lines {
        let (record, outcome) = (cells[0], cells[1]);
        let value = match record {
            "no value (a tombstone)" => None,
            "empty" => Some(Vec::new()),
            record => Some(bytes(record)),
        };
        let parsed = parse(&mut parser(settings), value.as_deref());
        match outcome {
            "skipped" => assert_eq!(parsed.unwrap().1, Parsed::Skipped, "{record}"),
            outcome => assert_outcome(parsed.map(|(readings, _)| readings), &text(outcome), record),
        }
    }
    assert!(lines.len() > 150, "{} lines were found", lines.len());
}

fn assert_outcome(parsed: Result<Readings, Rejection>, outcome: &str, record: &str) {
    let readings = match parsed {
        Ok(readings) => readings,
        Err(rejection) => {
            assert_eq!(rejection.reason.code(), outcome, "{record}: {}", rejection.detail);
            assert!(!rejection.detail.is_empty());
            return;
        }
    };
    let is_reason = ReasonCode::ALL.iter().any(|reason| reason.code() == outcome);
    assert!(!is_reason, "{record}: was not rejected as {outcome}");
    let mut rest = outcome;
    for reading in readings.iter() {
        rest = rest.strip_prefix(reading.series).expect(record).strip_prefix(": ").expect(record);
        let (expected, after) = rest.split_once(", ").unwrap_or((rest, ""));
        let (value, time) = expected.split_once(" at ").unwrap_or((expected, NOON));
        let value: f64 = value.parse().expect(record);
        assert_eq!(reading.value.to_bits(), value.to_bits(), "{record}");
        if expected.contains(" at ") {
            assert_eq!(reading.time_us, time.parse::<Timestamp>().unwrap().as_microsecond());
        }
        rest = after;
    }
    assert_eq!(rest, "", "{record}");
}

#[test]
fn every_time_of_the_documentation_is_read_like_that() {
    let lines = lines("| Unit |");
    for (_, cells) in &lines {
        let (unit, written, outcome) = (text(cells[0]), text(cells[1]), text(cells[2]));
        let settings =
            format!("time = {{ field = \"at\", unit = \"{unit}\" }}\nvalues = {{ v = \"v\" }}");
        let record = format!("{{\"at\":{written},\"v\":1}}");
        match parse(&mut parser(&settings), Some(record.as_bytes())) {
            Err(rejection) => assert_eq!(rejection.reason.code(), outcome, "{unit}: {written}"),
            Ok((readings, _)) => {
                let time_us = readings.iter().next().unwrap().time_us;
                let expected: Timestamp = outcome.parse().expect(&written);
                assert_eq!(time_us, expected.as_microsecond(), "{unit}: {written}");
            }
        }
    }
    assert!(lines.len() > 20, "{} lines were found", lines.len());
}

#[test]
fn every_reason_is_documented_and_those_of_the_parser_have_an_example() {
    let documented = |stage: &str| -> HashSet<String> {
        let of_stage = |(_, cells): &(String, Cells<'_>)| cells[1] == stage;
        lines("| Code |")
            .iter()
            .filter(|line| of_stage(line))
            .map(|(_, cells)| text(cells[0]))
            .collect()
    };
    let stages = ["parse", "transform", "send", "write"].map(documented);
    let all: HashSet<String> = stages.iter().flatten().cloned().collect();
    assert_eq!(all, ReasonCode::ALL.iter().map(|reason| reason.code().to_owned()).collect());

    let outcomes = lines("| Record |").into_iter().filter(|(_, cells)| cells[1] != "skipped");
    let records = outcomes.map(|(_, cells)| text(cells[1]));
    let times = lines("| Unit |").into_iter().map(|(_, cells)| text(cells[2]));
    let shown: HashSet<String> = records.chain(times).collect();
    assert_eq!(stages[0].difference(&shown).collect::<Vec<_>>(), Vec::<&String>::new());
}

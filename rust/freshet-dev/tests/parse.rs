//! `./freshet parse` as people call it, and as the documentation shows it.

// The helpers of tests may fail like the tests themselves; clippy.toml only knows functions marked as tests.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

const PROGRAM: &str = env!("CARGO_BIN_EXE_freshet-dev");

const CONFIGURATION: &str = r#"
[[stream]]
name = "sensors"
series = ["id"]
values = { v = "v" }
windows = ["10s"]

[[stream]]
name = "timed"
series = ["id"]
time = { field = "at", unit = "ms" }
values = { v = "v" }
windows = ["10s"]

[[stream]]
name = "keyed"
values = { v = "v" }
windows = ["10s"]

[[stream]]
name = "table"
format = "csv"
header = true
series = ["id"]
values = { v = "v" }
windows = ["10s"]
"#;

struct Place(TempDir);

impl Place {
    fn new(configuration: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("freshet.toml"), configuration).unwrap();
        Self(folder)
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.0.path().join(name), content).unwrap();
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(PROGRAM);
        command
            .arg("parse")
            .args(arguments)
            .current_dir(&self.0)
            .env("FRESHET_ROOT", self.0.path());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn parse(&self, arguments: &[&str], input: &[u8]) -> Output {
        run(&mut self.command(arguments), input)
    }

    /// The answers of a run that went well.
    fn answers(&self, arguments: &[&str], input: &[u8]) -> Vec<Value> {
        let output = self.parse(arguments, input);
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The error of a run that was refused.
    fn refused(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let output = self.parse(arguments, b"");
        assert_eq!(output.stdout, b"");
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    }
}

fn run(command: &mut Command, input: &[u8]) -> Output {
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    child.wait_with_output().unwrap()
}

/// The shell lines of a document that call `./freshet parse`, each with what it prints and the configuration above it.
fn examples(document: &str) -> Vec<(String, String, String)> {
    let (mut configuration, mut found) = (String::new(), Vec::new());
    for block in document.split("```").skip(1).step_by(2) {
        let (language, content) = block.split_once('\n').unwrap();
        match language {
            "toml" if content.contains("[[stream]]") => content.clone_into(&mut configuration),
            "console" => {
                let (line, printed) = content.split_once('\n').unwrap();
                let line = line.strip_prefix("$ ").unwrap().to_owned();
                found.push((configuration.clone(), line, printed.to_owned()));
            }
            _ => {}
        }
    }
    found
}

#[test]
fn the_examples_of_the_documentation_print_what_they_say() {
    let documents = [include_str!("../../../README.md"), include_str!("../../../docs/records.md")];
    for document in documents {
        let examples = examples(document);
        assert!(!examples.is_empty());
        for (configuration, line, printed) in examples {
            let place = Place::new(&configuration);
            let line = line.replace("./freshet", PROGRAM);
            let mut shell = Command::new("sh");
            shell.arg("-c").arg(&line).current_dir(&place.0).env("FRESHET_ROOT", place.0.path());
            let output = shell.output().unwrap();
            assert_eq!(String::from_utf8(output.stdout).unwrap(), printed, "{line}");
            assert!(output.status.success());
        }
    }
}

#[test]
fn every_line_is_a_record_and_the_last_answer_sums_up() {
    let place = Place::new(CONFIGURATION);
    let answers = place.answers(
        &["--stream", "sensors"],
        b"{\"id\":\"a\",\"v\":1}\r\n\n{\"id\":\"b\",\"v\":\"x\"}\n{\"id\":\"\xff\"}\n{\"id\":\"c\",\"v\":2}",
    );
    let outcomes: Vec<&str> = answers
        .iter()
        .map(|answer| answer["rejected"].as_str().or(answer["readings"][0]["series"].as_str()))
        .map(|outcome| outcome.unwrap_or("summary"))
        .collect();
    assert_eq!(outcomes, ["a", "invalid_json", "invalid_value", "invalid_utf8", "c", "summary"]);
    assert_eq!(
        answers[5],
        serde_json::json!({"summary": {"records": 5, "accepted": 2, "rejected": 3, "readings": 2,
            "by_reason": {"invalid_json": 1, "invalid_utf8": 1, "invalid_value": 1}}})
    );
}

#[test]
fn the_event_time_is_now_where_the_stream_names_none() {
    let place = Place::new(CONFIGURATION);
    let now = || i64::try_from(std::time::UNIX_EPOCH.elapsed().unwrap().as_millis()).unwrap();
    let before = now();
    let answers = place.answers(&["--stream", "keyed", "--key", "k/1"], b"{\"v\":1}\n");
    assert_eq!(answers[0]["readings"][0]["series"], "k/1");
    assert!((before..=now()).contains(&answers[0]["readings"][0]["time"].as_i64().unwrap()));
}

#[test]
fn the_records_have_the_timestamp_that_is_named() {
    let place = Place::new(CONFIGURATION);
    for timestamp in ["1769860800000", "2026-01-31T13:00:00+01:00"] {
        let arguments = ["--stream", "keyed", "--key", "k", "--timestamp", timestamp];
        let answers = place.answers(&arguments, b"{\"v\":1}\n");
        let reading = &answers[0]["readings"][0];
        assert_eq!(reading["time"], 1_769_860_800_000_i64);
        assert_eq!(reading["time_iso"], "2026-01-31T12:00:00Z");
    }
    // This machine's clock is compared with as well, as in the job.
    let ahead = ["--stream", "keyed", "--key", "k", "--timestamp", "2040-01-01T00:00:00Z"];
    assert_eq!(place.answers(&ahead, b"{\"v\":1}\n")[0]["rejected"], "in_future");
    let none = ["--stream", "keyed", "--key", "k", "--timestamp", "-1"];
    assert_eq!(place.answers(&none, b"{\"v\":1}\n")[0]["rejected"], "missing_time");
    let (code, error) = place.refused(&["--stream", "keyed", "--key", "k", "--timestamp", "noon"]);
    assert!(
        code == Some(2) && error.contains("'noon' is no time: write epoch milliseconds"),
        "{error}"
    );
}

/// Whatever the machine knows of a zone, a time is the same: the programs have their own database. `jiff` looks for the
/// machine's first, since the crate for filters wants it to.
#[test]
fn a_zone_is_the_same_on_every_machine() {
    let place = Place::new(
        "[[stream]]\nname = \"s\"\nseries = [\"id\"]\nvalues = { v = \"v\" }\nwindows = [\"10s\"]\n\
         time = { field = \"at\", unit = \"rfc3339\", zone = \"Europe/Berlin\" }\n",
    );
    // In the format of RFC 9636: one type of local time, nine hours ahead of UTC.
    let nine_hours = 32_400_i32.to_be_bytes();
    let wrong =
        [&b"TZif\0"[..], &[0; 34], &[1, 0, 0, 0, 4], &nine_hours, &[0, 0], b"JST\0"].concat();
    fs::create_dir(place.0.path().join("Europe")).unwrap();
    place.write("Europe/Berlin", &wrong);
    let record = b"{\"id\":\"a\",\"v\":1,\"at\":\"2026-01-31T12:00:00\"}\n";
    let mut command = place.command(&["--stream", "s"]);
    let output = run(command.env("TZDIR", place.0.path()), record);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("\"time_iso\":\"2026-01-31T11:00:00Z\""), "{text}");
}

#[test]
fn topic_and_headers_name_the_series_as_they_are_told() {
    let place = Place::new(
        "[[stream]]\nname = \"s\"\ntopics = [\"eu\", \"us\"]\nseries = [\"$topic\", \"$header.zone\", \
         \"$header.site\"]\nvalues = { v = \"v\" }\nwindows = [\"10s\"]\n[[stream]]\nname = \"t\"\n\
         series = [\"$topic\"]\nvalues = { v = \"v\" }\nwindows = [\"10s\"]\n[[source]]\nkind = \"http\"\n\
         stream = \"u\"\nurl = \"http://localhost\"\n[[stream]]\nname = \"u\"\n\
         series = [\"$header.freshet-source\", \"$topic\"]\nvalues = { v = \"v\" }\nwindows = [\"10s\"]\n",
    );
    let series = |arguments: &[&str]| {
        place.answers(arguments, b"{\"v\":1}\n")[0]["readings"][0]["series"].clone()
    };
    let headers = ["--header", "zone=x=y", "--header", "site=passed over", "--header", "site=z"];
    assert_eq!(series(&[&["--stream", "s", "--topic", "us"][..], &headers].concat()), "us/x=y/z");
    assert_eq!(series(&["--stream", "t"]), "raw.t");
    assert_eq!(series(&["--source", "http"]), "http/raw.u");
    let (code, error) =
        place.refused(&[&["--stream", "s", "--topic", "us"][..], &headers[2..]].concat());
    assert!(code == Some(2) && error.contains("say with --header zone=TEXT"), "{error}");
    let (code, error) = place.refused(&[&["--stream", "s"][..], &headers].concat());
    assert!(
        code == Some(2)
            && error.contains("say with --topic which of them the records are of, eu, us"),
        "{error}"
    );
    let (code, error) = place.refused(&["--stream", "s", "--header", "site"]);
    assert!(code == Some(2) && error.contains("'site' is no header: write NAME=VALUE"), "{error}");
}

#[test]
fn a_wrong_unit_is_told_when_most_of_the_sample_has_it() {
    let place = Place::new(CONFIGURATION);
    let told = |records: &str| {
        let output = place.parse(&["--stream", "timed"], records.as_bytes());
        String::from_utf8(output.stderr).unwrap()
    };
    let record = |at: &str| format!("{{\"id\":\"a\",\"at\":{at},\"v\":1}}\n");
    let (seconds, nanoseconds) = (record("1769860800"), record("1769860800000000000"));
    let right = record("1769860800000");
    assert_eq!(
        told(&[&*seconds, &*seconds, &*right].concat()),
        "note: 2 of 3 times lie before the year 2000; the first is 1970-01-21T11:37:40.8Z: is the unit right? \
         with unit = \"s\" the first would be 2026-01-31T12:00:00Z\n"
    );
    assert_eq!(told(&[&*seconds, &*right].concat()), "");
    // Times that are far ahead or out of range are rejected, and told just the same.
    let microseconds = record("1769860800000000");
    assert!(
        told(&microseconds)
            .ends_with("with unit = \"us\" the first would be 2026-01-31T12:00:00Z\n")
    );
    assert!(
        told(&nanoseconds).starts_with(
            "note: 1 of 1 times cannot be read: is the unit right? with unit = \"ns\""
        )
    );
    let far = record("32503680000000");
    assert!(told(&far).starts_with("note: 1 of 1 times are more than 5m ahead: is time = "));
    assert_eq!(told(&record("\"noon\"")), "");
    // One odd record does not hide the others.
    let mixed = told(&[&*record("\"noon\""), &*seconds, &*seconds, &*seconds].concat());
    assert!(
        mixed.starts_with("note: 3 of 4 times lie before the year 2000; the first is 1970-01-21T")
    );
    assert!(mixed.ends_with("with unit = \"s\" the first would be 2026-01-31T12:00:00Z\n"));
    assert!(told(&record("5")).contains("is time = { field = 'at', unit = \"ms\" } right?"));
}

#[test]
fn a_payload_of_another_kind_is_named() {
    let place = Place::new(CONFIGURATION);
    let answers =
        place.answers(&["--stream", "sensors", "--whole"], b"\0\0\0\0\x07{\"id\":\"a\",\"v\":1}");
    let detail = answers[0]["detail"].as_str().unwrap();
    assert!(detail.contains("it looks like a message of Confluent's schema registry"), "{detail}");
}

/// What a stream leaves out is told, and so is what an index leaves of a list.
#[test]
fn what_is_left_out_is_told() {
    let place = Place::new(
        "[[stream]]\nname = \"lenient\"\nwindows = [\"10s\"]\nseries = [\"id\"]\n\
         values = { v = \"v\", w = \"list.0.w\" }\nwhere = { foreign = { exists = false } }\n\
         on_bad_value = \"skip_value\"\non_bad_row = \"skip_row\"\n",
    );
    let sample = br#"{"foreign":1}
{"id":"a","v":1,"list":[{"w":"x"},{"w":2}]}
[{"id":"a","v":2},{"v":3}]
"#;
    let output = place.parse(&["--stream", "lenient"], sample);
    let text = String::from_utf8(output.stdout).unwrap();
    let answers: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(answers[0]["skipped"].is_string(), "{text}");
    assert_eq!(answers[1]["skipped_values"], serde_json::json!(["w"]));
    let row = &answers[2]["rejected_rows"][0];
    assert_eq!((&row["rejected"], &row["row"]), (&"missing_series".into(), &r#"{"v":3}"#.into()));
    let summary = &answers[3]["summary"];
    let counts = ["records", "accepted", "rejected", "skipped"].map(|count| &summary[count]);
    assert_eq!(counts, [3, 2, 0, 1], "{summary}");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.contains("'list' has 2 items, of which the metrics take 1 by index"), "{told}");
}

#[test]
fn a_whole_file_is_one_record() {
    let place = Place::new(CONFIGURATION);
    place.write("one.csv", "id,v\na,1\n\"b\nc\",2\n");
    place.write("two.csv", "id,v\nd,x\n");
    place.write("large.csv", "x".repeat(2 << 20));
    let files = ["one.csv", "two.csv", "large.csv"];
    let answers = place.answers(&[&["--stream", "table", "--whole"], &files[..]].concat(), b"");
    assert_eq!(answers.len(), 4);
    assert_eq!(answers[0]["readings"][1]["series"], "b\nc");
    assert_eq!(answers[1]["rejected"], "invalid_value");
    assert_eq!(answers[2]["rejected"], "too_large");
    let input = place.answers(&["--stream", "table", "--whole"], b"id,v\na,1\n");
    assert_eq!(input[1]["summary"]["accepted"], 1);

    let hint = place.parse(&["--stream", "table"], b"");
    assert!(
        String::from_utf8_lossy(&hint.stderr).contains("--whole takes each FILE as one record")
    );
}

#[test]
fn what_cannot_be_done_is_refused_with_the_way_out() {
    let place = Place::new(CONFIGURATION);
    let (code, error) = place.refused(&["--stream", "sensor"]);
    let expected = "error: freshet.toml: stream: there is no stream 'sensor'; there are: sensors, timed, keyed, \
                    table\n";
    assert_eq!((code, error.as_str()), (Some(2), expected));

    let (code, error) = place.refused(&["--stream", "keyed"]);
    assert!(code == Some(2) && error.contains("say with --key TEXT"), "{error}");

    let (code, error) = place.refused(&["--stream", "sensors", "-c", "other.toml"]);
    assert!(code == Some(2) && error.starts_with("error: other.toml: cannot read"), "{error}");

    let (code, error) = place.refused(&["--stream", "sensors", "nowhere.jsonl"]);
    assert!(code == Some(1) && error.starts_with("error: cannot read nowhere.jsonl: "), "{error}");

    assert_eq!(place.refused(&[]).0, Some(2));
}

#[test]
fn each_answer_comes_before_the_next_record_is_sent() {
    let place = Place::new(CONFIGURATION);
    let mut child = place.command(&["--stream", "sensors"]).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let mut answers = BufReader::new(child.stdout.take().unwrap()).lines();
    for value in 0..3 {
        writeln!(input, "{{\"id\":\"a\",\"v\":{value}}}").unwrap();
        let answer: Value = serde_json::from_str(&answers.next().unwrap().unwrap()).unwrap();
        assert_eq!(answer["readings"][0]["value"], f64::from(value));
    }
    drop(input);
    assert!(answers.next().unwrap().unwrap().contains("\"records\":3"));
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_reader_that_goes_away_ends_it_quietly() {
    let place = Place::new(CONFIGURATION);
    place.write("many.jsonl", "{\"id\":\"a\",\"v\":1}\n".repeat(100_000));
    let mut child = place.command(&["--stream", "sensors", "many.jsonl"]).spawn().unwrap();
    drop(child.stdin.take());
    let mut answers = BufReader::new(child.stdout.take().unwrap());
    answers.read_line(&mut String::new()).unwrap();
    drop(answers);
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr), (Some(0), Vec::new()));
}

const SOURCES: &str = r#"
[[source]]
name = "feed"
kind = "stdin"
stream = "sensors"
transform = '''
.items[]
| select(.type != "heartbeat")
| {id: "\($topic // $source)/\(.n)", v: .v}
'''
key = ".id"

[[source]]
name = "plain"
kind = "stdin"
stream = "keyed"
"#;

#[test]
fn a_sample_goes_through_the_filters_of_a_source_and_the_mapping_of_its_stream() {
    let place = Place::new(&format!("{CONFIGURATION}{SOURCES}"));
    let input = concat!(
        r#"{"items":[{"n":1,"v":1.50},{"n":2,"v":"x"}]}"#,
        "\n",
        r#"{"items":[{"type":"heartbeat"}]}"#,
        "\n",
        r#"{"items":7}"#,
        "\nhello\n"
    );
    let answers = place.answers(&["--source", "feed"], input.as_bytes());
    assert_eq!(answers[0]["message"], "line 1");
    assert_eq!(answers[0]["key"], "feed/1");
    assert_eq!(answers[0]["record"], r#"{"id":"feed/1","v":1.50}"#);
    assert_eq!(answers[0]["readings"][0]["series"], "feed%2F1");
    assert_eq!(answers[0]["readings"][0]["value"], 1.5);
    assert_eq!(answers[1]["message"], "line 1");
    assert_eq!(answers[1]["record"], r#"{"id":"feed/2","v":"x"}"#);
    assert_eq!(answers[1]["rejected"], "invalid_value");
    let dropped =
        serde_json::json!({"message": "line 2", "dropped": "the transform makes no record of it"});
    assert_eq!(answers[2], dropped);
    for (answer, line, detail) in [
        (&answers[3], "line 3", "transform: cannot "),
        (&answers[4], "line 4", "transform: the message is not JSON: "),
    ] {
        assert_eq!(answer["message"], line);
        assert_eq!(answer["rejected"], "transform_failed");
        assert!(answer["detail"].as_str().unwrap().starts_with(detail), "{answer}");
    }
    assert_eq!(
        answers[5],
        serde_json::json!({"summary": {"messages": 4, "dropped": 1, "records": 2, "accepted": 1, "rejected": 3,
            "readings": 1, "by_reason": {"invalid_value": 1, "transform_failed": 2}}})
    );
}

#[test]
fn lines_that_are_no_messages_of_a_source_are_passed_over() {
    let source = "\n[[source]]\nname = \"header\"\nkind = \"file\"\npath = \"readings.csv\"\nskip_lines = 1\n\
                  stream = \"keyed\"\n";
    let place = Place::new(&format!("{CONFIGURATION}{source}"));
    let answers = place.answers(&["--source", "header", "--key", "k"], b"v\n\n{\"v\": 1}\n");
    assert_eq!(answers[0]["message"], "line 3");
    assert_eq!(answers[1]["summary"]["messages"], 1);
}

#[test]
fn a_source_without_filters_and_a_topic_are_tried_as_well() {
    let place = Place::new(&format!("{CONFIGURATION}{SOURCES}"));
    let answers = place.answers(&["--source", "plain", "--key", "k"], b"{\"v\": 1 }\n");
    assert_eq!(answers[0]["key"], "k");
    assert_eq!(answers[0]["record"], "{\"v\": 1 }");
    let unkeyed = place.answers(&["--source", "plain"], b"{\"v\":1}\n");
    assert_eq!(unkeyed[0]["rejected"], "missing_series");

    place.write("a.json", "{\"items\":\n[{\"n\":1,\"v\":1}]}");
    place.write("b.json", "{");
    let files = ["--source", "feed", "--topic", "hall", "--whole", "a.json", "b.json"];
    let answers = place.answers(&files, b"");
    assert_eq!(answers[0]["message"], "a.json whole");
    assert_eq!(answers[0]["key"], "hall/1");
    assert_eq!(answers[1]["message"], "b.json whole");
}

#[test]
fn a_source_that_cannot_be_tried_is_refused_with_the_way_out() {
    let place = Place::new(&format!("{CONFIGURATION}{SOURCES}"));
    let (code, error) = place.refused(&["--source", "fed"]);
    let expected =
        "error: freshet.toml: source: there is no source 'fed'; there are: feed, plain\n";
    assert_eq!((code, error.as_str()), (Some(2), expected));
    assert_eq!(place.refused(&["--source", "feed", "--stream", "sensors"]).0, Some(2));

    let wrong = SOURCES.replace("| select(", "| selekt(");
    let place = Place::new(&format!("{CONFIGURATION}{wrong}"));
    let (code, error) = place.refused(&["--source", "feed"]);
    let line =
        format!("{CONFIGURATION}{wrong}").lines().position(|line| line.contains("selekt")).unwrap()
            + 1;
    let expected =
        format!("error: freshet.toml:{line}: source.transform: column 3 of the filter: ");
    assert!(code == Some(2) && error.starts_with(&expected), "{error}");
    assert!(error.contains("did you mean 'select'?"), "{error}");
}

//! `./freshet infer` as people call it, and `./freshet parse` with what it proposes.

// The helpers of tests may fail like the tests themselves; clippy.toml only knows functions marked as tests.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

const PROGRAM: &str = env!("CARGO_BIN_EXE_freshet-dev");

fn run(folder: &Path, arguments: &[&str], input: &[u8]) -> Output {
    let mut command = Command::new(PROGRAM);
    command.args(arguments).current_dir(folder).env("FRESHET_ROOT", folder);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // What is refused does not read it.
    drop(child.stdin.take().unwrap().write_all(input));
    child.wait_with_output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// The last line of what `parse` answers with a proposal, on the sample that it is for.
fn summary(name: &str, sample: &str, options: &[&str]) -> Value {
    let folder = folder();
    fs::write(folder.path().join(name), sample).unwrap();
    let proposed = run(folder.path(), &["infer", name], b"");
    assert_eq!(proposed.status.code(), Some(0), "{}", text(&proposed.stderr));
    fs::write(folder.path().join("proposed.toml"), &proposed.stdout).unwrap();
    let stream = name.split('.').next().unwrap();
    let line =
        [&["parse", "-c", "proposed.toml", "--stream", stream][..], options, &[name]].concat();
    let parsed = run(folder.path(), &line, b"");
    assert_eq!(parsed.status.code(), Some(0), "{}", text(&parsed.stderr));
    let last = text(&parsed.stdout).lines().last().unwrap();
    serde_json::from_str::<Value>(last).unwrap()["summary"].take()
}

#[test]
fn a_proposal_is_a_file_that_parse_takes_as_it_is() {
    let lines = "{\"host\":\"a\",\"ts\":1769860800,\"load\":0.5}\n{\"host\":\"b\",\"ts\":1769860801,\"load\":0.75}\n";
    let json = summary("hosts.jsonl", lines, &[]);
    assert_eq!(json["accepted"], 2);
    assert_eq!(json["readings"], 2);
    let table = "time;station;temp\n2026-01-31 12:00:00;A;21,5\n2026-01-31 12:01:00;B;NA\n";
    let csv = summary("table.csv", table, &["--whole"]);
    assert_eq!(csv["accepted"], 1);
    assert_eq!(csv["readings"], 1);
    let protocol =
        "cpu,host=a usage=1.5 1769860800000000000\nmem,host=a free=3i 1769860800000000000\n";
    let lines = summary("lines.txt", protocol, &[]);
    assert_eq!(lines["accepted"], 2);
    assert_eq!(lines["readings"], 2);
    let keyed = summary("keyed.jsonl", "{\"v\":1}\n{\"v\":2}\n", &["--key", "k"]);
    assert_eq!(keyed["accepted"], 2);
}

#[test]
fn standard_output_has_the_file_and_nothing_else() {
    let folder = folder();
    let output = run(
        folder.path(),
        &["infer", "--name", "x", "-"],
        b"{\"v\":1,\"at\":\"2026-01-31 12:00\"}",
    );
    assert_eq!(output.status.code(), Some(0));
    let said = text(&output.stdout);
    assert!(
        said.starts_with("# Proposed by `./freshet infer`. This mapping takes 1 of 1 records"),
        "{said}"
    );
    assert!(said.contains("[[stream]]\nname = \"x\"\n"), "{said}");
    let told = text(&output.stderr);
    assert!(told.contains("the proposal takes 1 of 1 records (100 %), 1 reading"), "{told}");
    assert!(told.contains("note: the times have no zone"), "{told}");
    assert!(told.contains("note: no field says whose the readings are"), "{told}");
}

#[test]
fn what_cannot_be_proposed_is_said_with_an_exit_code() {
    let folder = folder();
    for (arguments, input, code, error) in [
        (&["infer", "-"][..], "", 1, "error: the sample is empty: give at least one record"),
        (
            &["infer", "-"],
            "hello\n",
            1,
            "error: the records are neither JSON, CSV nor line protocol: the first line is 'hello'",
        ),
        (
            &["infer", "-"],
            "{\"a\":\"b\"}",
            1,
            "error: nothing in the 1 records could be a metric: ",
        ),
        (&["infer", "missing.json"], "", 1, "error: cannot read missing.json: "),
        (&["infer", "--name", "a b", "-"], "{\"v\":1}", 2, "error: --name: "),
        (&["infer"], "", 2, "error: the following required arguments were not provided"),
        (
            &["infer", "x", "--topic", "y"],
            "",
            2,
            "error: the argument '[FILE]' cannot be used with '--topic <TOPIC>'",
        ),
        (&["infer", "--topic", "y", "-c", "none.toml"], "", 2, "error: none.toml: "),
    ] {
        let output = run(folder.path(), arguments, input.as_bytes());
        assert_eq!(output.stdout, b"", "{arguments:?}");
        let told = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {told}");
        assert!(told.starts_with(error), "{arguments:?}: {told}");
    }
}

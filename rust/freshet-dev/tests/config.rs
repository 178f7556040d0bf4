//! `./freshet config` as people call it.

// The helpers of tests may fail like the tests themselves; clippy.toml only knows functions marked as tests.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

const CONFIGURATION: &str = r#"[kafka]
partitions = 6

[[stream]]
name = "sensors"
values = { v = "v" }
windows = ["10s", "1m"]
lateness = "30s"
"#;

/// Long enough that nothing else has it.
const SECRET: &str = "correct-horse-battery-staple";

fn config(folder: &TempDir, arguments: &[&str]) -> Output {
    fs::write(folder.path().join("freshet.toml"), CONFIGURATION).unwrap();
    fs::write(folder.path().join("token"), SECRET).unwrap();
    Command::new(env!("CARGO_BIN_EXE_freshet-dev"))
        .arg("config")
        .args(arguments)
        .current_dir(folder.path())
        .env("FRESHET_CASSANDRA__KEYSPACE", "plant_7")
        .env("FRESHET_CASSANDRA__USERNAME", "freshet")
        .env("FRESHET_CASSANDRA__PASSWORD", SECRET)
        .env("FRESHET_DASHBOARD__TOKEN_FILE", "token")
        .output()
        .unwrap()
}

#[test]
fn each_value_says_where_it_came_from_and_secrets_are_hidden() {
    let folder = tempfile::tempdir().unwrap();
    let output = config(&folder, &["-c", "freshet.toml", "--json"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && !text.contains(SECRET), "{text}");
    let answer: Value = serde_json::from_str(&text).unwrap();
    let setting = |key: &str| {
        let settings = answer["settings"].as_array().unwrap();
        let found = settings.iter().find(|setting| setting["key"] == key).unwrap();
        (found["value"].to_string(), found["source"].as_str().unwrap().to_owned())
    };
    for (key, value, source) in [
        ("kafka.partitions", "6", "freshet.toml:2"),
        ("kafka.replication_factor", "1", "default"),
        ("cassandra.keyspace", "\"plant_7\"", "FRESHET_CASSANDRA__KEYSPACE"),
        ("cassandra.password", "\"***\"", "FRESHET_CASSANDRA__PASSWORD"),
        ("dashboard.token", "\"***\"", "the file that FRESHET_DASHBOARD__TOKEN_FILE names"),
        ("dashboard.port", "3000", "default"),
        ("stream[0].windows", "[\"10s\",\"1m\"]", "freshet.toml:7"),
        ("stream[0].lateness", "\"30s\"", "freshet.toml:8"),
        ("stream[0].max_future", "\"5m\"", "default"),
        ("stream[0].values", "{\"v\":\"v\"}", "freshet.toml:6"),
    ] {
        assert_eq!(setting(key), (value.to_owned(), source.to_owned()), "{key}");
    }
    let unset =
        |key: &str| answer["settings"].as_array().unwrap().iter().all(|one| one["key"] != key);
    assert!(unset("kafka.security.password"), "what has no value is not listed");
}

#[test]
fn people_get_a_line_for_each_key() {
    let folder = tempfile::tempdir().unwrap();
    let output = config(&folder, &["-c", "freshet.toml"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && !text.contains(SECRET), "{text}");
    let line = text.lines().find(|line| line.starts_with("kafka.partitions = 6 ")).unwrap();
    assert!(line.ends_with("  # freshet.toml:2"), "{line}");
}

#[test]
fn a_wrong_configuration_is_named_and_nothing_printed() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(
        folder.path().join("wrong.toml"),
        CONFIGURATION.replace("partitions = 6", "partitions = 0"),
    )
    .unwrap();
    let output = config(&folder, &["-c", "wrong.toml"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty());
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(
        error.contains("wrong.toml:2: kafka.partitions: 0 is not between 1 and 10000"),
        "{error}"
    );
}

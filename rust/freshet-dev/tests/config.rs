//! `./freshet config` as people call it.

// The helpers of tests may fail like the tests themselves; clippy.toml only knows functions marked as tests.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::fs;
use std::process::{Command, Output};

use serde_json::{Value, json};
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
        (found["value"].clone(), found["source"].clone())
    };
    let file = |line: usize| json!({ "kind": "file", "path": "freshet.toml", "line": line });
    let variable = |name: &str| json!({ "kind": "environment", "variable": name });
    let default = || json!({ "kind": "default" });
    let token = json!({
        "kind": "environment_file",
        "variable": "FRESHET_DASHBOARD__TOKEN_FILE",
        "path": "token",
    });
    for (key, value, source) in [
        ("kafka.partitions", json!(6), file(2)),
        ("kafka.replication_factor", json!(1), default()),
        ("cassandra.keyspace", json!("plant_7"), variable("FRESHET_CASSANDRA__KEYSPACE")),
        ("cassandra.password", json!("***"), variable("FRESHET_CASSANDRA__PASSWORD")),
        ("dashboard.token", json!("***"), token),
        ("dashboard.port", json!(3000), default()),
        ("stream[0].windows", json!(["10s", "1m"]), file(7)),
        ("stream[0].lateness", json!("30s"), file(8)),
        ("stream[0].max_future", json!("5m"), default()),
        ("stream[0].values", json!({ "v": "v" }), file(6)),
        ("stream[0].text_numbers", json!(false), default()),
    ] {
        assert_eq!(setting(key), (value, source), "{key}");
    }
    let unset =
        |key: &str| answer["settings"].as_array().unwrap().iter().all(|one| one["key"] != key);
    assert!(unset("kafka.security.password"), "what has no value is not listed");
    assert!(unset("stream[0].delimiter"), "what has no effect is not listed");
}

/// The help is where the command is documented.
#[test]
fn the_help_shows_each_kind_of_source() {
    let folder = tempfile::tempdir().unwrap();
    let help = String::from_utf8(config(&folder, &["--help"]).stdout).unwrap();
    let shown: Vec<Value> =
        help.lines().filter_map(|line| serde_json::from_str(line.trim()).ok()).collect();
    let json = config(&folder, &["-c", "freshet.toml", "--json"]).stdout;
    let answer: Value = serde_json::from_slice(&json).unwrap();
    let form = |source: &Value| -> Vec<String> {
        let fields = source.as_object().unwrap().keys().cloned();
        fields.chain([source["kind"].to_string()]).collect()
    };
    let documented: BTreeSet<_> = shown.iter().map(form).collect();
    let settings = answer["settings"].as_array().unwrap();
    let printed: BTreeSet<_> = settings.iter().map(|setting| form(&setting["source"])).collect();
    assert_eq!(printed.len(), 4);
    assert_eq!(documented, printed);
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

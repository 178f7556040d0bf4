//! What `./freshet up` says of a machine that it cannot run on: before anything is started.

// The helpers of tests may fail like the tests themselves; clippy.toml only knows functions marked as tests.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::fs;
use std::path::Path;
use std::process::Command;

const NOT_READY: i32 = 4;
/// A heap that no machine has room for.
const CONFIGURATION: &str = r#"
[dev]
spark_heap = "900000g"

[[stream]]
name = "host"
series = ["host"]
values = { usage = "usage" }
windows = ["10s"]
"#;

/// What is wrong with this machine, for a start with these arguments and without any program.
fn refusals(arguments: &[&str]) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("freshet.toml"), CONFIGURATION).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_freshet-dev"))
        .args(["up", "-c", "freshet.toml"])
        .args(arguments)
        .current_dir(folder.path())
        .env("FRESHET_ROOT", Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."))
        .env("FRESHET_HOME", folder.path().join("home"))
        .env("CARGO_TARGET_DIR", folder.path().join("target"))
        .env("PATH", folder.path())
        .env_remove("JAVA_HOME")
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(NOT_READY), "{said}");
    let logs = fs::read_dir(folder.path().join("home/logs")).unwrap();
    assert_eq!(logs.count(), 0, "something was started");
    said.lines().filter_map(|line| line.strip_prefix("FAIL  ")).map(str::to_owned).collect()
}

fn refusal<'a>(refusals: &'a [String], subject: &str) -> &'a str {
    let found = refusals.iter().find(|line| line.starts_with(&format!("{subject}: ")));
    found.unwrap_or_else(|| panic!("nothing is said of {subject}: {refusals:?}"))
}

#[test]
fn a_stack_of_three_nodes_that_has_no_room_is_refused_with_what_it_needs() {
    let refusals = refusals(&["--nodes", "3"]);
    let said = refusal(&refusals, "free memory");
    assert!(said.contains("have ") && said.contains("need 900006.0 GiB"), "{said}");
    assert!(said.contains("lower spark_heap in [dev]"), "{said}");
    assert!(said.contains("run one node (without --nodes 3)"), "{said}");
}

#[test]
fn where_prometheus_is_missing_it_is_said_how_to_get_it() {
    let refusals = refusals(&["--observability"]);
    let said = refusal(&refusals, "prometheus");
    assert!(said.contains("it was not found") && said.contains("apt-get install prometheus"));
    // Nobody needs it who has not asked for it.
    let without = self::refusals(&[]);
    assert!(!without.iter().any(|line| line.starts_with("prometheus")), "{without:?}");
}

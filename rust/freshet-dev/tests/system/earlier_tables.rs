//! A dashboard of the test's own beside the shared stack, on tables such as earlier versions of the writer have left
//! behind.

use std::fs::{self, File};
use std::process::{Child, Command, Stdio};

use freshet_core::window_version::{FIELDS, FIRST_VERSION, Field, Kind};
use freshet_dev::preflight::free_ports;
use libtest_mimic::Failed;
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::Outcome;
use crate::cassandra::Store;
use crate::lab::Use;
use crate::process::signal;
use crate::stack::{TestStack, project};
use crate::waiting::{LIMIT, ensure, until};

const START: i64 = 1_700_000_000_000;
/// A partition of windows of 10 s: whole days for ten thousand of them.
const BUCKET: i64 = 2 * 86_400_000;

/// The dashboard, which ends with this.
struct Dashboard {
    process: Child,
    address: String,
    _folder: TempDir,
}

impl Dashboard {
    fn start(stack: &TestStack, keyspace: &str) -> Result<Self, Failed> {
        let folder = tempfile::tempdir()?;
        let [port] = free_ports()?;
        let configuration = format!(
            r#"
[kafka]
bootstrap_servers = "{kafka}"
topic_prefix = "{keyspace}."

[cassandra]
contact_points = ["{cassandra}"]
keyspace = "{keyspace}"

[dashboard]
port = {port}

[[stream]]
name = "s"
values = {{ v = "v" }}
windows = ["10s"]
"#,
            kafka = stack.kafka(),
            cassandra = stack.cassandra(),
        );
        let file = folder.path().join("freshet.toml");
        fs::write(&file, configuration)?;
        let log = File::create(folder.path().join("dashboard.log"))?;
        let process = Command::new("node")
            .args(["dist/server/server.js", "-c"])
            .arg(&file)
            .current_dir(project().join("node-dashboard"))
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()?;
        Ok(Self { process, address: format!("http://127.0.0.1:{port}"), _folder: folder })
    }

    /// The windows of one series.
    fn windows(&self, series: &str) -> Result<Vec<Value>, Failed> {
        let request = ureq::get(format!("{}/api/windows", self.address))
            .query("stream", "s")
            .query("series", series)
            .query("metric", "v")
            .query("window", "10s")
            .query("from", START.to_string())
            .query("to", (START + 60_000).to_string());
        let answer: Value = request.call()?.body_mut().read_json()?;
        Ok(answer["windows"].as_array().ok_or("no windows")?.clone())
    }
}

impl Drop for Dashboard {
    fn drop(&mut self) {
        // Failures leave a process that is gone already.
        drop(signal(self.process.id(), Signal::SIGTERM));
        drop(self.process.wait());
    }
}

/// The dashboard reads a table of the first version, in which it takes what is missing for unknown, and notices the
/// columns that are added while it runs, and that they go again, without a restart.
pub(crate) fn are_read_and_their_changes_noticed() -> Outcome {
    let mut lab = Use::running()?;
    let stack = &lab.get().stack;
    let store = Store::connect(stack)?;
    store.execute(
        "CREATE KEYSPACE earlier WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}",
    )?;
    // The table of the first version, in its own words.
    store.execute(
        "CREATE TABLE earlier.windows (stream text, series text, metric text, \"window\" text, bucket timestamp, \
         start timestamp, \"end\" timestamp, count bigint, sum double, avg double, min double, max double, \
         stddev double, p50 double, p95 double, p99 double, last_event timestamp, revision bigint, \
         PRIMARY KEY ((stream, series, metric, \"window\", bucket), start)) WITH CLUSTERING ORDER BY (start DESC)",
    )?;
    insert(&store, "before", &[])?;
    let dashboard = Dashboard::start(stack, "earlier")?;
    shows(&dashboard, "before", &[])?;

    let later: Vec<&Field> = later().collect();
    ensure(!later.is_empty(), || "there is nothing to add".to_owned())?;
    for field in &later {
        let (cql_type, ..) = column(field);
        store.execute(&format!("ALTER TABLE earlier.windows ADD \"{}\" {cql_type}", field.name))?;
    }
    insert(&store, "after", &later)?;
    shows(&dashboard, "after", &later)?;
    shows(&dashboard, "before", &[])?;

    for field in &later {
        store.execute(&format!("ALTER TABLE earlier.windows DROP \"{}\"", field.name))?;
    }
    shows(&dashboard, "after", &[])?;
    drop(dashboard);
    store.execute("DROP KEYSPACE earlier")
}

/// Type of a column, a value for it in CQL, and that value as the dashboard tells it.
fn column(field: &Field) -> (&'static str, &'static str, Value) {
    match field.kind {
        Kind::Text => ("text", "'a text'", json!("a text")),
        Kind::Time => ("timestamp", "1700000000007", json!(1_700_000_000_007_i64)),
        Kind::Count => ("bigint", "7", json!(7)),
        Kind::Number => ("double", "7.5", json!(7.5)),
        Kind::Flag => ("boolean", "true", json!(true)),
    }
}

/// Stores a window of a series, with values for these columns beside those of the first version.
fn insert(store: &Store, series: &str, later: &[&Field]) -> Outcome {
    let names: Vec<String> = later.iter().map(|field| format!(", \"{}\"", field.name)).collect();
    let values: Vec<String> = later.iter().map(|field| format!(", {}", column(field).1)).collect();
    let (names, values) = (names.concat(), values.concat());
    let end = START + 10_000;
    let written = end * 1_000 + 2;
    let bucket = START / BUCKET * BUCKET;
    store.execute(&format!(
        "INSERT INTO earlier.windows (stream, series, metric, \"window\", bucket, start, \"end\", count, sum, avg, \
         min, max, stddev, p50, p95, p99, last_event, revision{names}) VALUES ('s', '{series}', 'v', '10s', {bucket}, \
         {START}, {end}, 2, 3.0, 1.5, 1.0, 2.0, 0.5, 1.0, 2.0, 2.0, {START}, 2{values}) USING TIMESTAMP {written}"
    ))
}

/// Waits until the dashboard shows the window of a series, with values for these fields, and all other later ones
/// unknown.
fn shows(dashboard: &Dashboard, series: &str, known: &[&Field]) -> Outcome {
    until(LIMIT, || {
        let windows = dashboard.windows(series)?;
        let [window] = windows.as_slice() else {
            return Err(format!("{series} has {} windows", windows.len()).into());
        };
        let is_whole = window["count"] == 2 && window["p99"] == 2.0 && window["generation"] == 0;
        ensure(is_whole, || window.to_string())?;
        later().try_for_each(|field| {
            let is_known = known.iter().any(|other| other.name == field.name);
            let expected = if is_known { column(field).2 } else { Value::Null };
            // Only a flag is left out.
            let is_there = window.get(field.name).is_some() || field.kind == Kind::Flag;
            ensure(is_there && window[field.name] == expected, || {
                format!("{series}: {} is not {expected}: {window}", field.name)
            })
        })
    })
}

/// The fields that a table of the first version lacks.
fn later() -> impl Iterator<Item = &'static Field> {
    FIELDS.iter().filter(|field| field.since > FIRST_VERSION && field.in_table)
}

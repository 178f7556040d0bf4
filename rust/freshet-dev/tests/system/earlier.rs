//! What an earlier version has left: its table and its messages, of which `spark-job/src/test/resources/earlier` has
//! some.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use freshet_core::window_version::{FIELDS, Field, Kind};
use libtest_mimic::Failed;
use scylla::value::{CqlTimestamp, CqlValue, Row};
use serde_json::Value;

use crate::Outcome;
use crate::lab::Use;
use crate::stack::project;
use crate::waiting::{LIMIT, ensure, until};
use crate::writer_lab::WriterLab;

const NAME: &str = "inherited";
/// What no version knows.
const UNKNOWN_FIELD: &str = "mode";
/// What a later version may tell.
const LATER_VALUE: f64 = 2.5;

/// A table of the earlier version with rows in it gets the columns that it lacks, which `--print-schema` has named; its
/// rows and messages stay what they were, and are null where they know nothing.
pub(crate) fn tables_and_messages_go_on() -> Outcome {
    let mut lab = Use::running()?;
    let lab = WriterLab::new(&lab.get().stack, NAME, "partitions = 1")?;
    lab.run(|lab| {
        let messages = messages()?;
        let replication = "{'class': 'SimpleStrategy', 'replication_factor': 1}";
        lab.cql(&format!("CREATE KEYSPACE {NAME} WITH replication = {replication}"))?;
        let table = fs::read_to_string(folder().join("windows.cql"))?;
        lab.cql(&table.replace("KEYSPACE", NAME))?;
        let (stored, sent) = messages.split_at(messages.len() / 2);
        for message in stored {
            lab.cql(&insert(message))?;
        }
        let printed = printed_schema(lab)?;
        for field in later_columns() {
            let statement = format!("ALTER TABLE {NAME}.windows ADD \"{}\" ", field.name);
            ensure(printed.contains(&statement), || format!("no '{statement}' in {printed}"))?;
        }
        ensure(printed.starts_with("CREATE KEYSPACE IF NOT EXISTS"), || printed.clone())?;

        lab.start()?;
        let bytes =
            |message: &Value| (message["start"].to_string(), message.to_string().into_bytes());
        lab.send(0, &sent.iter().map(bytes).collect::<Vec<_>>())?;
        until(LIMIT, || {
            let rows = rows(lab)?;
            ensure(rows.len() == messages.len(), || format!("{} rows are stored", rows.len()))
        })?;
        for message in &messages {
            compare(&rows(lab)?, message)?;
        }
        let printed = printed_schema(lab)?;
        ensure(printed.ends_with("-- The cluster has all of it.\n"), || printed.clone())?;

        // A newer version of a window that knows more, and then one of a job that knows less.
        let mut newer = sent[0].clone();
        newer["revision"] = 1_000.into();
        newer[UNKNOWN_FIELD] = serde_json::json!([1]);
        for field in later_columns() {
            newer[field.name] = LATER_VALUE.into();
        }
        let mut back = sent[0].clone();
        back["revision"] = 1_001.into();
        for version in [&newer, &back] {
            lab.send(0, &[bytes(version)])?;
            until(LIMIT, || compare(&rows(lab)?, version))?;
        }
        let letters = lab.letters()?.len();
        ensure(letters == 0, || format!("{letters} good windows were rejected"))
    })
}

fn folder() -> std::path::PathBuf {
    project().join("spark-job/src/test/resources/earlier")
}

fn messages() -> Result<Vec<Value>, Failed> {
    let text = fs::read_to_string(folder().join("messages.jsonl"))?;
    Ok(text.lines().map(serde_json::from_str).collect::<Result<_, _>>()?)
}

/// Columns that the earlier table lacks.
fn later_columns() -> impl Iterator<Item = &'static Field> {
    FIELDS.iter().filter(|field| field.in_table && field.is_nullable())
}

/// As the earlier writer wrote it.
fn insert(message: &Value) -> String {
    let text = |name: &str| format!("'{}'", message[name].as_str().unwrap_or_default());
    let number = |name: &str| message[name].to_string();
    let names =
        ["start", "end", "count", "sum", "avg", "min", "max", "stddev", "p50", "p95", "p99"];
    let more = ["last_event", "revision"];
    let names: Vec<&str> = names.iter().chain(&more).copied().collect();
    let columns: Vec<String> = names.iter().map(|name| format!("\"{name}\"")).collect();
    let values: Vec<String> = names.iter().map(|name| number(name)).collect();
    format!(
        "INSERT INTO {NAME}.windows (stream, series, metric, window, bucket, partial, {}) \
         VALUES ({}, {}, {}, {}, 0, false, {}) \
         USING TIMESTAMP {}",
        columns.join(", "),
        text("stream"),
        text("series"),
        text("metric"),
        text("window"),
        values.join(", "),
        message["end"].as_i64().unwrap_or_default() * 1_000
            + message["revision"].as_i64().unwrap_or_default(),
    )
}

fn printed_schema(lab: &WriterLab<'_>) -> Result<String, Failed> {
    let output = Command::new(project().join("target/release/freshet-cassandra-writer"))
        .args(["-c", "freshet.toml", "--print-schema"])
        .current_dir(lab.folder())
        .output()?;
    ensure(output.status.success(), || String::from_utf8_lossy(&output.stderr).into_owned())?;
    Ok(String::from_utf8(output.stdout)?)
}

/// By series, kind of window and start: the values by name.
type Rows = BTreeMap<(String, String, i64), BTreeMap<String, CqlValue>>;

fn rows(lab: &WriterLab<'_>) -> Result<Rows, Failed> {
    let mut rows = Rows::new();
    let (names, found) = lab.query(&format!("SELECT * FROM {NAME}.windows"))?;
    for Row { columns } in found {
        let values: BTreeMap<String, CqlValue> = names
            .iter()
            .cloned()
            .zip(columns)
            .filter_map(|(name, value)| Some((name, value?)))
            .collect();
        let text = |name: &str| values[name].as_text().cloned().unwrap_or_default();
        let start = values["start"].as_cql_timestamp().unwrap_or(CqlTimestamp(0)).0;
        rows.insert((text("series"), text("window"), start), values);
    }
    Ok(rows)
}

/// A row has what its message says, and nothing else.
fn compare(rows: &Rows, message: &Value) -> Outcome {
    let text = |name: &str| message[name].as_str().unwrap_or_default().to_owned();
    let start = message["start"].as_i64().unwrap_or_default();
    let row = rows.get(&(text("series"), text("window"), start)).ok_or("the row is missing")?;
    for field in FIELDS.iter().filter(|field| field.in_table) {
        let stored = row.get(field.name).map(|value| match field.kind {
            Kind::Text => value.as_text().cloned().map(Value::from),
            Kind::Time => value.as_cql_timestamp().map(|time| time.0.into()),
            Kind::Count => value.as_bigint().map(Value::from),
            Kind::Number => value.as_double().map(Value::from),
            Kind::Flag => value.as_boolean().map(Value::from),
        });
        let said = match message.get(field.name) {
            None if field.kind == Kind::Flag => Some(Some(Value::from(false))),
            said => said.map(|said| Some(said.clone())),
        };
        ensure(stored == said, || format!("{} is {stored:?}, not {said:?}", field.name))?;
    }
    Ok(())
}

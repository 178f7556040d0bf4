//! A writer of the test's own beside the shared stack: on its Kafka and its Cassandra, with topics and a keyspace of
//! its own, and windows that the test itself sends.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use freshet_dev::supervise::{CommandLine, Exit, Guarded, Guards};
use libtest_mimic::Failed;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};
use rdkafka::types::RDKafkaErrorCode;
use scylla::client::session::Session;
use scylla::client::session_builder::SessionBuilder;
use scylla::value::{CqlTimestamp, Row};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::Outcome;
use crate::kafka::read_all;
use crate::process::none_left;
use crate::stack::{TestStack, project};
use crate::waiting::{LIMIT, ensure, until};

const GRACE: Duration = Duration::from_secs(10);
const FLUSH_LIMIT: Duration = Duration::from_secs(30);
/// Aligned to every kind of window used here.
pub(crate) const FIRST_START: i64 = 1_700_000_000_000;

/// A stored window, as far as the tests look at it: number of readings, and whether it is partial.
pub(crate) type Stored = BTreeMap<(String, i64), (i64, Option<bool>)>;

/// The writer with its place.
pub(crate) struct WriterLab<'a> {
    stack: &'a TestStack,
    name: &'static str,
    folder: TempDir,
    runtime: Runtime,
    guards: Guards,
    writer: Option<Guarded>,
    admin: AdminClient<DefaultClientContext>,
    producer: ThreadedProducer<DefaultProducerContext>,
    session: Session,
}

impl<'a> WriterLab<'a> {
    /// A place in which nothing runs yet. `name` is the keyspace, and with a dot the prefix of the topics; `kafka` is
    /// put into the section of that name.
    pub(crate) fn new(
        stack: &'a TestStack,
        name: &'static str,
        kafka: &str,
    ) -> Result<Self, Failed> {
        let folder = tempfile::tempdir()?;
        let runtime = Runtime::new()?;
        let mut client = ClientConfig::new();
        client.set("bootstrap.servers", stack.kafka()).set("message.max.bytes", "4000000");
        let session = until(LIMIT, || {
            Ok(runtime.block_on(SessionBuilder::new().known_node(stack.cassandra()).build())?)
        })?;
        let lab = Self {
            guards: Guards::new(env!("CARGO_BIN_EXE_freshet-dev"), folder.path().join("lock")),
            admin: client.create()?,
            producer: client.create()?,
            writer: None,
            session,
            runtime,
            folder,
            stack,
            name,
        };
        fs::write(lab.folder.path().join("freshet.toml"), lab.configuration(kafka))?;
        Ok(lab)
    }

    fn configuration(&self, kafka: &str) -> String {
        format!(
            r#"
[kafka]
bootstrap_servers = "{servers}"
topic_prefix = "{name}."
{kafka}

[cassandra]
contact_points = ["{cassandra}"]
keyspace = "{name}"

[[stream]]
name = "s"
series = ["id"]
values = {{ v = "v" }}
windows = ["10s"]
"#,
            name = self.name,
            servers = self.stack.kafka(),
            cassandra = self.stack.cassandra(),
        )
    }

    /// Runs a test and ends the writer, however the test ends.
    pub(crate) fn run(mut self, test: impl FnOnce(&mut Self) -> Outcome) -> Outcome {
        let outcome = test(&mut self);
        self.stop();
        let ended = none_left(self.folder.path(), GRACE);
        if outcome.is_err() || ended.is_err() {
            println!("the writer's log is kept in {}", self.folder.keep().display());
        }
        outcome.and(ended)
    }

    /// Starts the writer and waits until it says that it runs.
    pub(crate) fn start(&mut self) -> Outcome {
        let command = CommandLine::new(
            project().join("target/release/freshet-cassandra-writer"),
            self.folder.path(),
        )
        .args(["-c", "freshet.toml"])
        .env("FRESHET_HOME", self.folder.path());
        let log = self.folder.path().join("writer.log");
        let begun = freshet_dev::state::now_ms();
        self.writer = Some(self.runtime.block_on(self.guards.spawn(&command, &log, GRACE))?);
        until(LIMIT, || {
            let report = self.report()?;
            let runs = report["state"] == "running" && report["since"].as_i64() >= Some(begun);
            ensure(runs, || format!("the writer does not run: {report}"))
        })
    }

    /// Tells the writer to end and waits until it has.
    pub(crate) fn stop(&mut self) {
        if let Some(writer) = self.writer.take() {
            self.runtime.block_on(writer.stop());
        }
    }

    /// Waits until the writer has ended by itself.
    pub(crate) fn ended(&mut self, limit: Duration) -> Result<Exit, Failed> {
        let writer = self.writer.as_mut().ok_or("the writer was not started")?;
        let ended = async { tokio::time::timeout(limit, writer.ended()).await };
        Ok(self.runtime.block_on(ended)?)
    }

    pub(crate) const fn stack(&self) -> &TestStack {
        self.stack
    }

    /// The full name of a topic of this lab.
    pub(crate) fn topic(&self, name: &str) -> String {
        format!("{}.{name}", self.name)
    }

    /// What the writer has said last.
    pub(crate) fn report(&self) -> Result<Value, Failed> {
        let reports = read_all(self.stack, &self.topic("health"))?;
        Ok(serde_json::from_slice(&reports.last().ok_or("there is no report")?.value)?)
    }

    /// Waits until a report satisfies a condition.
    pub(crate) fn until_reported(&self, what: &str, holds: impl Fn(&Value) -> bool) -> Outcome {
        until(LIMIT, || {
            let report = self.report()?;
            ensure(holds(&report), || format!("the writer does not report {what}: {report}"))
        })
    }

    /// Creates a topic, as soon as Kafka has deleted one of the same name.
    pub(crate) fn create_topic(
        &self,
        name: &str,
        partitions: i32,
        settings: &[(&str, &str)],
    ) -> Outcome {
        let name = self.topic(name);
        let topic = NewTopic::new(&name, partitions, TopicReplication::Fixed(1));
        let topic = settings.iter().fold(topic, |topic, (key, value)| topic.set(key, value));
        until(LIMIT, || {
            let created = self.admin.create_topics([&topic], &AdminOptions::new());
            let results = self.runtime.block_on(created)?;
            let refused = results.into_iter().find_map(Result::err);
            ensure(refused.is_none(), || format!("not created: {refused:?}"))
        })
    }

    pub(crate) fn delete_topic(&self, name: &str) -> Outcome {
        let name = self.topic(name);
        let deleted = self.admin.delete_topics(&[name.as_str()], &AdminOptions::new());
        let refused = self.runtime.block_on(deleted)?.into_iter().find_map(Result::err);
        ensure(refused.is_none(), || format!("not deleted: {refused:?}"))
    }

    /// Sends messages to one partition of the windows topic, and waits until Kafka has them.
    pub(crate) fn send(&self, partition: i32, messages: &[(String, Vec<u8>)]) -> Outcome {
        let topic = self.topic("windows.s");
        for (key, value) in messages {
            until(LIMIT, || {
                let record = BaseRecord::to(&topic).partition(partition).key(key).payload(value);
                match self.producer.send(record) {
                    Ok(()) => Ok(()),
                    Err((error, _)) => {
                        let code = error.rdkafka_error_code();
                        // The client has not heard of a topic that was made anew.
                        let later = code == Some(RDKafkaErrorCode::UnknownPartition);
                        ensure(later, || error.to_string())?;
                        Err(error.into())
                    }
                }
            })?;
        }
        Ok(self.producer.flush(FLUSH_LIMIT)?)
    }

    /// Sends windows, each with one reading.
    pub(crate) fn send_windows(
        &self,
        partition: i32,
        series: &str,
        numbers: std::ops::Range<i64>,
    ) -> Outcome {
        let windows: Vec<_> = numbers.map(|number| window(series, number, 1)).collect();
        self.send(partition, &windows)
    }

    pub(crate) fn cql(&self, statement: &str) -> Outcome {
        self.runtime.block_on(self.session.query_unpaged(statement, ()))?;
        Ok(())
    }

    /// The names of the columns of a query, and its rows.
    pub(crate) fn query(&self, query: &str) -> Result<(Vec<String>, Vec<Row>), Failed> {
        let result =
            self.runtime.block_on(self.session.query_unpaged(query, ()))?.into_rows_result()?;
        let names = result.column_specs().iter().map(|column| column.name().to_owned()).collect();
        Ok((names, result.rows::<Row>()?.collect::<Result<_, _>>()?))
    }

    /// Where the writer has its configuration.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The windows in the table.
    pub(crate) fn stored(&self) -> Result<Stored, Failed> {
        let query = format!("SELECT series, start, count, partial, p99 FROM {}.windows", self.name);
        let result =
            self.runtime.block_on(self.session.query_unpaged(query, ()))?.into_rows_result()?;
        let mut stored = Stored::new();
        for row in result.rows::<(String, CqlTimestamp, i64, Option<bool>, f64)>()? {
            let (series, start, count, partial, _) = row?;
            stored.insert((series, start.0), (count, partial));
        }
        Ok(stored)
    }

    /// The series in the table of the series.
    pub(crate) fn stored_series(&self) -> Result<Vec<String>, Failed> {
        let query = format!("SELECT series FROM {}.series", self.name);
        let result =
            self.runtime.block_on(self.session.query_unpaged(query, ()))?.into_rows_result()?;
        Ok(result.rows::<(String,)>()?.map(|row| row.map(|row| row.0)).collect::<Result<_, _>>()?)
    }

    /// Waits until these windows of a series are stored.
    pub(crate) fn until_stored(&self, series: &str, numbers: std::ops::Range<i64>) -> Outcome {
        until(LIMIT, || {
            let stored = self.stored()?;
            let missing: Vec<i64> = numbers
                .clone()
                .filter(|number| !stored.contains_key(&(series.to_owned(), start(*number))))
                .collect();
            ensure(missing.is_empty(), || {
                let report = self.report().unwrap_or_default();
                format!(
                    "{} windows of {series} are missing, such as {}: {report}",
                    missing.len(),
                    missing[0]
                )
            })
        })
    }
}

/// The start of the window of that number.
pub(crate) const fn start(number: i64) -> i64 {
    FIRST_START + number * 10_000
}

/// Key and value of a window message of this lab with so many readings.
pub(crate) fn window(series: &str, number: i64, readings: u64) -> (String, Vec<u8>) {
    message(("s", series, "v"), start(number), start(number), readings)
}

/// Key and value of the message of a window of 10 s with so many readings, each of 1, of which the last one came at
/// `last_event`.
pub(crate) fn message(
    (stream, series, metric): (&str, &str, &str),
    start: i64,
    last_event: i64,
    readings: u64,
) -> (String, Vec<u8>) {
    let window = json!({
        "stream": stream, "series": series, "metric": metric, "window": "10s", "start": start,
        "end": start + 10_000, "count": readings, "sum": 1.0, "avg": 1.0, "min": 1.0, "max": 1.0,
        "stddev": 0.0, "p50": 1.0, "p95": 1.0, "p99": 1.0, "first": 1.0, "last": 1.0, "last_event": last_event,
        "generation": 0, "revision": readings, "emitted": last_event,
    });
    (format!("{series}|{metric}|10s|{start}"), window.to_string().into_bytes())
}

//! Job, writer and dashboard of this build on the state that an earlier build has left: its checkpoint with open
//! windows, records that it has not read, window messages that it has not stored, its tables. The state lies in
//! `upgrade/state.tar.gz`, made by `upgrade/make_fixture` with the earlier build itself; `upgrade/state.json` says what
//! is in it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use libtest_mimic::Failed;
use nix::sys::signal::Signal;
use rdkafka::admin::{AdminClient, AdminOptions, AlterConfig, ResourceSpecifier};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::metadata::MetadataTopic;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Outcome;
use crate::cassandra::Store;
use crate::cluster::newest_rows_of;
use crate::dashboard;
use crate::feed::Feed;
use crate::kafka::{Brokers, Sender, end_of, read_all};
use crate::process::signal;
use crate::queries::newest_report;
use crate::stack::{FIRST_WINDOW, TestStack, project, text};
use crate::waiting::{LIMIT, ensure, until};

/// By this variable `make_fixture` names the folder of the earlier build, and the fixture is made instead of tested.
const EARLIER_BUILD: &str = "FRESHET_UPGRADE_FROM";
/// By this one, which commit that is.
const EARLIER_COMMIT: &str = "FRESHET_UPGRADE_COMMIT";
const FOLDER: &str = "rust/freshet-dev/tests/system/deploy/upgrade";
const ARCHIVE: &str = "state.tar.gz";
/// It lies in the tree for ever.
const LARGEST_ARCHIVE: u64 = 1 << 20;
/// What of a home is state. All else is made anew at each start.
const KEPT: [&str; 3] = ["data/kafka", "data/cassandra", "checkpoints"];

const STREAM: &str = "known";
const RAW: &str = "raw.known";
const WINDOWS: &str = "windows.known";
/// All topics that the writer reads.
const WRITTEN: [&str; 2] = [WINDOWS, "windows.fleet"];
const GROUP: &str = "freshet-cassandra-writer";
const KAFKA: Duration = Duration::from_secs(30);

/// When the tests' records happen, whenever the fixture is made and used: 2026-01-31T12:00:00Z.
const NOW: i64 = 1_769_860_800_000;
/// Seconds of event time that the earlier build has counted and stored; counted and not stored; not read; and what is
/// sent to this build. They end in the midst of windows.
const STORED: i64 = 125;
const COUNTED: i64 = 65;
const UNREAD: i64 = 35;
const REMAINING: i64 = 125;

/// As the tests' own stream; windows are kept for ever, since the fixture grows old.
const STREAM_OF_TESTS: &str = r#"
[[stream]]
name = "known"
format = "json"
series = ["room", "sensor"]
time = { field = "at", unit = "ms" }
values = { temperature = "temperature", humidity = "air.humidity" }
windows = ["10s", "1m", "30s/10s"]
lateness = "1m"
"#;

/// What is in the fixture.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct State {
    /// The build that has left it.
    commit: String,
    /// Records of the raw topic, and how many of them the job had counted.
    records: i64,
    records_counted: i64,
    /// Messages of the windows topics, and up to which of them the writers' group had committed.
    messages: i64,
    messages_committed: i64,
    /// Rows in Cassandra.
    rows: usize,
}

/// All records that the earlier build got, then those of this one: every window is right, which it would not be if a
/// record were lost or counted twice, and neither job nor writer has begun at the beginning again.
pub(super) fn goes_on_where_the_earlier_build_stopped() -> Outcome {
    if let Some(root) = std::env::var_os(EARLIER_BUILD) {
        return make_fixture(PathBuf::from(root));
    }
    let state: State = serde_json::from_slice(&fs::read(fixture().join("state.json"))?)?;
    let unfinished = state.records_counted < state.records
        && state.messages_committed < state.messages
        && state.rows > 0;
    ensure(unfinished, || format!("nothing is left to be done: {state:?}"))?;
    let stack = new_stack()?;
    unpack(&stack.home())?;
    stack.start()?;
    let outcome = goes_on(&stack, &state);
    let stopped = stack.run(&["down"])?;
    if outcome.is_err() {
        println!("state and logs are kept in {}", stack.keep().display());
    }
    outcome?;
    ensure(stopped.status.success(), || text(&stopped))
}

fn goes_on(stack: &TestStack, state: &State) -> Outcome {
    let mut feed = Feed::new(NOW);
    let earlier: Vec<_> =
        [STORED, COUNTED, UNREAD].into_iter().flat_map(|seconds| feed.next(seconds)).collect();
    let mut sent: Vec<&[u8]> = earlier.iter().map(|record| record.value.as_slice()).collect();
    let found = read_all(stack, RAW)?;
    let mut found: Vec<&[u8]> = found.iter().map(|record| record.value.as_slice()).collect();
    sent.sort_unstable();
    found.sort_unstable();
    ensure(found == sent, || "the fixture has other records: make it anew".to_owned())?;

    let remaining = feed.next(REMAINING);
    let sender = Sender::new(stack, STREAM)?;
    sender.send(&remaining)?;
    sender.flush()?;
    let store = Store::connect(stack)?;
    until(LIMIT, || feed.expected.matches(&store.rows(STREAM)?))?;
    let shown = dashboard::rows(stack, STREAM, store.rows(STREAM)?.keys(), (NOW - DAY_MS, NOW))?;
    feed.expected.matches(&shown)?;
    letters_are_exact(stack, &feed)?;
    until(LIMIT, || began_where_it_stopped(stack, state, remaining.len()))
}

const DAY_MS: i64 = 86_400_000;

/// The job has read what the earlier one had not counted, and the writer what the earlier one had not committed.
fn began_where_it_stopped(stack: &TestStack, state: &State, remaining: usize) -> Outcome {
    let job = newest_report(stack, STREAM)?;
    let unread = state.records - state.records_counted + i64::try_from(remaining)?;
    let in_order = job["late"] == 0 && job["restarts"] == 0 && job["skipped_offsets"] == 0;
    ensure(job["records_in"] == unread && in_order, || {
        format!("{unread} records were to be read, none skipped or late: {job}")
    })?;
    let unwritten = written(stack)? - state.messages_committed;
    let writer = report(stack, "freshet-cassandra-writer")?;
    ensure(writer["records_in"] == unwritten, || {
        format!("{unwritten} messages were to be stored: {writer}")
    })?;
    all_is_committed(stack).map(drop)
}

fn report(stack: &TestStack, component: &str) -> Result<Value, Failed> {
    let reports = read_all(stack, "health")?;
    let newest = reports.iter().rev().find(|report| report.key == component.as_bytes());
    Ok(serde_json::from_slice(&newest.ok_or("it has not reported")?.value)?)
}

/// Each malformed record is a dead letter, once.
fn letters_are_exact(stack: &TestStack, feed: &Feed) -> Outcome {
    let letters = read_all(stack, "dead-letters")?;
    let found: BTreeMap<&[u8], &str> = letters
        .iter()
        .map(|letter| (letter.value.as_slice(), letter.headers["freshet-reason"].as_str()))
        .collect();
    let expected = feed.rejected.iter().map(|(value, reason)| (value.as_slice(), *reason));
    ensure(found == expected.collect() && found.len() == letters.len(), || {
        format!("the {} dead letters are {found:?}", letters.len())
    })
}

fn fixture() -> PathBuf {
    project().join(FOLDER)
}

fn new_stack() -> Result<TestStack, Failed> {
    let stack = TestStack::of(&[STREAM_OF_TESTS, FIRST_WINDOW].concat(), Vec::new())?;
    let configuration = fs::read_to_string(stack.config())?;
    fs::write(stack.config(), configuration.replace("[cassandra]", "[cassandra]\nttl = \"0s\""))?;
    Ok(stack)
}

fn unpack(home: &Path) -> Outcome {
    fs::create_dir_all(home)?;
    tar(Command::new("tar").arg("-xzf").arg(fixture().join(ARCHIVE)).arg("-C").arg(home))
}

fn tar(command: &mut Command) -> Outcome {
    let output = command.output()?;
    ensure(output.status.success(), || format!("tar: {}", text(&output)))
}

/// Runs the earlier build until it has some of everything, and keeps what it leaves.
fn make_fixture(root: PathBuf) -> Outcome {
    let stack = new_stack()?.of_build(root);
    stack.start()?;
    let outcome = leave_unfinished(&stack);
    let stopped = stack.run(&["down"])?;
    let state = outcome?;
    ensure(stopped.status.success(), || text(&stopped))?;
    let archive = fixture().join(ARCHIVE);
    let mut pack = Command::new("tar");
    // What the programs only log, and what holds nothing but room for later.
    pack.args(["--sort=name", "--owner=0", "--group=0", "--numeric-owner"])
        .args(["--exclude=server.properties", "--use-compress-program=gzip -9n", "-cf"])
        .arg(&archive)
        .arg("-C")
        .arg(stack.home())
        .args(KEPT);
    tar(&mut pack)?;
    let bytes = fs::metadata(&archive)?.len();
    ensure(bytes < LARGEST_ARCHIVE, || format!("{bytes} bytes are too many for the tree"))?;
    fs::write(fixture().join("state.json"), serde_json::to_string_pretty(&state)? + "\n")?;
    println!("{bytes} bytes: {state:?}");
    Ok(())
}

fn leave_unfinished(stack: &TestStack) -> Result<State, Failed> {
    keep_for_ever(stack)?;
    let mut feed = Feed::new(NOW);
    let sender = Sender::new(stack, STREAM)?;
    let send = |feed: &mut Feed, seconds| {
        sender.send(&feed.next(seconds))?;
        sender.flush()
    };
    let store = Store::connect(stack)?;
    send(&mut feed, STORED)?;
    until(LIMIT, || feed.expected.matches(&store.rows(STREAM)?))?;
    let rows = store.rows(STREAM)?.len();
    let committed = until(LIMIT, || all_is_committed(stack))?;
    suspend(stack, "writer")?;
    send(&mut feed, COUNTED)?;
    until(LIMIT, || feed.expected.matches(&newest_rows_of(stack, WINDOWS)?))?;
    let counted = until(LIMIT, || {
        let report = newest_report(stack, STREAM)?;
        ensure(report["lag"] == 0 && report["records_in"] == feed.sent, || report.to_string())?;
        Ok(i64::try_from(feed.sent)?)
    })?;
    suspend(stack, "spark-job")?;
    send(&mut feed, UNREAD)?;
    Ok(State {
        commit: std::env::var(EARLIER_COMMIT)?,
        records: end_of(stack, RAW)?,
        records_counted: counted,
        messages: written(stack)?,
        messages_committed: committed,
        rows,
    })
}

/// It will not answer when it is told to stop, and be killed.
fn suspend(stack: &TestStack, part: &str) -> Outcome {
    signal(stack.part(part)?.pid.ok_or("it has no process")?, Signal::SIGSTOP)
}

/// A fixture that is used in a year must not be deleted when the broker has started.
fn keep_for_ever(stack: &TestStack) -> Outcome {
    let admin: AdminClient<DefaultClientContext> = stack.client().create()?;
    let keep = |topic, policy| {
        AlterConfig::new(ResourceSpecifier::Topic(topic))
            .set("cleanup.policy", policy)
            .set("retention.ms", "-1")
            .set("retention.bytes", "-1")
    };
    let configs = [keep(RAW, "delete"), keep(WINDOWS, "compact"), keep("dead-letters", "compact")];
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let results = runtime.block_on(admin.alter_configs(&configs, &AdminOptions::new()))?;
    for result in results {
        result.map_err(|(topic, error)| format!("{topic:?}: {error}"))?;
    }
    Ok(())
}

/// The messages of all windows topics.
fn written(stack: &TestStack) -> Result<i64, Failed> {
    WRITTEN.iter().map(|topic| end_of(stack, topic)).sum()
}

/// That the writers' group has committed all of them: up to which offsets that is, of all topics together.
fn all_is_committed(stack: &TestStack) -> Result<i64, Failed> {
    let committed: i64 =
        WRITTEN.iter().map(|topic| committed_of(stack, topic)).sum::<Result<_, _>>()?;
    let written = written(stack)?;
    ensure(committed == written, || format!("{committed} of {written} messages are committed"))?;
    Ok(committed)
}

/// Up to which offsets the writers' group has committed a topic, of all partitions together.
pub(super) fn committed_of(stack: &TestStack, topic: &str) -> Result<i64, Failed> {
    let consumer: BaseConsumer = stack.client().set("group.id", GROUP).create()?;
    let metadata = consumer.fetch_metadata(Some(topic), KAFKA)?;
    let mut partitions = TopicPartitionList::new();
    for partition in metadata.topics().iter().flat_map(MetadataTopic::partitions) {
        partitions.add_partition(topic, partition.id());
    }
    let committed = consumer.committed_offsets(partitions, KAFKA)?;
    let offsets = committed.elements().into_iter().map(|element| match element.offset() {
        Offset::Offset(offset) => offset,
        _ => 0,
    });
    Ok(offsets.sum())
}

//! A producer of the test's own on the shared stack's Kafka, with topics of its own: exactly once from a source that
//! can resume, whatever happens to the producer, to its double and to Kafka.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::thread;
use std::time::Duration;

use libtest_mimic::Failed;
use nix::sys::signal::Signal;
use serde_json::Value;
use tempfile::TempDir;

use crate::Outcome;
use crate::kafka::{end_of, read_all};
use crate::lab::Use;
use crate::process::signal;
use crate::program::{Program, configure};
use crate::stack::TestStack;
use crate::waiting::{LIMIT, ensure, until};

const LINES: usize = 400_000;
const KILLS: usize = 7;
/// As long as a transaction may last.
const OUTAGE: Duration = Duration::from_secs(30);
const LONG_OUTAGE: Duration = Duration::from_mins(10);

const SOURCE: &str = r#"
name = "replay"
kind = "file"
path = "lines.ndjson"
mode = "once"
"#;

/// A place for producers of one file, with a topic prefix of its own.
struct Place<'a> {
    stack: &'a TestStack,
    name: &'static str,
    folder: TempDir,
}

impl<'a> Place<'a> {
    fn new(stack: &'a TestStack, name: &'static str, lines: usize) -> Result<Self, Failed> {
        let folder = tempfile::tempdir()?;
        let mut text = String::new();
        for number in 0..lines {
            writeln!(
                text,
                r#"{{"id":"station-{}","v":{number},"note":"{:0>40}"}}"#,
                number % 50,
                number
            )?;
        }
        fs::write(folder.path().join("lines.ndjson"), text)?;
        configure(folder.path(), &stack.kafka(), name, SOURCE)?;
        Ok(Self { stack, name, folder })
    }

    fn topic(&self, name: &str) -> String {
        format!("{}.{name}", self.name)
    }

    fn start(&self, log: &str) -> Result<Program, Failed> {
        Program::producer(self.folder.path(), log, &[])
    }

    /// How far the raw topic reaches, what is not committed included.
    fn end(&self) -> i64 {
        end_of(self.stack, &self.topic("raw.s")).unwrap_or(0)
    }

    /// Waits until more is in the raw topic than there was.
    fn until_beyond(&self, end: i64) -> Outcome {
        until(LIMIT, || ensure(self.end() > end, || format!("nothing came after offset {end}")))
    }

    /// Whoever reads committed records finds each line once.
    fn every_line_is_there_once(&self, lines: usize) -> Outcome {
        let mut counts: HashMap<u64, u32> = HashMap::new();
        for record in read_all(self.stack, &self.topic("raw.s"))? {
            let value: Value = serde_json::from_slice(&record.value)?;
            *counts.entry(value["v"].as_u64().ok_or("a line without a number")?).or_default() += 1;
            ensure(
                record.headers.get("freshet-source").is_some_and(|name| name == "replay"),
                || format!("a record without its source: {:?}", record.headers),
            )?;
        }
        let repeated = counts.values().filter(|count| **count > 1).count();
        ensure(counts.len() == lines && repeated == 0, || {
            format!(
                "{} of {lines} lines are there, {repeated} of them more than once",
                counts.len()
            )
        })
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// Every line of a file is in Kafka exactly once, though the producer was killed seven times.
pub(crate) fn lines_are_sent_once_through_kills() -> Outcome {
    let mut lab = Use::running()?;
    let place = Place::new(&lab.get().stack, "kills", LINES)?;
    let mut random = fastrand::Rng::with_seed(11);
    for kill in 0..KILLS {
        let before = place.end();
        let producer = place.start(&format!("{kill}.log"))?;
        place.until_beyond(before)?;
        thread::sleep(Duration::from_millis(random.u64(0..150)));
        producer.kill()?;
    }
    ensure(place.path().join("lines.ndjson").is_file(), || "the file is gone".to_owned())?;
    let mut last = place.start("last.log")?;
    last.finish(LIMIT * 2)?;
    place.every_line_is_there_once(LINES)?;
    // It was read to its end: another start sends nothing.
    let mut again = place.start("again.log")?;
    again.finish(LIMIT * 2)?;
    place.every_line_is_there_once(LINES)
}

/// Of two producers of one source the second takes it over, and nothing is sent twice; also when one is killed.
pub(crate) fn two_producers_send_once() -> Outcome {
    let mut lab = Use::running()?;
    let place = Place::new(&lab.get().stack, "replicas", LINES)?;
    let mut first = place.start("first.log")?;
    place.until_beyond(0)?;
    // It does not come further meanwhile, so that it is still there when the second one comes.
    signal(first.id(), Signal::SIGSTOP)?;
    let end = place.end();
    let second = place.start("second.log")?;
    place.until_beyond(end)?;
    signal(first.id(), Signal::SIGCONT)?;
    let status = first.wait(LIMIT)?;
    let said = first.log();
    ensure(status.code() == Some(1) && said.contains("has taken the source over"), || {
        format!("the first producer: {status}\n{said}")
    })?;
    second.kill()?;
    let mut third = place.start("third.log")?;
    third.finish(LIMIT * 2)?;
    place.every_line_is_there_once(LINES)
}

/// While Kafka is away nothing is lost or repeated of a source that can resume.
pub(crate) fn lines_are_sent_once_through_an_outage() -> Outcome {
    through_outage("outage", OUTAGE)
}

/// The same for long.
pub(crate) fn lines_are_sent_once_through_a_long_outage() -> Outcome {
    through_outage("long-outage", LONG_OUTAGE)
}

fn through_outage(name: &'static str, outage: Duration) -> Outcome {
    let mut lab = Use::running()?;
    let stack = &lab.get().stack;
    let place = Place::new(stack, name, LINES)?;
    let mut producer = place.start("producer.log")?;
    place.until_beyond(0)?;
    let kafka = stack.part("kafka")?.pid.ok_or("Kafka does not run")?;
    signal(kafka, Signal::SIGSTOP)?;
    thread::sleep(outage);
    signal(kafka, Signal::SIGCONT)?;
    producer.finish(LIMIT * 2)?;
    place.every_line_is_there_once(LINES)
}

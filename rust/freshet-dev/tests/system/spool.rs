//! A producer of the test's own on the shared stack's Kafka, whose source can neither wait nor be asked again: what
//! Kafka does not take goes to disk.

use std::collections::HashMap;
use std::fs;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::ChildStdin;
use std::thread;
use std::time::{Duration, Instant};

use libtest_mimic::Failed;
use nix::sys::signal::Signal;
use serde_json::Value;

use crate::Outcome;
use crate::kafka::{end_of, read_all};
use crate::lab::Use;
use crate::process::signal;
use crate::program::{Program, configure};
use crate::stack::TestStack;
use crate::waiting::{LIMIT, ensure, until};

const OUTAGE: Duration = Duration::from_secs(30);
/// After the outage, so that messages come while others are read back.
const AFTERWARDS: Duration = Duration::from_secs(3);
/// A thousand lines a second.
const LINES: u64 = 100;
const INTERVAL: Duration = Duration::from_millis(100);
const KEYS: u64 = 50;
const LOG: &str = "producer.log";

const SOURCE: &str = r#"
name = "lines"
kind = "stdin"
key = ".id"
buffer = 1
when_full = "spool"
spool_size = 64
"#;

/// The raw topic of a test, whose topics begin with the prefix.
fn topic(prefix: &str) -> String {
    format!("{prefix}.raw.s")
}

/// Lines with running numbers, in time.
struct Lines {
    output: BufWriter<ChildStdin>,
    next: u64,
}

impl Lines {
    fn write_for(&mut self, duration: Duration) -> Outcome {
        let begun = Instant::now();
        for tick in 1.. {
            for number in self.next..self.next + LINES {
                let id = number % KEYS;
                writeln!(
                    self.output,
                    r#"{{"id":"station-{id}","v":{number},"note":"{number:0>300}"}}"#
                )?;
            }
            self.output.flush()?;
            self.next += LINES;
            if begun.elapsed() >= duration {
                break;
            }
            thread::sleep((INTERVAL * tick).saturating_sub(begun.elapsed()));
        }
        Ok(())
    }
}

fn spooled_bytes(folder: &Path) -> u64 {
    let files = fs::read_dir(folder.join("spool/lines")).into_iter().flatten().flatten();
    let segments =
        files.filter(|file| file.path().extension().is_some_and(|extension| extension == "spool"));
    segments.filter_map(|file| Some(file.metadata().ok()?.len())).sum()
}

/// The lines of each key, as they are in Kafka.
fn lines_in_kafka(stack: &TestStack, prefix: &str) -> Result<HashMap<Vec<u8>, Vec<u64>>, Failed> {
    let mut lines: HashMap<Vec<u8>, Vec<u64>> = HashMap::new();
    for record in read_all(stack, &topic(prefix))? {
        let value: Value = serde_json::from_slice(&record.value)?;
        let number = value["v"].as_u64().ok_or("a line without a number")?;
        lines.entry(record.key).or_default().push(number);
    }
    Ok(lines)
}

/// A producer has ended well, has dropped nothing, and has nothing left in its spool.
fn all_are_sent(producer: &mut Program, folder: &Path) -> Outcome {
    producer.finish(LIMIT * 2)?;
    let log = producer.log();
    ensure(!log.contains("were dropped"), || log.clone())?;
    let left = spooled_bytes(folder);
    ensure(left == 0, || format!("{left} bytes are left in the spool"))
}

/// Each of so many lines is there once, and those of a key are in their order.
fn all_are_there_in_order(lines: &HashMap<Vec<u8>, Vec<u64>>, count: u64) -> Outcome {
    ensure(lines.len() as u64 == KEYS, || format!("{} keys are there", lines.len()))?;
    for (key, lines) in lines {
        let first = lines.first().copied().unwrap_or_default() % KEYS;
        let expected = (first..count).step_by(usize::try_from(KEYS)?);
        ensure(lines.iter().copied().eq(expected), || {
            format!("{} are not all in order: {lines:?}", String::from_utf8_lossy(key))
        })?;
    }
    Ok(())
}

/// A source that goes on while Kafka is away loses nothing, and the order of each key stays.
pub(crate) fn nothing_is_lost_through_an_outage() -> Outcome {
    let mut lab = Use::running()?;
    let stack = &lab.get().stack;
    let folder = tempfile::tempdir()?;
    let prefix = "spool-outage";
    configure(folder.path(), &stack.kafka(), prefix, SOURCE)?;
    let mut producer = Program::producer(folder.path(), LOG, &[])?;
    let input = producer.take_input().ok_or("no standard input")?;
    let mut lines = Lines { output: BufWriter::new(input), next: 0 };
    lines.write_for(INTERVAL)?;
    until(LIMIT, || {
        ensure(end_of(stack, &topic(prefix)).unwrap_or(0) > 0, || "nothing comes".to_owned())
    })?;
    ensure(spooled_bytes(folder.path()) == 0, || "spooled without a need".to_owned())?;
    let kafka = stack.part("kafka")?.pid.ok_or("Kafka does not run")?;
    signal(kafka, Signal::SIGSTOP)?;
    let written = lines.write_for(OUTAGE);
    let spooled = spooled_bytes(folder.path());
    signal(kafka, Signal::SIGCONT)?;
    written?;
    ensure(spooled > 1 << 20, || format!("only {spooled} bytes were spooled"))?;
    lines.write_for(AFTERWARDS)?;
    let count = lines.next;
    // The end of the lines is the end of the source.
    drop(lines);
    all_are_sent(&mut producer, folder.path())?;
    all_are_there_in_order(&lines_in_kafka(stack, prefix)?, count)
}

/// What a source has sent while Kafka was away is sent after the producer was killed and started again.
pub(crate) fn nothing_is_lost_through_a_kill() -> Outcome {
    let mut lab = Use::running()?;
    let stack = &lab.get().stack;
    let folder = tempfile::tempdir()?;
    let prefix = "spool-kill";
    configure(folder.path(), &stack.kafka(), prefix, SOURCE)?;
    let kafka = stack.part("kafka")?.pid.ok_or("Kafka does not run")?;
    signal(kafka, Signal::SIGSTOP)?;
    let spooled = spool_and_kill(folder.path());
    signal(kafka, Signal::SIGCONT)?;
    let count = spooled?;
    let mut producer = Program::producer(folder.path(), LOG, &[])?;
    // Nothing comes but what is in the spool.
    drop(producer.take_input());
    all_are_sent(&mut producer, folder.path())?;
    all_are_there_in_order(&lines_in_kafka(stack, prefix)?, count)
}

/// Kills a producer when it has spooled all lines; gives how many there were.
fn spool_and_kill(folder: &Path) -> Result<u64, Failed> {
    let mut producer = Program::producer(folder, LOG, &[])?;
    let input = producer.take_input().ok_or("no standard input")?;
    let mut lines = Lines { output: BufWriter::new(input), next: 0 };
    lines.write_for(AFTERWARDS)?;
    let count = lines.next;
    drop(lines);
    until(LIMIT, || {
        let log = producer.log();
        ensure(log.contains("the source changed its state") && log.contains("ended"), || {
            log.clone()
        })
    })?;
    ensure(spooled_bytes(folder) > 0, || "nothing was spooled".to_owned())?;
    producer.kill()?;
    Ok(count)
}

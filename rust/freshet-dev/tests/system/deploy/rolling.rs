//! A rolling restart under load: producer, writer and dashboard, one after the other.

use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use libtest_mimic::Failed;
use nix::sys::signal::Signal;
use tempfile::TempDir;

use super::listener::{Listener, comes_back_as_the_page_does};
use crate::Outcome;
use crate::cassandra::Store;
use crate::kafka::end_of;
use crate::lab::Use;
use crate::process::signal;
use crate::program::Program;
use crate::stack::TestStack;
use crate::waiting::{LIMIT, ensure, until};

const RAW: &str = "raw.known";
const PER_SECOND: usize = 1_000;
/// There are records for so long. What is left when the last part is back comes at once.
const SECONDS: usize = 60;
const LONGEST_GAP: Duration = Duration::from_secs(5);
/// A record of each of the four series in each second of event time, at least.
const SERIES: usize = 4;

/// Every record that was put into the file is in exactly the windows that it belongs to, in Cassandra and on the live
/// stream, which goes on all the time.
pub(crate) fn loses_nothing() -> Outcome {
    comes_back_as_the_page_does()?;
    let mut lab = Use::running()?;
    let lab = lab.get();
    let load = Load::new(&lab.stack)?;
    let seconds = i64::try_from(PER_SECOND * SECONDS / SERIES)?;
    let records = lab.feed.next(seconds).into_iter().map(|record| record.value);
    let lines: Vec<Vec<u8>> = records.filter(|value| super::images::is_line(value)).collect();
    let mut producer = load.start_producer()?;
    let listener = Listener::start(lab.stack.dashboard().trim_start_matches("http://"), "known");
    let before = end_of(&lab.stack, RAW)?;
    thread::scope(|scope| -> Outcome {
        let (begun, writing) = (Instant::now(), scope.spawn(|| load.write(&lines)));
        let restarted = restart_all(&load, &lab.stack, &listener, &mut producer);
        let (gap, is_paced) = (listener.longest_gap(), !writing.is_finished());
        let (end, elapsed) = (end_of(&lab.stack, RAW), begun.elapsed());
        load.hurry.store(true, Ordering::Relaxed);
        writing.join().map_err(|_| "the load has failed")??;
        let second = restarted?;
        let sent = end? - before;
        let per_second = sent as f64 / elapsed.as_secs_f64();
        println!(
            "longest time without a window on the live stream: {gap:?}, with {per_second:.0} \
             records a second"
        );
        ensure(is_paced, || format!("it took longer than {SECONDS} s"))?;
        ensure(per_second > 0.9 * PER_SECOND as f64, || format!("{sent} records in {elapsed:?}"))?;
        ensure(gap <= LONGEST_GAP, || format!("nothing came for {gap:?}"))?;
        lab.rows_match()?;
        all_was_heard(&lab.stack, &listener)?;
        drop(second);
        Ok(())
    })
}

/// Restarts each part while records come; gives back the producer that runs at the end.
fn restart_all(
    load: &Load,
    stack: &TestStack,
    listener: &Listener,
    producer: &mut Program,
) -> Result<Program, Failed> {
    let flows = || {
        let before = listener.windows();
        until(LIMIT, || ensure(listener.windows() > before + 10, || "no windows come".to_owned()))
    };
    flows()?;
    listener.begin();
    signal(producer.id(), Signal::SIGTERM)?;
    producer.finish(LIMIT)?;
    let second = load.start_producer()?;
    flows()?;
    for part in ["writer", "dashboard"] {
        let before = stack.part(part)?;
        signal(before.pid.ok_or("the part has no process")?, Signal::SIGTERM)?;
        until(LIMIT, || {
            let now = stack.part(part)?;
            let is_back = now.state == "ready" && now.pid != before.pid;
            ensure(is_back, || format!("{part} is not back: {now:?}"))
        })?;
        flows()?;
    }
    let returns = listener.look(|heard| heard.returns);
    ensure(returns > 0, || "the dashboard has not hung up".to_owned())?;
    Ok(second)
}

/// The live stream has told of each window of this load as it is stored in the end.
fn all_was_heard(stack: &TestStack, listener: &Listener) -> Outcome {
    let stored = Store::connect(stack)?.rows("known")?;
    until(LIMIT, || {
        listener.look(|heard| {
            ensure(heard.resets == 0, || format!("{} resets", heard.resets))?;
            let wrong = heard
                .counts
                .iter()
                .find(|(key, count)| stored.get(key).is_none_or(|row| row.count != **count));
            ensure(wrong.is_none(), || format!("heard last of {wrong:?}"))
        })
    })
}

/// A file that grows, and the producers that send what is in it.
struct Load {
    folder: TempDir,
    started: AtomicU32,
    hurry: AtomicBool,
}

impl Load {
    fn new(stack: &TestStack) -> Result<Self, Failed> {
        let folder = tempfile::tempdir()?;
        let source = "\n[producer]\nmetrics_address = \"\"\n\n[[source]]\nname = \"rolling\"\nkind = \"file\"\n\
                      stream = \"known\"\npath = \"lines.jsonl\"\n";
        fs::write(
            folder.path().join("freshet.toml"),
            fs::read_to_string(stack.config())? + source,
        )?;
        let this = Self { folder, started: AtomicU32::new(0), hurry: AtomicBool::new(false) };
        File::create(this.lines())?;
        Ok(this)
    }

    fn lines(&self) -> PathBuf {
        self.folder.path().join("lines.jsonl")
    }

    fn start_producer(&self) -> Result<Program, Failed> {
        let number = self.started.fetch_add(1, Ordering::Relaxed);
        let log = format!("producer-{number}.log");
        Program::producer(self.folder.path(), &log, &["--source", "rolling"])
    }

    /// Writes the lines at their pace, until it has to hurry.
    fn write(&self, lines: &[Vec<u8>]) -> Outcome {
        let mut file = File::options().append(true).open(self.lines())?;
        let begun = Instant::now();
        for (index, some) in lines.chunks(PER_SECOND / 10).enumerate() {
            let due = begun + Duration::from_millis(100) * u32::try_from(index)?;
            if !self.hurry.load(Ordering::Relaxed) {
                thread::sleep(due.saturating_duration_since(Instant::now()));
            }
            let mut text = some.join(&b'\n');
            text.push(b'\n');
            file.write_all(&text)?;
        }
        Ok(())
    }
}

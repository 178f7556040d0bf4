//! Writers with names that stay, as Kubernetes restarts them one after the other.

use std::fs;
use std::time::Duration;

use libtest_mimic::Failed;
use nix::sys::signal::Signal;

use crate::Outcome;
use crate::lab::Use;
use crate::process::signal;
use crate::program::Program;
use crate::waiting::{LIMIT, ensure, until};
use crate::writer_lab::WriterLab;

const NAME: &str = "staying";
const STOP_LIMIT: Duration = Duration::from_secs(20);

/// One of two writers is started again: it finds its partitions as it has left them, what came meanwhile is stored, and
/// the other one is asked for nothing.
pub(crate) fn restart_moves_no_partition() -> Outcome {
    let mut lab = Use::running()?;
    let lab = WriterLab::new(&lab.get().stack, NAME, "partitions = 4")?;
    lab.run(|lab| {
        lab.create_topic("windows.s", 4, &[])?;
        let other = writer(lab, "writer-0")?;
        until(LIMIT, || ensure(assignments(&other) == [4], || other.log()))?;
        let mut restarted = writer(lab, "writer-1")?;
        until(LIMIT, || ensure(assignments(&restarted).ends_with(&[2]), || restarted.log()))?;
        send(lab, "before")?;
        lab.until_stored("before", 0..40)?;

        let moves = rebalances(&other);
        signal(restarted.id(), Signal::SIGTERM)?;
        restarted.finish(STOP_LIMIT)?;
        send(lab, "meanwhile")?;
        let again = writer(lab, "writer-1")?;
        lab.until_stored("meanwhile", 0..40)?;
        send(lab, "afterwards")?;
        lab.until_stored("afterwards", 0..40)?;

        ensure(assignments(&again) == [2], || format!("not its partitions: {}", again.log()))?;
        ensure(rebalances(&other) == moves, || format!("partitions were moved: {}", other.log()))
    })
}

/// Some windows for each partition.
fn send(lab: &WriterLab<'_>, series: &str) -> Outcome {
    (0..4).try_for_each(|partition| {
        let first = i64::from(partition) * 10;
        lab.send_windows(partition, series, first..first + 10)
    })
}

/// Starts a writer under this name, in a folder of its own.
fn writer(lab: &WriterLab<'_>, name: &str) -> Result<Program, Failed> {
    let folder = lab.folder().join(name);
    fs::create_dir_all(&folder)?;
    let own = format!("[writer]\ninstance_id = \"{name}\"\nmetrics_address = \"\"\n");
    let shared = fs::read_to_string(lab.folder().join("freshet.toml"))?;
    fs::write(folder.join("freshet.toml"), own + &shared)?;
    Program::writer(&folder, "writer.log")
}

/// How many partitions a writer was given, each time that it was given some.
fn assignments(writer: &Program) -> Vec<u64> {
    let log = writer.log();
    let lines = log.lines().filter(|line| line.contains("partitions assigned"));
    let numbers = lines.filter_map(|line| {
        let line: serde_json::Value = serde_json::from_str(line).ok()?;
        line["partitions"].as_u64()
    });
    numbers.filter(|number| *number > 0).collect()
}

/// How often partitions were given to a writer, or taken from it.
fn rebalances(writer: &Program) -> usize {
    let log = writer.log();
    log.lines()
        .filter(|line| line.contains("partitions assigned") || line.contains("partitions revoked"))
        .count()
}

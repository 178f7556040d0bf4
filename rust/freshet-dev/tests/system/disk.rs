//! A disk that is full, really: a small file system of its own under the stack's home.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use freshet_dev::state::disk::{MIB, available};
use freshet_dev::state::now_ms;
use libtest_mimic::Failed;
use nix::sys::signal::Signal;
use serde_json::Value;

use crate::Outcome;
use crate::cassandra::Store;
use crate::feed::Feed;
use crate::kafka::{Sender, read_all};
use crate::process::signal;
use crate::stack::{TestStack, text};
use crate::waiting::{LIMIT, ensure, until};

/// A little more than `up` asks for.
const SIZE: u64 = 2_600 * MIB;
/// Below the default reserve of 512 MiB, and enough for stores to run.
const LOW: u64 = 300 * MIB;
/// Older than any real one, so that Cassandra does not take it for the last, of which it forgives everything.
const SEGMENT: &str = "CommitLog-7-1.log";
const SEGMENT_SIZE: u64 = 16 * MIB;

/// A file system in memory, mounted while this lives.
struct SmallDisk {
    folder: PathBuf,
}

impl SmallDisk {
    fn mount(folder: PathBuf) -> Result<Self, Failed> {
        fs::create_dir_all(&folder)?;
        let size = format!("size={SIZE}");
        let mut mount = as_root("mount");
        mount.args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(&folder);
        let output = mount.output()?;
        ensure(output.status.success(), || {
            format!(
                "a small file system cannot be mounted; run this as root or with sudo: {}",
                text(&output)
            )
        })?;
        Ok(Self { folder })
    }

    fn filler(&self) -> PathBuf {
        self.folder.join("filler")
    }

    /// Takes all room but so much.
    fn leave(&self, rest: u64) -> io::Result<()> {
        let mut filler = File::options().create(true).append(true).open(self.filler())?;
        let mut block = vec![1; usize::try_from(MIB).unwrap_or(usize::MAX)];
        while available(&self.folder)? > rest {
            match filler.write(&block) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::StorageFull && block.len() > 1 => {
                    block.truncate(block.len() / 2);
                }
                Err(error) if error.kind() == io::ErrorKind::StorageFull => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn free(&self) -> io::Result<()> {
        fs::remove_file(self.filler())
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        drop(as_root("umount").arg(&self.folder).output());
    }
}

fn as_root(program: &str) -> Command {
    if fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0) {
        return Command::new(program);
    }
    let mut command = Command::new("sudo");
    command.args(["-n", program]);
    command
}

/// Producer and job stop in time, stores do not start without room, everybody says why, and everything comes back by
/// itself, over a segment of the commit log that was never written, too.
pub(crate) fn full_disk() -> Outcome {
    let stack = TestStack::new(false)?;
    let disk = SmallDisk::mount(stack.home())?;
    stack.start()?;
    let outcome = filled_and_freed(&stack, &disk);
    let down = stack.run(&["down"])?;
    outcome?;
    ensure(down.status.success(), || text(&down))
}

fn filled_and_freed(stack: &TestStack, disk: &SmallDisk) -> Outcome {
    let mut feed = Feed::new(now_ms());
    let sender = Sender::new(stack, "known")?;
    sender.send(&feed.next(60))?;
    sender.flush()?;
    rows_match(stack, &feed)?;

    disk.leave(LOW)?;
    paused_and_said(stack)?;
    sender.send(&feed.next(60))?;
    sender.flush()?;

    disk.leave(0)?;
    cassandra_waits(stack)?;
    unwritten_segment(&stack.home())?;

    disk.free()?;
    back_again(stack)?;
    rows_match(stack, &feed)
}

fn rows_match(stack: &TestStack, feed: &Feed) -> Outcome {
    let store = Store::connect(stack)?;
    until(LIMIT, || feed.expected.matches(&store.rows("known")?))
}

fn paused_and_said(stack: &TestStack) -> Outcome {
    until(LIMIT, || {
        let states = ["producer", "spark-job", "kafka", "cassandra"].map(|part| stack.part(part));
        let states =
            states.into_iter().map(|part| Ok(part?.state)).collect::<Result<Vec<_>, Failed>>()?;
        ensure(states == ["waiting", "waiting", "ready", "ready"], || format!("{states:?}"))
    })?;
    let status = stack.run(&["status"])?;
    let said = text(&status);
    ensure(
        status.status.code() == Some(1) && said.contains("waiting for disk space: disk full, "),
        || said.clone(),
    )?;
    let up = stack.up()?;
    let said = text(&up);
    ensure(up.status.success() && said.contains("it waits for disk space: disk full, "), || {
        said.clone()
    })?;
    until(LIMIT, || {
        let newest = newest_report(stack)?;
        let waiting_for = newest["waiting_for"].as_str().unwrap_or_default();
        ensure(
            newest["state"] == "waiting" && waiting_for.starts_with("disk space: disk full, "),
            || newest.to_string(),
        )
    })
}

/// What the topic `health` says of the stack.
fn newest_report(stack: &TestStack) -> Result<Value, Failed> {
    let reports = read_all(stack, "health")?;
    let of_stack = reports.iter().rev().find(|report| report.key == b"freshet-dev");
    Ok(serde_json::from_slice(&of_stack.ok_or("the stack has not reported")?.value)?)
}

fn cassandra_waits(stack: &TestStack) -> Outcome {
    let pid = stack.part("cassandra")?.pid.ok_or("cassandra has no process")?;
    signal(pid, Signal::SIGKILL)?;
    until(LIMIT, || {
        // The supervisor cannot write down that it waits: there is no room for that either.
        let state = stack.part("cassandra")?.state;
        ensure(["gone", "waiting"].contains(&state.as_str()), || state)
    })?;
    let said = text(&stack.run(&["status"])?);
    ensure(said.contains("waiting for disk space: disk full, 0 MiB left"), || said.clone())
}

/// As Cassandra leaves it when the disk has no block for its header: laid out, and never written.
fn unwritten_segment(home: &Path) -> io::Result<()> {
    let file = File::create(home.join("data/cassandra/commitlog").join(SEGMENT))?;
    file.set_len(SEGMENT_SIZE)
}

fn back_again(stack: &TestStack) -> Outcome {
    until(LIMIT, || {
        let output: Output = stack.run(&["status"])?;
        ensure(output.status.success(), || text(&output))
    })?;
    let said = text(&stack.run(&["status"])?);
    let aside = stack.home().join("data/cassandra/commitlog-set-aside").join(SEGMENT);
    ensure(
        said.contains(&format!(
            "moved a segment of Cassandra's commit log aside to {}",
            aside.display()
        )),
        || said.clone(),
    )?;
    let log = fs::read_to_string(stack.home().join("logs/supervisor.log"))?;
    ensure(log.contains("commitlog-set-aside"), || log.clone())?;
    ensure(fs::metadata(&aside)?.len() == SEGMENT_SIZE, || {
        "the segment is not what it was".to_owned()
    })
}

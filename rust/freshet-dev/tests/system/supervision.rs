//! What the supervisor promises, with the whole stack.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::process::Stdio;
use std::time::{Duration, Instant};

use freshet_dev::state::now_ms;
use nix::sys::signal::Signal;

use crate::Outcome;
use crate::cassandra::Store;
use crate::feed::Feed;
use crate::kafka::Sender;
use crate::lab::Use;
use crate::process::{none_left, signal};
use crate::stack::{TestStack, text};
use crate::waiting::{LIMIT, ensure, until};

/// Everything has to be stopped in order within this time.
const STOP_LIMIT: Duration = Duration::from_secs(20);

pub(crate) fn taken_port_is_named() -> Outcome {
    let stack = TestStack::new(false)?;
    let _listener = TcpListener::bind((Ipv4Addr::LOCALHOST, stack.kafka_port()))?;
    let output = stack.up()?;
    let said = text(&output);
    ensure(output.status.code() == Some(4), || format!("exit status {:?}: {said}", output.status))?;
    let (port, pid) = (stack.kafka_port(), std::process::id());
    let wanted = format!("(pid {pid}); stop it, or set [dev] kafka_port");
    ensure(said.contains(&format!("port {port} is taken by")) && said.contains(&wanted), || {
        said.clone()
    })
}

pub(crate) fn second_up_changes_nothing() -> Outcome {
    let mut lab = Use::running()?;
    let stack = &lab.get().stack;
    let before = pids(stack)?;
    let output = stack.up()?;
    let said = text(&output);
    ensure(output.status.success() && said.contains("running already"), || said.clone())?;
    ensure(!said.contains("has changed since the start"), || said.clone())?;
    let config = fs::read_to_string(stack.config())?;
    fs::write(stack.config(), config.replace(r#"lateness = "1m""#, r#"lateness = "2m""#))?;
    let said = text(&stack.up()?);
    fs::write(stack.config(), config)?;
    let wanted = "has changed since the start (stream 'known' lateness); `./freshet down`, then";
    ensure(said.contains("running already") && said.contains(wanted), || said.clone())?;
    let after = pids(stack)?;
    ensure(before == after, || format!("processes have changed: {before:?}, {after:?}"))
}

/// A process that is stopped by a signal holds its port, and the kernel takes connections for it.
pub(crate) fn stopped_parts_are_named() -> Outcome {
    let mut lab = Use::running()?;
    let stack = &lab.get().stack;
    for name in ["spark-job", "writer", "producer", "dashboard", "cassandra", "kafka"] {
        let pid = stack.part(name)?.pid.ok_or("the part has no process")?;
        signal(pid, Signal::SIGSTOP)?;
        // All threads of a process need a moment to stop.
        let told = until(LIMIT, || stopped_part_is_named(stack, name));
        signal(pid, Signal::SIGCONT)?;
        told?;
    }
    until(LIMIT, || {
        let output = stack.run(&["status"])?;
        ensure(output.status.success(), || text(&output))
    })
}

fn stopped_part_is_named(stack: &TestStack, name: &str) -> Outcome {
    let output = stack.run(&["status"])?;
    let (said, wanted) = (text(&output), format!("{name}: its process is stopped"));
    ensure(output.status.code() == Some(1) && said.contains(&wanted), || said)?;
    let state = stack.part(name)?.state;
    ensure(state == "suspended", || state)
}

/// What an `up` says that comes while another one is starting the stack, and that other one when `down` ends it.
pub(crate) fn interrupted_up() -> Outcome {
    let stack = TestStack::new(false)?;
    let config = stack.config();
    let arguments = ["up", "--detach", "-c", config.to_str().ok_or("odd path")?];
    let first = stack.command(&arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    until(LIMIT, || {
        let phase = stack.status()?["phase"].clone();
        ensure(phase == "starting", || format!("phase {phase}"))
    })?;
    let supervisor = stack.supervisor()?;
    let second = stack.run(&arguments)?;
    let down = stack.run(&["down"])?;
    let first = first.wait_with_output()?;
    let (first_said, second_said) = (text(&first), text(&second));
    let wanted = format!("another `up` is starting freshet already (pid {supervisor})");
    ensure(second.status.code() == Some(1) && second_said.contains(&wanted), || {
        second_said.clone()
    })?;
    ensure(down.status.success(), || text(&down))?;
    let wanted = "stopped before it was ready, by `./freshet down` (pid ";
    ensure(first.status.code() == Some(1) && first_said.contains(wanted), || first_said.clone())?;
    none_left(&stack.home(), Duration::from_secs(2))
}

fn pids(stack: &TestStack) -> Result<Vec<Option<u64>>, libtest_mimic::Failed> {
    let status = stack.status()?;
    let parts = status["parts"].as_array().ok_or("no parts")?;
    Ok(parts
        .iter()
        .map(|part| part["pid"].as_u64())
        .chain([status["supervisor"].as_u64()])
        .collect())
}

/// Nothing outlives a killed supervisor; the next `up` finds all data again and goes on where the last one ended.
pub(crate) fn killed_supervisor() -> Outcome {
    let mut lab = Use::running()?;
    let lab = lab.get();
    lab.feed_while(60, |_| Ok(()))?;
    signal(lab.stack.supervisor()?, Signal::SIGKILL)?;
    none_left(&lab.stack.home(), STOP_LIMIT)?;
    let output = lab.stack.run(&["status"])?;
    ensure(output.status.code() == Some(3), || text(&output))?;
    lab.stack.start()?;
    lab.rows_match()?;
    lab.feed_while(60, |_| Ok(()))
}

pub(crate) fn down_ends_everything() -> Outcome {
    let mut lab = Use::running()?;
    let stack = &lab.get().stack;
    let begun = Instant::now();
    let output = stack.run(&["down"])?;
    let took = begun.elapsed();
    ensure(output.status.success() && took <= STOP_LIMIT, || {
        format!("after {took:?}: {}", text(&output))
    })?;
    none_left(&stack.home(), Duration::from_secs(2))?;
    let again = stack.run(&["down"])?;
    ensure(again.status.code() == Some(3), || text(&again))?;
    let purged = stack.run(&["down", "--purge"])?;
    ensure(purged.status.success() && !stack.home().exists(), || text(&purged))
}

/// `ZooKeeper` and Kafka 3.9 instead of Kafka 4, in the foreground, ended by Ctrl-C.
pub(crate) fn zookeeper() -> Outcome {
    let stack = TestStack::new(true)?;
    let mut up = stack.start_in_foreground()?;
    ensure(stack.part("zookeeper")?.state == "ready", || "there is no zookeeper".to_owned())?;
    let outcome = known_records_match(&stack);
    signal(up.id(), Signal::SIGINT)?;
    let begun = Instant::now();
    let status = up.wait()?;
    let took = begun.elapsed();
    outcome?;
    ensure(status.success() && took <= STOP_LIMIT, || format!("{status} after {took:?}"))?;
    none_left(&stack.home(), Duration::from_secs(2))
}

fn known_records_match(stack: &TestStack) -> Outcome {
    let mut feed = Feed::new(now_ms());
    let sender = Sender::new(stack, "known")?;
    sender.send(&feed.next(120))?;
    sender.flush()?;
    let store = Store::connect(stack)?;
    until(LIMIT, || feed.expected.matches(&store.rows("known")?))
}

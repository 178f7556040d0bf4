//! Parts killed in the midst of their work.

use freshet_dev::state::now_ms;
use libtest_mimic::Failed;
use nix::sys::signal::Signal;

use crate::Outcome;
use crate::cassandra::Store;
use crate::expectation::{Expectation, Kind};
use crate::kafka::read_all;
use crate::lab::Use;
use crate::process::signal;
use crate::stack::TestStack;
use crate::waiting::{LIMIT, ensure, until};

const FLEET: [Kind; 1] = [Kind::tumbling("10s", 10_000)];

/// Kills a part between two halves of the records; everything must be counted once.
pub(crate) fn killed(part: &str) -> Outcome {
    let mut lab = Use::running()?;
    lab.get().feed_while(240, |stack| kill_and_wait(stack, part))
}

/// Kills a part with SIGKILL; the supervisor has to start it again.
fn kill_and_wait(stack: &TestStack, part: &str) -> Outcome {
    let before = stack.part(part)?;
    signal(before.pid.ok_or("the part has no process")?, Signal::SIGKILL)?;
    until(LIMIT, || {
        let now = stack.part(part)?;
        let restarted = now.restarts == before.restarts + 1 && now.state == "ready";
        ensure(restarted && now.pid != before.pid, || {
            format!("{part} was not started again: {now:?}")
        })
    })
}

/// The producer's own records are not known beforehand: what it has brought to Kafka is what must be counted.
pub(crate) fn killed_producer() -> Outcome {
    let mut lab = Use::running()?;
    let stack = &lab.get().stack;
    kill_and_wait(stack, "producer")?;
    let killed = now_ms();
    until(LIMIT, || closed_windows_match(stack, killed))
}

/// Compares windows that are closed and began before the kill, and one after it at least.
fn closed_windows_match(stack: &TestStack, killed: i64) -> Outcome {
    let (mut expected, newest) = counted_from_topic(stack)?;
    // Raw records come in order of time here: windows that ended before the newest one are complete.
    let closed = |_: i64, end: i64| end <= newest - newest.rem_euclid(10_000);
    ensure(newest > killed + 20_000, || "no window after the kill is closed yet".to_owned())?;
    expected.retain(closed);
    ensure(expected.len() > 0, || "no window is closed yet".to_owned())?;
    let mut rows = Store::connect(stack)?.rows("fleet")?;
    rows.retain(|key, row| closed(key.start, row.end));
    expected.matches(&rows)
}

fn counted_from_topic(stack: &TestStack) -> Result<(Expectation, i64), Failed> {
    let mut expected = Expectation::default();
    let mut newest = 0;
    for record in read_all(stack, "raw.fleet")? {
        let reading: serde_json::Value = serde_json::from_slice(&record.value)?;
        let at = reading["time"].as_i64().ok_or("a reading without a time")?;
        let sensor = reading["sensor"].as_str().ok_or("a reading without a sensor")?;
        let value = reading["temperature"].as_f64().ok_or("a reading without a temperature")?;
        expected.add(&FLEET, sensor, "temperature", at, value);
        newest = newest.max(at);
    }
    Ok((expected, newest))
}

//! What takes minutes.

use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::Outcome;
use crate::lab::Use;
use crate::process::signal;

const OUTAGE: Duration = Duration::from_mins(2);
/// Seconds of event time in a second.
const SOAK_SPEED: i64 = 30;
const SOAK: Duration = Duration::from_mins(10);

/// A store that is there but does not answer, for minutes: worse for its clients than one that is gone.
pub(crate) fn frozen(part: &str) -> Outcome {
    let mut lab = Use::running()?;
    lab.get().feed_while(600, |stack| {
        let pid = stack.part(part)?.pid.ok_or("the part has no process")?;
        signal(pid, Signal::SIGSTOP)?;
        thread::sleep(OUTAGE);
        signal(pid, Signal::SIGCONT)
    })
}

/// Load without a pause, thirty times as fast as the clock: event time must not get to the present before the end,
/// since events of the future are rejected.
pub(crate) fn soak() -> Outcome {
    let mut lab = Use::running()?;
    let begun = Instant::now();
    let mut fed = 0;
    while begun.elapsed() < SOAK {
        let due = i64::try_from(begun.elapsed().as_secs())? * SOAK_SPEED - fed;
        let seconds = due.clamp(1, 600);
        lab.get().feed_while(seconds, |_| Ok(()))?;
        fed += seconds;
    }
    Ok(())
}

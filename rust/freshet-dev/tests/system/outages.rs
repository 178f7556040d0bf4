//! What takes minutes.

use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::Outcome;
use crate::lab::Use;
use crate::process::signal;

const OUTAGE: Duration = Duration::from_mins(2);
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

/// Load without a pause.
pub(crate) fn soak() -> Outcome {
    let mut lab = Use::running()?;
    let begun = Instant::now();
    while begun.elapsed() < SOAK {
        lab.get().feed_while(600, |_| Ok(()))?;
    }
    Ok(())
}

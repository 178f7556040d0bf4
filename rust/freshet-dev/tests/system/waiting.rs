//! Waiting for something to come true, with the last reason why it has not.

use std::thread;
use std::time::{Duration, Instant};

use libtest_mimic::Failed;

const INTERVAL: Duration = Duration::from_millis(100);
/// Generous: a loaded machine with two cores must make it.
pub(crate) const LIMIT: Duration = Duration::from_secs(90);

/// Asks until the answer is yes; fails with the last no.
pub(crate) fn until<T>(
    limit: Duration,
    mut attempt: impl FnMut() -> Result<T, Failed>,
) -> Result<T, Failed> {
    let begun = Instant::now();
    loop {
        match attempt() {
            Ok(value) => return Ok(value),
            Err(no) if begun.elapsed() > limit => {
                let no = no.message().unwrap_or("no reason given").to_owned();
                return Err(format!("not within {} s: {no}", limit.as_secs()).into());
            }
            Err(_) => thread::sleep(INTERVAL),
        }
    }
}

/// A failure when something does not hold.
pub(crate) fn ensure(holds: bool, otherwise: impl FnOnce() -> String) -> Result<(), Failed> {
    if holds { Ok(()) } else { Err(otherwise().into()) }
}

//! Looking at the processes of one stack: all have its home in their environment, whoever their parent is.

use std::fs;
use std::path::Path;

use libtest_mimic::Failed;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::waiting::{ensure, until};

/// The live processes that run with this home, as (id, command).
pub(crate) fn of_home(home: &Path) -> Vec<(u32, String)> {
    let marker = format!("FRESHET_HOME={}", home.display());
    let processes = fs::read_dir("/proc").into_iter().flatten().filter_map(Result::ok);
    processes
        .filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok())
        .filter(|pid| {
            let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            environment.split(|byte| *byte == 0).any(|variable| variable == marker.as_bytes())
        })
        .map(|pid| (pid, command_line(pid).chars().take(120).collect()))
        .collect()
}

/// The command line of a process; empty when it is gone.
pub(crate) fn command_line(pid: u32) -> String {
    let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let words: Vec<_> = line.split(|byte| *byte == 0).map(String::from_utf8_lossy).collect();
    words.join(" ")
}

/// Waits until no process of this home is left.
pub(crate) fn none_left(home: &Path, limit: std::time::Duration) -> Result<(), Failed> {
    until(limit, || {
        let left = of_home(home);
        ensure(left.is_empty(), || format!("processes are left: {left:?}"))
    })
}

/// Sends a signal to one process.
pub(crate) fn signal(pid: u32, signal: Signal) -> Result<(), Failed> {
    Ok(kill(Pid::from_raw(i32::try_from(pid)?), signal)?)
}

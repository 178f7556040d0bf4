//! `./freshet down`

use std::fmt::Display;
use std::fs;
use std::process::{self, ExitCode};
use std::time::Duration;

use anyhow::bail;
use nix::sys::signal::Signal;

use super::exit;
use super::project::Project;
use super::running::{guards_limit, wait_until_gone};
use crate::cli::DownArgs;
use crate::display::say;
use crate::services::longest_stop;
use crate::state::{Home, Process, ProcessLock, Topology};

/// What the supervisor itself needs beside its parts.
const MARGIN: Duration = Duration::from_secs(5);

pub(super) fn run(arguments: &DownArgs) -> anyhow::Result<ExitCode> {
    let home = Project::find()?.home;
    if arguments.purge
        && let Some(benchmark) = ProcessLock::holder(&home.benchmark_lock())?
    {
        bail!(
            "a benchmark is running (pid {benchmark}), and its data would be deleted as well; wait for its end, or \
             stop it with Ctrl-C"
        );
    }
    let was_running = stop(&home)?;
    if arguments.purge {
        home.purge()?;
        say(format_args!("deleted the data in {}", home.folder().display()))?;
        return Ok(ExitCode::SUCCESS);
    }
    if was_running {
        say(format_args!("stopped; the data stays in {}", home.folder().display()))?;
        return Ok(ExitCode::SUCCESS);
    }
    say("freshet is not running")?;
    Ok(ExitCode::from(exit::NOT_RUNNING))
}

/// Stops everything; says whether there was anything.
fn stop(home: &Home) -> anyhow::Result<bool> {
    // Both topologies' parts: which one runs does not matter for a limit.
    let orderly = longest_stop(Topology::Zookeeper) + MARGIN;
    let Some(supervisor) = supervisor(home)? else {
        let left = home.has_parts()?;
        return if left { wait_for_guards(home).map(|()| true) } else { Ok(false) };
    };
    // Without it, an `up` that waits for the supervisor could only name the signal.
    drop(fs::write(home.stop_request(), format!("`./freshet down` (pid {})", process::id())));
    signal(home, supervisor, Signal::SIGTERM)?;
    // One that was stopped by a signal could not follow.
    signal(home, supervisor, Signal::SIGCONT)?;
    if wait_until_gone(home, orderly)? {
        return Ok(true);
    }
    if signal(home, supervisor, Signal::SIGKILL)? {
        say(format_args!("the supervisor did not end within {} s; killed it", orderly.as_secs()))?;
    }
    wait_for_guards(home).map(|()| true)
}

/// Guards end their parts side by side once their supervisor is gone.
fn wait_for_guards(home: &Home) -> anyhow::Result<()> {
    if !wait_until_gone(home, guards_limit())? {
        bail!("some part does not end; see `./freshet status` and `ps`, end it by its process id");
    }
    Ok(())
}

/// The process that holds the supervisor's lock.
fn supervisor(home: &Home) -> anyhow::Result<Option<Process>> {
    Ok(home.supervisor()?.and_then(Process::of))
}

/// Signals the supervisor if it still is the one that holds the lock: it may have ended meanwhile, and its number may
/// be another process's by now. Says whether it was sent.
fn signal(home: &Home, process: Process, signal: Signal) -> anyhow::Result<bool> {
    if !supervisor(home)?.is_some_and(|now| now.is(&process)) {
        return Ok(false);
    }
    process.signal(signal).or_else(|error| refused(process.id, error))
}

fn refused(id: u32, error: impl Display) -> anyhow::Result<bool> {
    bail!("cannot signal the supervisor (pid {id}): {error}; is it another user's?")
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_process_that_no_longer_supervises_is_not_signalled() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::new(folder.path());
        home.create().unwrap();
        let mut bystander = Command::new("sleep").arg("1000").spawn().unwrap();
        let process = Process::of(bystander.id()).unwrap();
        // As a supervisor that ended leaves it.
        std::fs::write(home.supervisor_lock(), format!("{}\n", process.id)).unwrap();
        assert!(!signal(&home, process, Signal::SIGKILL).unwrap());
        // As a supervisor that was started meanwhile has it.
        let _lock = ProcessLock::exclusive(&home.supervisor_lock()).unwrap().unwrap();
        assert!(!signal(&home, process, Signal::SIGKILL).unwrap());
        assert!(process.is_alive());
        bystander.kill().unwrap();
        bystander.wait().unwrap();
    }
}

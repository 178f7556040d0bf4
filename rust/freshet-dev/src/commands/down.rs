//! `./freshet down`

use std::process::ExitCode;
use std::time::Duration;

use anyhow::bail;
use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::exit;
use super::project::Project;
use super::running::wait_until_gone;
use crate::cli::DownArgs;
use crate::display::say;
use crate::state::{Home, ProcessLock};

/// Longer than all parts together may take, which is 20 s.
const ORDERLY: Duration = Duration::from_secs(25);
/// The guards' own limit, after their supervisor is gone.
const FORCED: Duration = Duration::from_secs(15);

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
    let supervisor = home.supervisor()?;
    if supervisor.is_none() && !home.has_parts()? {
        return Ok(false);
    }
    if let Some(supervisor) = supervisor {
        signal(supervisor, Signal::SIGTERM)?;
        if wait_until_gone(home, ORDERLY)? {
            return Ok(true);
        }
        say("the supervisor does not end by itself; killing it")?;
        signal(supervisor, Signal::SIGKILL)?;
    }
    if !wait_until_gone(home, FORCED)? {
        bail!("some part does not end; see `./freshet status` and `ps`, end it by its process id");
    }
    Ok(true)
}

fn signal(process: u32, signal: Signal) -> anyhow::Result<()> {
    match kill(Pid::from_raw(i32::try_from(process)?), signal) {
        // It has ended by itself meanwhile.
        Ok(()) | Err(Errno::ESRCH) => Ok(()),
        Err(error) => bail!("cannot signal the supervisor (pid {process}): {error}"),
    }
}

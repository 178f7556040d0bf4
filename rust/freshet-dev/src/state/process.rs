//! A process that cannot be taken for another one: its number comes back some day, its number with its start does not.

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd;
use sysinfo::{Pid, ProcessRefreshKind, ProcessStatus, ProcessesToUpdate, System};

/// A start is told relative to that of the machine, which the system computes anew from a clock that is being set: the
/// same start may differ by a second from look to look. Numbers do not come back that fast.
const START_TOLERANCE: u64 = 1;

/// One run of a program.
#[derive(Clone, Copy, Debug)]
pub struct Process {
    /// Its number.
    pub id: u32,
    /// When it began, in seconds since the epoch.
    started: u64,
}

impl Process {
    /// The process that has this number now; `None` when there is none, or only a dead one that is not collected yet.
    pub fn of(id: u32) -> Option<Self> {
        look(id).map(|(started, _)| Self { id, started })
    }

    /// Whether both are the same run of a program.
    pub fn is(&self, other: &Self) -> bool {
        self.id == other.id && self.started.abs_diff(other.started) <= START_TOLERANCE
    }

    /// Whether it still runs.
    pub fn is_alive(&self) -> bool {
        Self::of(self.id).is_some_and(|now| now.is(self))
    }

    /// Whether it is stopped by a signal or held by a debugger: alive, and doing nothing.
    pub fn is_suspended(&self) -> bool {
        look(self.id).is_some_and(|(started, status)| {
            self.is(&Self { id: self.id, started })
                && matches!(status, ProcessStatus::Stop | ProcessStatus::Tracing)
        })
    }

    /// Sends a signal, unless the process has ended and its number may be another one's; says whether it was sent.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn signal(&self, signal: Signal) -> Result<bool, Errno> {
        if !self.is_alive() {
            return Ok(false);
        }
        let id = i32::try_from(self.id).map_err(|_| Errno::ESRCH)?;
        match kill(unistd::Pid::from_raw(id), signal) {
            Ok(()) => Ok(true),
            Err(Errno::ESRCH) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

fn look(id: u32) -> Option<(u64, ProcessStatus)> {
    let mut system = System::new().ok()?;
    let pid = Pid::from_u32(id);
    let nothing = ProcessRefreshKind::nothing();
    system.refresh_processes_specifics(ProcessesToUpdate::Some(&[pid]), true, nothing);
    let process = system.process(pid)?;
    let status = process.status();
    let ended = matches!(status, ProcessStatus::Zombie | ProcessStatus::Dead);
    (!ended).then(|| (process.start_time(), status))
}

/// Whether a child of this process has ended. It is not collected, so that its number stays its own.
pub fn child_has_ended(pid: unistd::Pid) -> bool {
    let look = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
    !matches!(waitid(Id::Pid(pid), look), Ok(WaitStatus::StillAlive))
}

#[cfg(test)]
mod tests {
    use std::process::{Child, Command};

    use super::*;

    fn sleeper() -> Child {
        Command::new("sleep").arg("1000").spawn().unwrap()
    }

    #[test]
    fn a_number_that_another_process_has_by_now_is_not_signalled() {
        let mut child = sleeper();
        let now = Process::of(child.id()).unwrap();
        let before = Process { started: now.started - 60, ..now };
        // A clock that is being set moves the start by up to a second.
        assert!(Process { started: now.started - 1, ..now }.is_alive());
        assert!(!before.is_alive());
        assert_eq!(before.signal(Signal::SIGKILL), Ok(false));
        assert!(now.is_alive());
        assert_eq!(now.signal(Signal::SIGKILL), Ok(true));
        child.wait().unwrap();
        assert_eq!(now.signal(Signal::SIGKILL), Ok(false));
        assert!(Process::of(child.id()).is_none());
    }

    #[test]
    fn a_stopped_process_is_alive_and_suspended() {
        let mut child = sleeper();
        let process = Process::of(child.id()).unwrap();
        assert!(!process.is_suspended());
        process.signal(Signal::SIGSTOP).unwrap();
        while !process.is_suspended() {
            std::thread::yield_now();
        }
        assert!(process.is_alive());
        process.signal(Signal::SIGKILL).unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn an_ended_child_is_seen_and_keeps_its_number() {
        let mut child = Command::new("true").spawn().unwrap();
        let pid = unistd::Pid::from_raw(i32::try_from(child.id()).unwrap());
        while !child_has_ended(pid) {
            std::thread::yield_now();
        }
        assert!(Process::of(child.id()).is_none());
        assert!(child.wait().unwrap().success());
    }
}

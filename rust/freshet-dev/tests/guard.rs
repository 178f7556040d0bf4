//! What the guard promises, proved with real processes: nothing that it runs is left behind.

// The helpers of tests may fail like the tests themselves; clippy.toml only knows functions marked as tests.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use freshet_dev::state::{Process, ProcessLock};
use freshet_dev::supervise::{CommandLine, Exit, Guarded, Guards};
use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;
use tokio::time::{sleep, timeout};

const GRACE: Duration = Duration::from_millis(300);
const LIMIT: Duration = Duration::from_secs(20);

struct Place {
    folder: TempDir,
    guards: Guards,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let guards = Guards::new(env!("CARGO_BIN_EXE_freshet-dev"), folder.path().join("lock"));
        Self { folder, guards }
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    async fn run(&self, script: &str) -> Guarded {
        let command = CommandLine::new("sh", self.folder.path()).arg("-c").arg(script);
        self.guards.spawn(&command, &self.log(), GRACE).await.unwrap()
    }

    /// Waits for a process id that the script writes to a file.
    async fn pid_in(&self, file: &str) -> Pid {
        let file = self.folder.path().join(file);
        Pid::from_raw(until(|| fs::read_to_string(&file).ok()?.trim().parse().ok()).await)
    }
}

async fn until<T>(mut found: impl FnMut() -> Option<T>) -> T {
    let search = async {
        loop {
            if let Some(found) = found() {
                return found;
            }
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(LIMIT, search).await.expect("it did not come true in time")
}

/// Neither running nor waiting to be collected: a zombie no longer does anything, and init collects it.
fn is_gone(pid: Pid) -> bool {
    let zombie = || {
        let stat = fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("stat"));
        stat.is_ok_and(|stat| stat.contains(") Z "))
    };
    kill(pid, None) == Err(Errno::ESRCH) || zombie()
}

async fn gone(pid: Pid) {
    until(|| is_gone(pid).then_some(())).await;
}

#[tokio::test]
async fn the_exit_status_and_the_output_are_passed_on() {
    let place = Place::new();
    let mut part = place.run("echo out; echo err >&2; exit 7").await;
    assert_eq!(part.ended().await, Exit::Code(7));
    assert_eq!(fs::read_to_string(place.log()).unwrap(), "out\nerr\n");
    let mut part = place.run("kill -9 $$").await;
    assert_eq!(part.ended().await, Exit::Signal(9));
}

#[tokio::test]
async fn a_command_that_cannot_be_run_says_so_in_the_log() {
    let place = Place::new();
    let command = CommandLine::new("/nowhere/java", place.folder.path());
    let mut part = place.guards.spawn(&command, &place.log(), GRACE).await.unwrap();
    assert!(!part.ended().await.is_success());
    let log = fs::read_to_string(place.log()).unwrap();
    assert!(log.contains("cannot run /nowhere/java"), "{log}");
}

#[tokio::test]
async fn stopping_gives_the_part_time_to_end_by_itself() {
    let place = Place::new();
    let part = place
        .run("trap 'echo bye; exit 0' TERM; echo $$ > pid; while :; do sleep 0.01; done")
        .await;
    place.pid_in("pid").await;
    assert_eq!(part.stop().await, Exit::Code(0));
    // The shell says as well that its `sleep` was ended: the request goes to the whole group.
    assert!(fs::read_to_string(place.log()).unwrap().ends_with("bye\n"));
}

#[tokio::test]
async fn a_part_that_was_stopped_by_a_signal_ends_by_itself_too() {
    let place = Place::new();
    let part = place
        .run("trap 'echo bye; exit 0' TERM; echo $$ > pid; while :; do sleep 0.01; done")
        .await;
    let pid = place.pid_in("pid").await;
    kill(pid, Signal::SIGSTOP).unwrap();
    until(|| Process::of(part.pid()?)?.is_suspended().then_some(())).await;
    assert_eq!(part.stop().await, Exit::Code(0));
    assert!(fs::read_to_string(place.log()).unwrap().ends_with("bye\n"));
}

#[tokio::test]
async fn a_part_that_ignores_the_request_is_killed() {
    let place = Place::new();
    let part = place.run("trap '' TERM; echo $$ > pid; while :; do sleep 0.01; done").await;
    let pid = place.pid_in("pid").await;
    assert_eq!(part.stop().await, Exit::Signal(9));
    assert!(is_gone(pid));
}

#[tokio::test]
async fn what_a_part_has_started_ends_with_it() {
    let place = Place::new();
    let mut part = place.run("sleep 1000 & echo $! > pid; exit 0").await;
    let grandchild = place.pid_in("pid").await;
    assert_eq!(part.ended().await, Exit::Code(0));
    gone(grandchild).await;
}

#[tokio::test]
async fn a_part_ends_when_its_supervisor_is_gone() {
    let place = Place::new();
    let part = place.run("sleep 1000 & echo $! > pid; wait").await;
    let grandchild = place.pid_in("pid").await;
    let child = Pid::from_raw(i32::try_from(part.pid().unwrap()).unwrap());
    // The kernel closes the lifeline of a killed supervisor just like this.
    drop(part);
    gone(child).await;
    gone(grandchild).await;
}

#[tokio::test]
async fn a_part_dies_with_its_guard() {
    let place = Place::new();
    let mut part = place.run("echo $PPID > guard; exec sleep 1000").await;
    let guard = place.pid_in("guard").await;
    let child = Pid::from_raw(i32::try_from(part.pid().unwrap()).unwrap());
    kill(guard, Signal::SIGKILL).unwrap();
    assert_eq!(part.ended().await, Exit::GuardLost);
    gone(child).await;
}

#[tokio::test]
async fn the_lock_is_held_for_as_long_as_a_part_runs() {
    let place = Place::new();
    let lock = place.folder.path().join("lock");
    let part = place.run("exec sleep 1000").await;
    assert!(ProcessLock::is_held(&lock).unwrap());
    part.stop().await;
    assert!(!ProcessLock::is_held(&lock).unwrap());
}

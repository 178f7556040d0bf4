//! The guard: a small process between the supervisor and each part, which ends the part when the supervisor is gone,
//! however that ended.
//!
//! - Its standard input is a pipe that nobody writes to. End of file means "stop": the supervisor closed its end on
//!   purpose, or died.
//! - Its standard output tells the supervisor, one line each: `pid 4711`, and at the end `exit code 0`,
//!   `exit signal 9` or `failed <why>`.
//! - The part leads a process group of its own, which the guard ends as a whole: TERM, a grace period, KILL.
//! - Should the guard itself be killed, the kernel kills the part (Linux's parent-death signal, see [`bind`]).

use std::ffi::OsString;
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{self, ExitStatus, Stdio};
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe::Receiver;
use tokio::process::{Child, Command};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::timeout;

use super::log_file::LogFile;
use crate::state::{LockError, ProcessLock, child_has_ended};

/// A log begins anew at this size; with its predecessor a part keeps twice as much.
const LOG_LIMIT: u64 = 32 << 20;
/// How long the last output of an ended part may take to arrive: a stray grandchild may hold the pipe open.
const LAST_OUTPUT: Duration = Duration::from_secs(1);

/// What to run and how to end it.
#[derive(Clone, Debug, clap::Args)]
pub struct GuardArgs {
    /// File that the part's output is appended to
    #[arg(long)]
    log: PathBuf,
    /// Lock that is shared by all guards of one stack
    #[arg(long)]
    lock: PathBuf,
    /// How long the part may take to end by itself, in milliseconds
    #[arg(long)]
    grace: u64,
    /// The part's own command
    #[arg(last = true, required = true)]
    command: Vec<OsString>,
}

/// The second half of starting a part, in its own process; see [`bind`].
#[derive(Clone, Debug, clap::Args)]
pub struct BindArgs {
    /// The guard's process id
    #[arg(long)]
    guard: u32,
    /// The part's own command
    #[arg(last = true, required = true)]
    command: Vec<OsString>,
}

/// Why a part could not be guarded.
#[derive(Debug, thiserror::Error)]
pub enum GuardError {
    /// The stack's lock was not to be had.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// Another stack is using this home alone.
    #[error("the parts lock is held by another process; see whether another stack is starting")]
    Locked,
    /// The operating system refused something.
    #[error("cannot {what}: {source}")]
    System {
        /// What was tried.
        what: String,
        /// The system's answer.
        source: io::Error,
    },
}

fn system(what: impl Into<String>) -> impl FnOnce(io::Error) -> GuardError {
    move |source| GuardError::System { what: what.into(), source }
}

/// Runs a part until it ends or the supervisor is gone; gives the exit status to pass on.
///
/// # Errors
/// When the part could not be started at all.
pub async fn run(arguments: GuardArgs) -> Result<u8, GuardError> {
    let outcome = guard(arguments).await;
    match &outcome {
        Ok(status) => report(&describe(*status)),
        Err(error) => report(&format!("failed {error}")),
    }
    outcome.map(exit_code)
}

async fn guard(arguments: GuardArgs) -> Result<ExitStatus, GuardError> {
    let _lock = ProcessLock::shared(&arguments.lock)?.ok_or(GuardError::Locked)?;
    let log = LogFile::open(&arguments.log, LOG_LIMIT)
        .map_err(system(format!("open {}", arguments.log.display())))?;
    let lifeline = lifeline().map_err(system("watch standard input, which has to be a pipe"))?;
    let (output, input) = io::pipe().map_err(system("make a pipe"))?;
    let mut child = spawn(&arguments.command, input).map_err(system("start the part"))?;
    let group = child.id().and_then(|id| i32::try_from(id).ok()).map(Pid::from_raw);
    report(&format!("pid {}", child.id().unwrap_or_default()));
    let copying = tokio::spawn(copy(OwnedFd::from(output), log));

    let mut end = End::of(child.id()).map_err(system("watch the part"))?;
    tokio::select! {
        () = end.came() => {}
        () = told_to_stop(lifeline) => stop(&mut end, group, Duration::from_millis(arguments.grace)).await,
    }
    // Whatever the part started and left behind ends with it.
    signal_group(group, Signal::SIGKILL);
    let status = child.wait().await.map_err(system("wait for the part"))?;
    // Losing the last words of a part is no reason to fail: a stray grandchild can keep the pipe open for ever.
    drop(timeout(LAST_OUTPUT, copying).await);
    Ok(status)
}

/// A pipe end that is readable to its end exactly when the supervisor is gone.
fn lifeline() -> io::Result<Receiver> {
    Receiver::from_owned_fd(io::stdin().as_fd().try_clone_to_owned()?)
}

fn spawn(command: &[OsString], output: io::PipeWriter) -> io::Result<Child> {
    Command::new(own_program())
        .arg("bind")
        .arg("--guard")
        .arg(process::id().to_string())
        .arg("--")
        .args(command)
        .stdin(Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(output)
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
}

/// The running program itself. On Linux the link works even when a new build has replaced the file meanwhile.
pub fn own_program() -> PathBuf {
    if cfg!(target_os = "linux") {
        return PathBuf::from("/proc/self/exe");
    }
    std::env::current_exe().unwrap_or_else(|_| PathBuf::from("freshet-dev"))
}

/// Returns when the supervisor is gone, or somebody asks the guard itself to end.
async fn told_to_stop(mut lifeline: Receiver) {
    let asked = async {
        let (Ok(mut term), Ok(mut interrupt)) =
            (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
        else {
            return std::future::pending().await;
        };
        tokio::select! {
            _ = term.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    let mut nothing = [0; 64];
    let gone = async { while matches!(lifeline.read(&mut nothing).await, Ok(1..)) {} };
    tokio::select! {
        () = asked => {}
        () = gone => {}
    }
}

/// Asks the part to end and waits for it, no longer than the grace.
async fn stop(end: &mut End, group: Option<Pid>, grace: Duration) {
    signal_group(group, Signal::SIGTERM);
    // A part that was stopped by a signal could not follow.
    signal_group(group, Signal::SIGCONT);
    // Elapsed or not: what is left of the group is killed next.
    drop(timeout(grace, end.came()).await);
}

/// The end of the part, seen without collecting it: as long as it is not collected, its number, which is that of its
/// group as well, cannot become another process's, and signals to the group reach nobody else.
struct End {
    pid: Option<Pid>,
    children: tokio::signal::unix::Signal,
}

impl End {
    fn of(id: Option<u32>) -> io::Result<Self> {
        let pid = id.and_then(|id| i32::try_from(id).ok()).map(Pid::from_raw);
        Ok(Self { pid, children: signal(SignalKind::child())? })
    }

    /// Returns once the part has ended. May be cancelled and called again.
    async fn came(&mut self) {
        while self.pid.is_some_and(|pid| !child_has_ended(pid)) {
            self.children.recv().await;
        }
    }
}

fn signal_group(group: Option<Pid>, signal: Signal) {
    let Some(group) = group else { return };
    match killpg(group, signal) {
        // The group is gone already, or what is left of it has only to be collected.
        Ok(()) | Err(Errno::ESRCH | Errno::EPERM) => {}
        Err(error) => report(&format!("note cannot signal group {group}: {error}")),
    }
}

async fn copy(output: OwnedFd, mut log: LogFile) -> io::Result<()> {
    let mut output = Receiver::from_owned_fd(output)?;
    let mut buffer = vec![0; 64 << 10];
    loop {
        let length = output.read(&mut buffer).await?;
        if length == 0 {
            return Ok(());
        }
        // A full disk must not stop the part: its output is read on, so that it does not block.
        drop(log.append(&buffer[..length]));
    }
}

/// Tells the supervisor; nobody listens any more when it is gone.
fn report(line: &str) {
    let mut output = io::stdout().lock();
    drop(writeln!(output, "{line}").and_then(|()| output.flush()));
}

fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("exit signal {signal}"),
        (None, None) => format!("failed {status}"),
    }
}

/// As shells pass it on: the code, or 128 plus the signal.
fn exit_code(status: ExitStatus) -> u8 {
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
}

/// Ties this process to the guard that started it, then becomes the part's own command.
///
/// The parent-death signal belongs to a process and outlives `exec`; setting it from the guard would need code between
/// `fork` and `exec`, which is unsafe. So the part starts as this program, and replaces itself.
///
/// # Errors
/// When the command cannot be executed; otherwise this does not return.
pub fn bind(arguments: &BindArgs) -> Result<std::convert::Infallible, GuardError> {
    #[cfg(target_os = "linux")]
    nix::sys::prctl::set_pdeathsig(Signal::SIGKILL)
        .map_err(|errno| system("tie the part to its guard")(errno.into()))?;
    if u32::try_from(nix::unistd::getppid().as_raw()) != Ok(arguments.guard) {
        // The guard died before the tie was made.
        return Err(system("start the part")(io::Error::other("its guard is gone")));
    }
    let (program, rest) = arguments
        .command
        .split_first()
        .ok_or_else(|| system("start")(io::ErrorKind::NotFound.into()))?;
    let error = process::Command::new(program).args(rest).exec();
    Err(system(format!("run {}", program.to_string_lossy()))(error))
}

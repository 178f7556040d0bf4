//! The supervisor's end of a guard.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use super::CommandLine;

/// How a part ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Exit {
    /// By itself, with this status.
    Code(i32),
    /// By this signal.
    Signal(i32),
    /// It never ran.
    Failed(String),
    /// Its guard was killed, and the part with it.
    GuardLost,
}

impl Exit {
    /// Whether it ended well.
    pub fn is_success(&self) -> bool {
        *self == Self::Code(0)
    }

    fn parse(line: &str) -> Option<Self> {
        if let Some(code) = line.strip_prefix("exit code ") {
            return code.parse().ok().map(Self::Code);
        }
        if let Some(signal) = line.strip_prefix("exit signal ") {
            return signal.parse().ok().map(Self::Signal);
        }
        line.strip_prefix("failed ").map(|why| Self::Failed(why.to_owned()))
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(formatter, "ended with exit code {code}"),
            Self::Signal(signal) => write!(formatter, "was killed by signal {signal}"),
            Self::Failed(why) => write!(formatter, "did not start: {why}"),
            Self::GuardLost => write!(formatter, "lost its guard, which was killed"),
        }
    }
}

/// Why a part could not be started.
#[derive(Debug, thiserror::Error)]
#[error("cannot start {program}: {source}")]
pub struct GuardedError {
    program: String,
    source: io::Error,
}

/// How to start guards for one stack.
#[derive(Clone, Debug)]
pub struct Guards {
    program: PathBuf,
    lock: PathBuf,
}

impl Guards {
    /// Guards that run as `program` (freshet-dev) and share `lock`.
    pub fn new(program: impl Into<PathBuf>, lock: impl Into<PathBuf>) -> Self {
        Self { program: program.into(), lock: lock.into() }
    }

    /// Starts a command under a guard; its output goes to `log`, and it has `grace` to end when it is told to.
    ///
    /// # Errors
    /// When the guard cannot be started.
    pub async fn spawn(
        &self,
        command: &CommandLine,
        log: &Path,
        grace: Duration,
    ) -> Result<Guarded, GuardedError> {
        let failed = |source| GuardedError { program: command.name(), source };
        let mut guard = Command::new(&self.program)
            .arg("guard")
            .arg("--log")
            .arg(log)
            .arg("--lock")
            .arg(&self.lock)
            .arg("--grace")
            .arg(grace.as_millis().to_string())
            .arg("--")
            .arg(&command.program)
            .args(&command.arguments)
            .envs(command.environment.iter().map(|(name, value)| (name, value)))
            .current_dir(&command.folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            // Ctrl-C on the terminal is for the supervisor, which ends the parts in order.
            .process_group(0)
            .spawn()
            .map_err(failed)?;
        let (Some(lifeline), Some(reports)) = (guard.stdin.take(), guard.stdout.take()) else {
            return Err(failed(io::ErrorKind::BrokenPipe.into()));
        };
        let mut guarded = Guarded {
            guard,
            lifeline: Some(lifeline),
            reports: BufReader::new(reports).lines(),
            pid: None,
            exit: None,
        };
        guarded.read_report().await;
        Ok(guarded)
    }
}

/// A part that runs under a guard. Dropping it ends the part.
#[derive(Debug)]
pub struct Guarded {
    guard: Child,
    lifeline: Option<ChildStdin>,
    reports: Lines<BufReader<ChildStdout>>,
    pid: Option<u32>,
    exit: Option<Exit>,
}

impl Guarded {
    /// The part's own process.
    pub fn pid(&self) -> Option<u32> {
        self.pid
    }

    /// Waits until the part has ended, for whatever reason. May be cancelled and called again.
    pub async fn ended(&mut self) -> Exit {
        while self.exit.is_none() && self.read_report().await {}
        // Collects the guard; its own status says nothing that its report has not said.
        drop(self.guard.wait().await);
        self.exit.clone().unwrap_or(Exit::GuardLost)
    }

    /// Tells the part to end and waits until it has. The guard sees to it that this takes no longer than the grace.
    pub async fn stop(mut self) -> Exit {
        self.lifeline = None;
        self.ended().await
    }

    /// Takes in one line from the guard; false when there are no more.
    async fn read_report(&mut self) -> bool {
        let Ok(Some(line)) = self.reports.next_line().await else { return false };
        if let Some(pid) = line.strip_prefix("pid ") {
            self.pid = pid.parse().ok();
        } else if let Some(exit) = Exit::parse(&line) {
            self.exit = Some(exit);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_of_the_guard_are_understood() {
        assert_eq!(Exit::parse("exit code 143"), Some(Exit::Code(143)));
        assert_eq!(Exit::parse("exit signal 9"), Some(Exit::Signal(9)));
        assert_eq!(Exit::parse("failed no such file"), Some(Exit::Failed("no such file".into())));
        assert_eq!(Exit::parse("pid 12"), None);
        assert!(Exit::Code(0).is_success() && !Exit::Signal(15).is_success());
    }
}

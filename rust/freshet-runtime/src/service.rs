//! The frame of a program: logs, configuration, runtime, signals, exit code.

use std::error::Error;
use std::fmt::Write as _;
use std::path::Path;
use std::process::{ExitCode, Termination};

use freshet_core::config::{Config, ConfigError};
use freshet_core::stopping::BLOCKING_CALLS;

use crate::{Shutdown, logging, memory};

/// Any error, on its way out of the program.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// Why a program ends with something else than success. The kind decides the exit code.
#[derive(Debug)]
pub enum Failure {
    /// The command line or the configuration has to change first. Exit code 2.
    Usage(BoxError),
    /// Everything else. Exit code 1.
    Runtime(BoxError),
}

impl Failure {
    /// A failure that only another command line or configuration mends.
    pub fn usage(error: impl Into<BoxError>) -> Self {
        Self::Usage(error.into())
    }

    /// A failure while working.
    pub fn runtime(error: impl Into<BoxError>) -> Self {
        Self::Runtime(error.into())
    }

    const fn code(&self) -> u8 {
        match self {
            Self::Runtime(_) => 1,
            Self::Usage(_) => 2,
        }
    }

    /// The error and what caused it, in one line.
    fn message(&self) -> String {
        let (Self::Usage(error) | Self::Runtime(error)) = self;
        let mut message = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            let text = error.to_string();
            // Many error types repeat their cause in their own text.
            if !message.contains(&text) {
                // Writing to a string can't fail.
                let _ignored: std::fmt::Result = write!(message, ": {text}");
            }
            cause = error.source();
        }
        message
    }
}

/// Runs `body` with the loaded configuration until it returns, which it should soon after the
/// shutdown is requested. Returns 0 for success, 1 for a failure and 2 for a wrong configuration.
pub fn run<Body, Running>(config: &Path, body: Body) -> ExitCode
where
    Body: FnOnce(Config, Shutdown) -> Running,
    Running: Future<Output = Result<(), Failure>>,
{
    run_with(|| Config::load(config), body)
}

/// The same for a program that reads more of the configuration than all do, or has more than one kind of success.
pub fn run_with<Loaded, Body, Running, Success>(
    load: impl FnOnce() -> Result<Loaded, ConfigError>,
    body: Body,
) -> ExitCode
where
    Body: FnOnce(Loaded, Shutdown) -> Running,
    Running: Future<Output = Result<Success, Failure>>,
    Success: Termination,
{
    exit_code(try_run(load, body))
}

fn try_run<Loaded, Body, Running, Success>(
    load: impl FnOnce() -> Result<Loaded, ConfigError>,
    body: Body,
) -> Result<Success, Failure>
where
    Body: FnOnce(Loaded, Shutdown) -> Running,
    Running: Future<Output = Result<Success, Failure>>,
{
    memory::limit_arenas();
    logging::init().map_err(Failure::usage)?;
    let config = load().map_err(Failure::usage)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(Failure::runtime)?;
    let outcome = runtime.block_on(async {
        let shutdown = Shutdown::on_signals().map_err(Failure::runtime)?;
        body(config, shutdown).await
    });
    // A call that blocks for long has nobody left who waits for its answer.
    runtime.shutdown_timeout(BLOCKING_CALLS);
    outcome
}

// The logs may be what could not be set up, so that the last word goes to standard error directly.
#[expect(clippy::print_stderr)]
fn exit_code(result: Result<impl Termination, Failure>) -> ExitCode {
    match result {
        Ok(success) => success.report(),
        Err(failure) => {
            eprintln!("error: {}", failure.message());
            ExitCode::from(failure.code())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;
    use std::time::Instant;

    #[test]
    fn usage_is_2_and_every_other_failure_is_1() {
        assert_eq!(Failure::usage("unknown source").code(), 2);
        assert_eq!(Failure::runtime("disk full").code(), 1);
    }

    #[test]
    fn a_call_that_blocks_does_not_keep_the_program_from_its_end() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let text = "[[stream]]\nname = \"s\"\nvalues = { v = \"v\" }\nwindows = [\"1s\"]\n";
        std::fs::write(file.path(), text).unwrap();
        let started = Instant::now();
        let code = run(file.path(), |_, _| async {
            drop(tokio::task::spawn_blocking(|| std::thread::sleep(BLOCKING_CALLS * 20)));
            Ok(())
        });
        assert_eq!(code, ExitCode::SUCCESS);
        assert!(started.elapsed() < BLOCKING_CALLS * 5, "{:?}", started.elapsed());
    }

    #[derive(Debug, thiserror::Error)]
    #[error("cannot read freshet.toml")]
    struct Outer(#[source] io::Error);

    #[test]
    fn the_message_names_the_causes_once() {
        let failure = Failure::runtime(Outer(io::Error::other("permission denied")));
        assert_eq!(failure.message(), "cannot read freshet.toml: permission denied");
        let repeating = Failure::runtime(io::Error::other("permission denied"));
        assert_eq!(repeating.message(), "permission denied");
    }
}

//! One file per subcommand.

mod bench;
mod changes;
mod config;
mod doctor;
mod down;
mod infer;
mod journal;
mod logs;
mod look;
mod parse;
mod plan;
mod project;
mod running;
mod status;
mod supervise;
mod test;
mod up;

use std::process::ExitCode;

use freshet_core::config::ConfigError;
use tokio::runtime::Builder;

use crate::cli::{Cli, Command};
use crate::display::note;
use crate::supervise::guard;

/// The exit codes of `./freshet --help`.
mod exit {
    pub(super) const FAILED: u8 = 1;
    pub(super) const USAGE: u8 = 2;
    pub(super) const NOT_RUNNING: u8 = 3;
    pub(super) const NOT_READY: u8 = 4;
}

/// Does what was asked, prints what went wrong, and gives the exit code.
pub fn run(cli: Cli) -> ExitCode {
    let outcome = match cli.command {
        Command::Up(arguments) => up::run(&arguments),
        Command::Down(arguments) => down::run(&arguments),
        Command::Status(arguments) => status::run(&arguments),
        Command::Doctor(arguments) => doctor::run(&arguments),
        Command::Logs(arguments) => logs::run(&arguments),
        Command::Parse(arguments) => parse::run(&arguments),
        Command::Infer(arguments) => infer::run(&arguments),
        Command::Config(arguments) => config::run(&arguments),
        Command::Plan(arguments) => plan::run(&arguments),
        Command::Test(arguments) => test::run(&arguments),
        Command::Bench(arguments) => bench::run(&arguments),
        Command::Supervise(arguments) => supervise::run_detached(&arguments),
        Command::Guard(arguments) => run_guard(arguments),
        Command::Bind(arguments) => {
            guard::bind(&arguments).map(|never| match never {}).map_err(Into::into)
        }
    };
    outcome.unwrap_or_else(|error| {
        note(format_args!("error: {}", message(&error)));
        ExitCode::from(code_of(&error))
    })
}

/// The error and what caused it, in one line. Many error types repeat their cause in their own text.
fn message(error: &anyhow::Error) -> String {
    error.chain().fold(String::new(), |message, cause| match cause.to_string() {
        text if message.is_empty() => text,
        text if message.contains(&text) => message,
        text => format!("{message}: {text}"),
    })
}

fn code_of(error: &anyhow::Error) -> u8 {
    if error.chain().any(<dyn std::error::Error>::is::<ConfigError>) {
        exit::USAGE
    } else {
        exit::FAILED
    }
}

fn run_guard(arguments: guard::GuardArgs) -> anyhow::Result<ExitCode> {
    // The part is tied to the thread that starts it, so that has to be the main one.
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let code = runtime.block_on(guard::run(arguments))?;
    // Dropped without waiting: a blocked read must not keep a guard whose part has ended.
    runtime.shutdown_background();
    Ok(ExitCode::from(code))
}

#[cfg(test)]
mod tests {
    use anyhow::Context as _;

    use super::*;
    use crate::state::Home;

    #[test]
    fn a_cause_is_told_once() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("home");
        std::fs::write(&file, "a file where a folder should be").unwrap();
        let error = Home::new(&file).create().context("start").unwrap_err();
        let said = message(&error);
        assert!(said.starts_with("start: cannot write "), "{said}");
        assert_eq!(said.matches("os error").count(), 1, "{said}");
    }
}

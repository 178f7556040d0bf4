//! The program behind `./freshet`.

use std::process::ExitCode;

use clap::Parser;
use freshet_dev::cli::Cli;
use freshet_dev::commands;

fn main() -> ExitCode {
    commands::run(Cli::parse())
}

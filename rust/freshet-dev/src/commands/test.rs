//! `./freshet test`

use std::io;
use std::process::ExitCode;

use super::exit;
use super::project::Project;
use crate::cli::TestArgs;
use crate::display::say;
use crate::suite;

pub(super) fn run(arguments: &TestArgs) -> anyhow::Result<ExitCode> {
    let root = Project::find()?.root;
    let steps = suite::steps(&root, &arguments.parts, arguments.long);
    let summary = suite::run(&steps, &root.join("test-results"), &mut io::stdout())?;
    say(format_args!("\n{summary}"))?;
    Ok(if summary.is_success() { ExitCode::SUCCESS } else { ExitCode::from(exit::FAILED) })
}

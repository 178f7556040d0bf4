//! `./freshet config`: the effective configuration, and where each value came from.

use std::io::{self, Write};
use std::process::ExitCode;

use freshet_core::config::Setting;
use serde_json::json;

use super::project;
use crate::cli::ConfigArgs;

pub(super) fn run(arguments: &ConfigArgs) -> anyhow::Result<ExitCode> {
    let file = project::config_file(arguments.config.as_ref())?;
    let settings = freshet_sources::load(&file)?.settings;
    let text = if arguments.json { as_json(&settings) } else { as_lines(&settings) };
    match io::stdout().lock().write_all(text.as_bytes()) {
        // Whoever read it has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(ExitCode::SUCCESS),
        outcome => Ok(outcome.map(|()| ExitCode::SUCCESS)?),
    }
}

/// A key and its value in each line, and behind it where it came from.
fn as_lines(settings: &[Setting]) -> String {
    let assignments: Vec<String> =
        settings.iter().map(|setting| format!("{} = {}", setting.key, setting.value)).collect();
    let usual = |assignment: &&String| assignment.chars().count() <= MOST_ALIGNED;
    let width = assignments.iter().filter(usual).map(|text| text.chars().count()).max();
    let width = width.unwrap_or_default();
    let line =
        |(text, setting): (&String, &Setting)| format!("{text:width$}  # {}", setting.source);
    let lines: Vec<String> = assignments.iter().zip(settings).map(line).collect();
    lines.join("\n") + "\n"
}

/// Longer lines than that do not push all others to the right.
const MOST_ALIGNED: usize = 60;

fn as_json(settings: &[Setting]) -> String {
    format!("{}\n", json!({ "settings": settings }))
}

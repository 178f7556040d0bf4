//! `./freshet plan`: the sum for a user's own numbers.

use std::io::{self, Write};
use std::process::ExitCode;

use serde_json::json;

use super::{exit, project};
use crate::cli::PlanArgs;
use crate::display::note;
use crate::plan::{Demand, Plan, report, settings};

pub(super) fn run(arguments: &PlanArgs) -> anyhow::Result<ExitCode> {
    let file = project::config_file(arguments.config.as_ref())?;
    let config = freshet_sources::load(&file)?.config;
    match Demand::of(arguments, &config).and_then(|demand| Plan::of(&demand)) {
        Ok(plan) => {
            let text = if arguments.json { as_json(&plan) } else { report::text(&plan) };
            match io::stdout().lock().write_all(text.as_bytes()) {
                // Whoever read it has seen enough.
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(ExitCode::SUCCESS),
                outcome => Ok(outcome.map(|()| ExitCode::SUCCESS)?),
            }
        }
        Err(nonsense) => {
            note(format_args!("error: {nonsense}"));
            Ok(ExitCode::from(exit::USAGE))
        }
    }
}

fn as_json(plan: &Plan) -> String {
    let options: serde_json::Map<String, serde_json::Value> = settings::spark_submit(plan)
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value.into()))
        .collect();
    let answer = json!({
        "plan": plan,
        "settings": {
            "freshet_toml": settings::freshet_toml(plan),
            "spark_submit": options,
            "raw_topic": settings::raw_topic(plan),
        },
        "notes": settings::notes(plan),
    });
    format!("{answer}\n")
}

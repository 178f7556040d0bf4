//! The dashboard: its packages, then its own build.

use std::path::PathBuf;

use super::Stamp;
use crate::parts::{Context, Part, PlanError, Step, Work};
use crate::supervise::CommandLine;

/// What `npm ci` installs.
pub(super) const PACKAGES: Part =
    Part { name: "npm-packages", needs: &[], work: Work::Step(packages) };

/// The page and its server.
pub(super) const DASHBOARD: Part =
    Part { name: "dashboard-build", needs: &["npm-packages"], work: Work::Step(dashboard) };

/// What decides which packages are installed.
const MANIFESTS: [&str; 2] = ["package.json", "package-lock.json"];
/// Everything else that shapes the built page and server; tests do not.
const SOURCES: [&str; 5] =
    ["src", "tsconfig.json", "tsconfig.base.json", "tsconfig.server.json", "vite.config.ts"];

fn packages(context: &Context) -> Result<Step, PlanError> {
    // `npm ci` empties node_modules first: an interrupted one leaves no stamp behind.
    let arguments = ["ci", "--no-audit", "--no-fund"];
    step(context, "node_modules/.freshet-stamp", &MANIFESTS, &arguments)
}

fn dashboard(context: &Context) -> Result<Step, PlanError> {
    let inputs = [&MANIFESTS[..], &SOURCES[..]].concat();
    step(context, "dist/.freshet-stamp", &inputs, &["run", "build"])
}

fn step(
    context: &Context,
    stamp: &str,
    inputs: &[&str],
    arguments: &[&str],
) -> Result<Step, PlanError> {
    let folder = context.root.join("node-dashboard");
    let inputs: Vec<PathBuf> = inputs.iter().map(|file| folder.join(file)).collect();
    let stamp = Stamp::of(folder.join(stamp), &inputs)
        .map_err(|error| PlanError::because("look at the dashboard's sources", error))?;
    if stamp.is_current() {
        return Ok(Step::default());
    }
    let command = CommandLine::new("npm", &folder).args(arguments.iter().copied());
    Ok(Step { commands: vec![command], stamp: Some(stamp) })
}

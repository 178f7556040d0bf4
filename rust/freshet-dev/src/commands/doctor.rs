//! `./freshet doctor`

use std::process::ExitCode;

use super::exit;
use super::project::Project;
use crate::cli::DoctorArgs;
use crate::display::say;
use crate::preflight;

pub(super) fn run(arguments: &DoctorArgs) -> anyhow::Result<ExitCode> {
    let project = Project::find()?;
    let context = project.context(&arguments.stack)?;
    say(format_args!("ok    configuration: {}", context.config_file.display()))?;
    let own_ports = project.home.supervisor()?.is_some();
    let checks = preflight::all(&context, own_ports);
    checks.iter().try_for_each(say)?;
    let failed = checks.iter().filter(|check| !check.is_ok()).count();
    if failed == 0 {
        say("\nthis machine is ready")?;
        return Ok(ExitCode::SUCCESS);
    }
    say(format_args!(
        "\nthis machine is not ready: {failed} of {} checks failed",
        checks.len() + 1
    ))?;
    Ok(ExitCode::from(exit::NOT_READY))
}

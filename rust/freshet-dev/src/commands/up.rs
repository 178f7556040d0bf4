//! `./freshet up`

use std::fs::OpenOptions;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::time::sleep;

use super::project::Project;
use super::running::{overview, snapshot, wait_for_leftovers};
use super::supervise::{StopSignal, run_foreground};
use super::{exit, supervise};
use crate::cli::UpArgs;
use crate::display::{Progress, note, say};
use crate::parts::Context;
use crate::preflight::{self, Check};
use crate::state::{Home, Phase, Snapshot, child_has_ended, now_ms};
use crate::supervise::guard::own_program;

const INTERVAL: Duration = Duration::from_millis(100);
const HOW_TO_STOP: &str = "./freshet down";

pub(super) fn run(arguments: &UpArgs) -> anyhow::Result<ExitCode> {
    let project = Project::find()?;
    if let Some(supervisor) = project.home.supervisor()? {
        return already_running(&project.home, supervisor);
    }
    let context = project.context(&arguments.stack)?;
    context.home.create()?;
    wait_for_leftovers(&context.home)?;
    if !is_ready(&preflight::all(&context, false)) {
        return Ok(ExitCode::from(exit::NOT_READY));
    }
    if arguments.detach { detach(&context, arguments) } else { run_foreground(context) }
}

fn already_running(home: &Home, supervisor: u32) -> anyhow::Result<ExitCode> {
    say(format_args!("freshet is running already (pid {supervisor}); nothing was changed"))?;
    if let Some(snapshot) = snapshot(home)? {
        say(overview(home, &snapshot, HOW_TO_STOP))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Says what is wrong, if anything is.
pub(super) fn is_ready(checks: &[Check]) -> bool {
    let mut wrong = checks.iter().filter(|check| !check.is_ok()).peekable();
    let ready = wrong.peek().is_none();
    wrong.for_each(note);
    ready
}

fn detach(context: &Context, arguments: &UpArgs) -> anyhow::Result<ExitCode> {
    let mut supervisor = start_supervisor(context, arguments)?;
    let runtime = supervise::runtime()?;
    let last = runtime.block_on(follow(&context.home, &mut supervisor))?;
    match last {
        Some(snapshot) if snapshot.phase == Phase::Ready => {
            say(format_args!(
                "\nready after {}\n",
                crate::display::duration(now_ms() - snapshot.started)
            ))?;
            say(overview(&context.home, &snapshot, HOW_TO_STOP))?;
            return Ok(ExitCode::SUCCESS);
        }
        Some(Snapshot { failure: Some(failure), .. }) => note(format_args!("\nerror: {failure}")),
        _ => {
            let log = context.home.log("supervisor");
            note(format_args!("\nerror: the supervisor ended early; see {}", log.display()));
        }
    }
    Ok(ExitCode::from(exit::FAILED))
}

fn start_supervisor(context: &Context, arguments: &UpArgs) -> anyhow::Result<Child> {
    let log = context.home.log("supervisor");
    let log = OpenOptions::new().create(true).append(true).open(log)?;
    let mut command = Command::new(own_program());
    command.arg("supervise").arg("--config").arg(&context.config_file);
    if arguments.stack.zookeeper {
        command.arg("--zookeeper");
    }
    Ok(command
        .env("FRESHET_ROOT", &context.root)
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .spawn()?)
}

/// Shows the supervisor's progress until it is ready or has ended. Ctrl-C ends it.
async fn follow(home: &Home, supervisor: &mut Child) -> anyhow::Result<Option<Snapshot>> {
    let mut progress = Progress::new();
    let mut interrupted = StopSignal::new()?;
    let own = |snapshot: &Snapshot| snapshot.supervisor == supervisor.id();
    let pid = Pid::from_raw(i32::try_from(supervisor.id())?);
    let mut last = None;
    let ready = loop {
        let ended = child_has_ended(pid);
        if let Some(snapshot) = Snapshot::read(&home.status_file())?.filter(own) {
            progress.show(&snapshot);
            last = Some(snapshot);
        }
        let ready = last.as_ref().is_some_and(|snapshot| snapshot.phase == Phase::Ready);
        if ready || ended {
            break ready;
        }
        tokio::select! {
            () = sleep(INTERVAL) => {}
            () = interrupted.received() => kill(pid, Signal::SIGTERM)?,
        }
    };
    progress.finish();
    if !ready {
        supervisor.wait()?;
    }
    Ok(last)
}

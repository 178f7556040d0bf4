//! `./freshet up`

use std::fs::{self, OpenOptions};
use std::path::{Path, absolute};
use std::process::{Child, Command, ExitCode, ExitStatus, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::time::sleep;

use super::project::Project;
use super::running::{overview, snapshot, wait_for_leftovers};
use super::supervise::{StopSignal, already_started, run_foreground};
use super::{changes, exit, supervise};
use crate::cli::{StackArgs, UpArgs};
use crate::display::{Progress, note, say};
use crate::parts::Context;
use crate::preflight::{self, Check};
use crate::services::PROMETHEUS;
use crate::state::{Home, Phase, Snapshot, Topology, child_has_ended, now_ms};
use crate::supervise::guard::own_program;
use crate::supervise::last_lines;

const INTERVAL: Duration = Duration::from_millis(100);
const HOW_TO_STOP: &str = "./freshet down";
/// So much of the supervisor's own log says why it has failed.
const REPORTED_LINES: usize = 5;

pub(super) fn run(arguments: &UpArgs) -> anyhow::Result<ExitCode> {
    let project = Project::find()?;
    if let Some(supervisor) = project.home.supervisor()? {
        return already_running(&project, arguments, supervisor);
    }
    let context = project.context(&arguments.stack)?;
    context.home.create()?;
    wait_for_leftovers(&context.home)?;
    if !is_ready(&preflight::all(&context, false)) {
        // Another `up` may have been faster: then it is its parts that hold the ports.
        return match context.home.supervisor()? {
            Some(supervisor) => Err(already_started(supervisor)),
            None => Ok(ExitCode::from(exit::NOT_READY)),
        };
    }
    if arguments.detach { detach(&context, arguments) } else { run_foreground(context) }
}

/// Says what runs, and in what it differs from what was asked for.
fn already_running(
    project: &Project,
    arguments: &UpArgs,
    supervisor: u32,
) -> anyhow::Result<ExitCode> {
    let home = &project.home;
    let Some(snapshot) = snapshot(home)? else { return Err(already_started(supervisor)) };
    match snapshot.phase {
        Phase::Ready => {}
        Phase::Starting => return Err(already_started(supervisor)),
        Phase::Stopping | Phase::Stopped | Phase::Failed => {
            anyhow::bail!(
                "freshet is being stopped (pid {supervisor}); try again when it has ended"
            )
        }
    }
    say(format_args!("freshet is running already (pid {supervisor}); nothing was changed"))?;
    let asked = absolute(project.config_file(arguments.stack.config.as_ref())?)?;
    for difference in differences(home, &snapshot, &asked, &arguments.stack) {
        say(difference)?;
    }
    say(overview(home, &snapshot, HOW_TO_STOP))?;
    Ok(ExitCode::SUCCESS)
}

/// What people who type `up` again should know of the stack that runs.
fn differences(
    home: &Home,
    snapshot: &Snapshot,
    asked: &Path,
    arguments: &StackArgs,
) -> Vec<String> {
    let mut lines = Vec::new();
    if snapshot.config != asked {
        lines.push(format!(
            "it runs {}, not {}; `./freshet down` first to run that",
            snapshot.config.display(),
            asked.display()
        ));
    }
    if arguments.topology() != snapshot.topology {
        lines.extend(lacks(arguments.topology()).map(str::to_owned));
    }
    if arguments.observability && snapshot.part(PROMETHEUS).is_none() {
        lines.push("it runs without Prometheus; `./freshet down` first to run with it".to_owned());
    }
    lines.extend(changes::since_start(home, &snapshot.config).describe(&snapshot.config));
    lines.extend(snapshot.waiting_for.as_ref().map(|what| format!("it waits for {what}")));
    lines
}

/// What a stack of another topology lacks that was asked for; who asks for nothing in particular takes what runs.
const fn lacks(topology: Topology) -> Option<&'static str> {
    match topology {
        Topology::Kraft => None,
        Topology::Zookeeper => {
            Some("it runs without ZooKeeper; `./freshet down` first to run with it")
        }
        Topology::Cluster => {
            Some("it runs one broker and one Cassandra node; `./freshet down` first to run three")
        }
    }
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
    let end = runtime.block_on(follow(&context.home, &mut supervisor))?;
    match end {
        End::Ready(snapshot) => {
            say(format_args!(
                "\nready after {}\n",
                crate::display::duration(now_ms() - snapshot.started)
            ))?;
            say(overview(&context.home, &snapshot, HOW_TO_STOP))?;
            Ok(ExitCode::SUCCESS)
        }
        End::Early { last, status } => {
            note(format_args!(
                "\nerror: {}",
                why_it_ended(&context.home, last.as_deref(), status)?
            ));
            let refused = last.is_some_and(|last| last.refused);
            Ok(ExitCode::from(supervise::code_of_failure(refused)))
        }
    }
}

/// What became of a supervisor that ended before the stack was ready.
fn why_it_ended(
    home: &Home,
    last: Option<&Snapshot>,
    status: ExitStatus,
) -> anyhow::Result<String> {
    if let Some(failure) = last.and_then(|last| last.failure.as_ref()) {
        return Ok(failure.clone());
    }
    if let Some(whom) = last.and_then(|last| last.stopped_by.as_ref()) {
        return Ok(supervise::stopped_early(whom));
    }
    if let Some(other) = home.supervisor()? {
        return Ok(already_started(other).to_string());
    }
    let log = home.log("supervisor");
    let lines = last_lines(&log, REPORTED_LINES).unwrap_or_default().join("\n  ");
    Ok(format!(
        "the supervisor ended early ({status}); the last lines of {}:\n  {lines}",
        log.display()
    ))
}

fn start_supervisor(context: &Context, arguments: &UpArgs) -> anyhow::Result<Child> {
    let log = context.home.log("supervisor");
    let log = OpenOptions::new().create(true).append(true).open(log)?;
    let mut command = Command::new(own_program());
    command.arg("supervise").arg("--config").arg(&context.config_file);
    if arguments.stack.observability {
        command.arg("--observability");
    }
    Ok(command
        .args(arguments.stack.topology_options())
        .env("FRESHET_ROOT", &context.root)
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .spawn()?)
}

/// How waiting for a supervisor ended.
enum End {
    /// The stack is ready.
    Ready(Box<Snapshot>),
    /// The supervisor has ended before that.
    Early { last: Option<Box<Snapshot>>, status: ExitStatus },
}

/// Shows the supervisor's progress until it is ready or has ended. Ctrl-C ends it.
async fn follow(home: &Home, supervisor: &mut Child) -> anyhow::Result<End> {
    let mut progress = Progress::new();
    let mut interrupted = StopSignal::new()?;
    let own = |snapshot: &Snapshot| snapshot.supervisor == supervisor.id();
    // A child that is not collected yet, so that the number is its own.
    let pid = Pid::from_raw(i32::try_from(supervisor.id())?);
    let mut last = None;
    let ended = loop {
        let ended = child_has_ended(pid);
        if let Some(snapshot) = Snapshot::read(&home.status_file())?.filter(own) {
            progress.show(&snapshot);
            last = Some(Box::new(snapshot));
        }
        if ended || last.as_ref().is_some_and(|snapshot| snapshot.phase == Phase::Ready) {
            break ended;
        }
        tokio::select! {
            () = sleep(INTERVAL) => {}
            signal = interrupted.received() => {
                // Without it the supervisor can only name the signal that it got.
                drop(fs::write(home.stop_request(), signal));
                kill(pid, Signal::SIGTERM)?;
            }
        }
    };
    progress.finish();
    match last {
        Some(snapshot) if snapshot.phase == Phase::Ready && !ended => Ok(End::Ready(snapshot)),
        last => Ok(End::Early { last, status: supervisor.wait()? }),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;

    use super::*;
    use crate::cli::Nodes;
    use crate::state::ProcessLock;
    use crate::supervise::Board;

    fn home() -> (tempfile::TempDir, Home) {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::new(folder.path());
        home.create().unwrap();
        (folder, home)
    }

    #[test]
    fn an_up_that_was_stopped_says_by_whom() {
        let (_folder, home) = home();
        let board = Board::new(Path::new("c"), Topology::Kraft, &[]);
        board.stopped_by("`./freshet down` (pid 7)".to_owned());
        let said = why_it_ended(&home, Some(&board.snapshot()), ExitStatus::from_raw(0)).unwrap();
        assert_eq!(said, "stopped before it was ready, by `./freshet down` (pid 7)");
    }

    #[test]
    fn the_slower_of_two_ups_names_the_other() {
        let (_folder, home) = home();
        let _lock = ProcessLock::exclusive(&home.supervisor_lock()).unwrap().unwrap();
        let said = why_it_ended(&home, None, ExitStatus::from_raw(1 << 8)).unwrap();
        let pid = std::process::id();
        assert!(said.starts_with(&format!("another `up` is starting freshet already (pid {pid})")));
    }

    #[test]
    fn a_killed_supervisor_is_told_with_its_last_words() {
        let (_folder, home) = home();
        fs::write(home.log("supervisor"), "what it said\n").unwrap();
        let said = why_it_ended(&home, None, ExitStatus::from_raw(9)).unwrap();
        assert!(said.contains("signal: 9") && said.contains("what it said"), "{said}");
    }

    #[test]
    fn a_second_up_says_in_what_the_running_stack_differs() {
        let (_folder, home) = home();
        let board = Board::new(Path::new("/a.toml"), Topology::Kraft, &[]);
        board.wait_for(Some("disk space: disk full".to_owned()));
        let asked = |nodes, zookeeper, observability| StackArgs {
            config: None,
            zookeeper,
            nodes,
            observability,
        };
        let all = asked(Nodes::One, true, true);
        let lines = differences(&home, &board.snapshot(), Path::new("/b.toml"), &all);
        assert_eq!(lines.len(), 4);
        assert!(lines[0].starts_with("it runs /a.toml, not /b.toml; "));
        assert!(lines[1].starts_with("it runs without ZooKeeper"));
        assert!(lines[2].starts_with("it runs without Prometheus"));
        assert_eq!(lines[3], "it waits for disk space: disk full");
        board.wait_for(None);
        let differ = |asked| differences(&home, &board.snapshot(), Path::new("/a.toml"), &asked);
        assert!(differ(asked(Nodes::One, false, false)).is_empty());
        let three = differ(asked(Nodes::Three, false, false));
        assert!(three[0].starts_with("it runs one broker and one Cassandra"));
    }
}

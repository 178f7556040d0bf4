//! Running a stack: in the foreground for `up`, in the background for `up --detach`.

use std::fmt;
use std::fs;
use std::io;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use nix::unistd::setsid;
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::time::sleep;

use super::journal::Journal;
use super::project::Project;
use super::running::overview;
use super::{changes, exit};
use crate::cli::StackArgs;
use crate::display::{Progress, duration, note, say};
use crate::parts::{Context, Part};
use crate::state::{Home, Phase, ProcessLock, Snapshot, now_ms};
use crate::supervise::guard::own_program;
use crate::supervise::{Board, FIRST_WINDOW, Failure, Guards, Stack};
use crate::{build, services};

/// When a status file that could not be written is tried again.
const WRITE_AGAIN: Duration = Duration::from_secs(1);

/// The hidden subcommand behind `up --detach`.
pub(super) fn run_detached(arguments: &StackArgs) -> anyhow::Result<ExitCode> {
    // A session of its own: closing the terminal must not end it.
    setsid().context("leave the terminal's session")?;
    let context = Project::find()?.context(arguments)?;
    run(context, false)
}

/// Runs a stack with a display until it is told to stop.
pub(super) fn run_foreground(context: Context) -> anyhow::Result<ExitCode> {
    run(context, true)
}

/// What all commands that wait for several things run on.
pub(super) fn runtime() -> io::Result<Runtime> {
    Builder::new_multi_thread().worker_threads(2).enable_all().build()
}

fn run(context: Context, foreground: bool) -> anyhow::Result<ExitCode> {
    let Some(_lock) = ProcessLock::exclusive(&context.home.supervisor_lock())? else {
        let other = context.home.supervisor()?;
        return Err(
            other.map_or_else(|| anyhow!("another `up` was here; try again"), already_started)
        );
    };
    context.home.clear_scratch()?;
    forget_stop_request(&context.home)?;
    changes::keep(&context.home, &context.config_file).with_context(|| {
        format!(
            "keep a copy of {} in {}",
            context.config_file.display(),
            context.home.run().display()
        )
    })?;
    keep_one_older_log(&context.home)?;
    let runtime = runtime()?;
    let outcome = runtime.block_on(supervise(context, foreground))?;
    runtime.shutdown_background();
    Ok(outcome)
}

async fn supervise(context: Context, foreground: bool) -> anyhow::Result<ExitCode> {
    let context = Arc::new(context);
    let parts: Vec<Part> = build::all().into_iter().chain(services::of(&context)).collect();
    let board = Arc::new(board(&context, &parts));
    let progress = foreground.then(Progress::new);
    let recorder = tokio::spawn(record(board.watch(), context.home.clone(), progress));
    let mut stop = StopSignal::new()?;

    let guards = Guards::new(own_program(), context.home.parts_lock());
    let mut stack = Stack::launch(Arc::clone(&context), Arc::clone(&board), &guards, parts);
    let outcome = tokio::select! {
        started = stack.ready() => started.map_err(Early::Failed),
        signal = stop.received() => Err(Early::Stopped(who_stops(&context.home, signal))),
    };
    if outcome.is_ok() {
        let signal = stop.received().await;
        board.stopped_by(who_stops(&context.home, signal));
    }
    if let Err(Early::Stopped(whom)) = &outcome {
        board.stopped_by(whom.clone());
    }
    board.enter(Phase::Stopping);
    stack.stop().await;
    match &outcome {
        Err(Early::Failed(failure)) => board.fail(failure),
        Err(Early::Stopped(_)) | Ok(()) => board.enter(Phase::Stopped),
    }
    drop(board);
    recorder.await?;
    Ok(match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(early) => {
            note(format_args!("\nerror: {early}"));
            ExitCode::from(early.code())
        }
    })
}

/// Why a stack has ended before it was ready.
enum Early {
    /// A part has failed.
    Failed(Failure),
    /// Somebody did not wait.
    Stopped(String),
}

impl Early {
    fn code(&self) -> u8 {
        match self {
            Self::Failed(failure) => code_of_failure(failure.is_refusal()),
            Self::Stopped(_) => exit::FAILED,
        }
    }
}

/// The exit code of a start that failed: a refused configuration is a wrong one, whoever finds it out.
pub(super) fn code_of_failure(refused: bool) -> u8 {
    if refused { exit::USAGE } else { exit::FAILED }
}

impl fmt::Display for Early {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(failure) => failure.fmt(formatter),
            Self::Stopped(whom) => formatter.write_str(&stopped_early(whom)),
        }
    }
}

/// What an `up` says that somebody has stopped.
pub(super) fn stopped_early(whom: &str) -> String {
    format!("stopped before it was ready, by {whom}")
}

/// What the slower of two `up`s says.
pub(super) fn already_started(supervisor: u32) -> anyhow::Error {
    anyhow!(
        "another `up` is starting freshet already (pid {supervisor}); nothing was changed; `./freshet status` shows \
         how far it is"
    )
}

/// Who has sent the signal to stop, as far as he has left his name.
fn who_stops(home: &Home, signal: &str) -> String {
    match fs::read_to_string(home.stop_request()) {
        Ok(name) if !name.is_empty() => name,
        _ => signal.to_owned(),
    }
}

/// The name of who stopped an earlier run must not be taken for this run's.
fn forget_stop_request(home: &Home) -> io::Result<()> {
    match fs::remove_file(home.stop_request()) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn board(context: &Context, parts: &[Part]) -> Board {
    let mut names: Vec<(&str, bool)> =
        parts.iter().map(|part| (part.name, part.is_service())).collect();
    names.push((FIRST_WINDOW, false));
    Board::new(&context.config_file, context.topology, &names)
}

fn announce(home: &Home, snapshot: &Snapshot) -> io::Result<()> {
    say(format_args!("\nready after {}\n", duration(now_ms() - snapshot.started)))?;
    say(overview(home, snapshot, "Ctrl-C, or ./freshet down"))
}

/// Writes each change to the status file, and shows it.
async fn record(
    mut changes: watch::Receiver<Snapshot>,
    home: Home,
    mut progress: Option<Progress>,
) {
    let mut journal = Journal::new(&home);
    let mut phase = Phase::Starting;
    loop {
        let snapshot = changes.borrow_and_update().clone();
        let written = journal.write(&snapshot);
        if let Some(progress) = &mut progress {
            progress.show(&snapshot);
            if snapshot.phase != phase {
                progress.finish();
            }
            if snapshot.phase == Phase::Ready && phase == Phase::Starting {
                // With standard output closed there is nobody to tell, and no reason to stop.
                drop(announce(&home, &snapshot));
            }
        }
        phase = snapshot.phase;
        tokio::select! {
            news = changes.changed() => if news.is_err() { return },
            // What a full disk has kept from the status file has to get there later.
            () = sleep(WRITE_AGAIN), if !written => {}
        }
    }
}

/// The logs of the run before stay readable, beside this run's.
fn keep_one_older_log(home: &Home) -> io::Result<()> {
    for entry in fs::read_dir(home.logs())? {
        let log = entry?.path();
        let is_current = log.extension().is_some_and(|extension| extension == "log");
        // The supervisor's own is open already.
        if is_current && log.file_stem().is_some_and(|name| name != "supervisor") {
            fs::rename(&log, log.with_extension("log.1"))?;
        }
    }
    Ok(())
}

/// Ctrl-C, `kill`, or a terminal that was closed.
pub(super) struct StopSignal {
    signals: [Signal; 3],
}

impl StopSignal {
    pub(super) fn new() -> io::Result<Self> {
        let [interrupt, terminate, hangup] =
            [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
        Ok(Self { signals: [signal(interrupt)?, signal(terminate)?, signal(hangup)?] })
    }

    /// Returns when told to stop, with what people call the signal.
    pub(super) async fn received(&mut self) -> &'static str {
        let [interrupt, terminate, hangup] = &mut self.signals;
        tokio::select! {
            _ = interrupt.recv() => "Ctrl-C (signal SIGINT)",
            _ = terminate.recv() => "signal SIGTERM",
            _ = hangup.recv() => "a closed terminal (signal SIGHUP)",
        }
    }
}

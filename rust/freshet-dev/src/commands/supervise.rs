//! Running a stack: in the foreground for `up`, in the background for `up --detach`.

use std::fs;
use std::io;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use nix::unistd::setsid;
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use super::exit;
use super::project::Project;
use super::running::overview;
use crate::cli::StackArgs;
use crate::display::{Progress, duration, note, say};
use crate::parts::{Context, Part};
use crate::state::{Home, Phase, ProcessLock, Snapshot, now_ms};
use crate::supervise::guard::own_program;
use crate::supervise::{Board, FIRST_WINDOW, Guards, Stack};
use crate::{build, services};

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
    let lock = ProcessLock::exclusive(&context.home.supervisor_lock())?;
    let _lock = lock.context("another supervisor has just started here; see `./freshet status`")?;
    context.home.clear_scratch()?;
    keep_one_older_log(&context.home)?;
    let runtime = runtime()?;
    let outcome = runtime.block_on(supervise(context, foreground))?;
    runtime.shutdown_background();
    Ok(outcome)
}

async fn supervise(context: Context, foreground: bool) -> anyhow::Result<ExitCode> {
    let context = Arc::new(context);
    let parts: Vec<Part> =
        build::all().into_iter().chain(services::all(context.topology)).collect();
    let board = Arc::new(board(&context, &parts));
    let progress = foreground.then(Progress::new);
    let recorder = tokio::spawn(record(board.watch(), context.home.clone(), progress));
    let mut stop = StopSignal::new()?;

    let guards = Guards::new(own_program(), context.home.parts_lock());
    let mut stack = Stack::launch(Arc::clone(&context), Arc::clone(&board), &guards, parts);
    let started = tokio::select! {
        started = stack.ready() => Some(started),
        () = stop.received() => None,
    };
    if let Some(Ok(())) = started {
        stop.received().await;
    }
    board.enter(Phase::Stopping);
    stack.stop().await;
    let failure = started.and_then(Result::err).map(|failure| failure.to_string());
    match &failure {
        Some(report) => board.fail(report.clone()),
        None => board.enter(Phase::Stopped),
    }
    drop(board);
    recorder.await?;
    Ok(match failure {
        None => ExitCode::SUCCESS,
        Some(report) => {
            note(format_args!("\nerror: {report}"));
            ExitCode::from(exit::FAILED)
        }
    })
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
    let file = home.status_file();
    let mut phase = Phase::Starting;
    loop {
        let snapshot = changes.borrow_and_update().clone();
        write(&snapshot, &file);
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
        if changes.changed().await.is_err() {
            return;
        }
    }
}

fn write(snapshot: &Snapshot, file: &Path) {
    if let Err(error) = snapshot.write(file) {
        note(format_args!("warning: {error}; `status` shows what was known before"));
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

    /// Returns when told to stop.
    pub(super) async fn received(&mut self) {
        let [interrupt, terminate, hangup] = &mut self.signals;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    }
}

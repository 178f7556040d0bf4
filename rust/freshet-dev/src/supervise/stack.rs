//! The whole stack: every part a task that waits for what it needs, starts, is watched, and ends when it is its turn.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::{Backoff, Board, CommandLine, Exit, Guarded, Guards, last_lines, likely_cause};
use crate::build::Stamp;
use crate::parts::{Context, Part, Plan, PlanError, Step, Work};
use crate::probe;
use crate::state::{PartState, Phase, now_ms};

/// The name of the last check: a window has gone from a source to the dashboard.
pub const FIRST_WINDOW: &str = "first-window";
/// How long a service may take to answer: a cold machine with slow disks and two cores must make it.
const START_LIMIT: Duration = Duration::from_mins(3);
/// How long the first window may take once everything answers.
const FIRST_WINDOW_LIMIT: Duration = Duration::from_mins(3);
const FIRST_DELAY: Duration = Duration::from_millis(500);
const LONGEST_DELAY: Duration = Duration::from_secs(30);
/// A part that has run this long before it died is not failing in a row.
const LONG_RUN: Duration = Duration::from_mins(1);
const REPORTED_LINES: usize = 25;

/// Why the stack did not start.
#[derive(Clone, Debug)]
pub struct Failure {
    part: String,
    what: String,
    exit: Option<Exit>,
    log: Option<PathBuf>,
}

impl Failure {
    /// A command that ended when it should not have, and what it has said.
    pub fn of(part: &str, exit: Exit, log: PathBuf) -> Self {
        Self { part: part.to_owned(), what: exit.to_string(), exit: Some(exit), log: Some(log) }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.part, self.what)?;
        let Some(log) = &self.log else { return Ok(()) };
        let lines = last_lines(log, REPORTED_LINES).unwrap_or_default();
        if !lines.is_empty() {
            write!(formatter, "\n\nthe last lines of {}:", log.display())?;
            lines.iter().try_for_each(|line| write!(formatter, "\n  {line}"))?;
        }
        if let Some(cause) = likely_cause(self.exit.as_ref(), &lines.join("\n")) {
            write!(formatter, "\n\nlikely cause: {cause}")?;
        }
        Ok(())
    }
}

/// A running stack.
#[derive(Debug)]
pub struct Stack {
    context: Arc<Context>,
    board: Arc<Board>,
    names: Vec<&'static str>,
    /// Tiers below this number are to end.
    stopping: watch::Sender<u8>,
    tasks: Vec<(u8, JoinHandle<()>)>,
    failures: mpsc::UnboundedReceiver<Failure>,
}

impl Stack {
    /// Starts all parts, each as soon as what it needs is ready.
    pub fn launch(
        context: Arc<Context>,
        board: Arc<Board>,
        guards: &Guards,
        parts: Vec<Part>,
    ) -> Self {
        let (stopping, _) = watch::channel(0);
        let (failed, failures) = mpsc::unbounded_channel();
        let names = parts.iter().map(|part| part.name).collect();
        let tasks = parts
            .into_iter()
            .map(|part| {
                let tier = part.tier();
                let runner = Runner {
                    context: Arc::clone(&context),
                    board: Arc::clone(&board),
                    guards: guards.clone(),
                    part,
                    stopping: stopping.subscribe(),
                    failed: failed.clone(),
                };
                (tier, tokio::spawn(runner.run()))
            })
            .collect();
        Self { context, board, names, stopping, tasks, failures }
    }

    /// Waits until a window has crossed the whole pipeline.
    ///
    /// # Errors
    /// When a part fails before that.
    pub async fn ready(&mut self) -> Result<(), Failure> {
        let all_settled = self.board.settled(&self.names);
        tokio::select! {
            () = all_settled => {}
            Some(failure) = self.failures.recv() => return Err(failure),
        }
        let first_window = first_window(&self.context, &self.board);
        tokio::select! {
            result = first_window => result?,
            Some(failure) = self.failures.recv() => return Err(failure),
        }
        self.board.enter(Phase::Ready);
        Ok(())
    }

    /// Ends all parts in order: sources first, stores last.
    pub async fn stop(self) {
        let mut tasks = self.tasks;
        let last = tasks.iter().map(|(tier, _)| *tier).max().unwrap_or(0);
        for tier in 0..=last {
            self.stopping.send_replace(tier + 1);
            let (ending, rest): (Vec<_>, Vec<_>) =
                tasks.into_iter().partition(|(of, _)| *of == tier);
            tasks = rest;
            for (_, task) in ending {
                // A task that panicked has dropped its guard, which ends the part.
                drop(task.await);
            }
        }
    }
}

async fn first_window(context: &Context, board: &Board) -> Result<(), Failure> {
    if context.config.sources.is_empty() {
        board.update(FIRST_WINDOW, |part| part.note = Some("no [[source]] to wait for".to_owned()));
        board.settle(FIRST_WINDOW, PartState::Done);
        return Ok(());
    }
    board.begin(FIRST_WINDOW, PartState::Working);
    let since = board.snapshot().started;
    if timeout(FIRST_WINDOW_LIMIT, probe::first_window(&context.config, since)).await.is_ok() {
        board.settle(FIRST_WINDOW, PartState::Done);
        return Ok(());
    }
    board.update(FIRST_WINDOW, |part| part.state = PartState::Failed);
    Err(Failure {
        part: FIRST_WINDOW.to_owned(),
        what: format!(
            "has not reached the dashboard within {} s though every part runs; \
             see `./freshet logs producer` and `./freshet logs spark-job`",
            FIRST_WINDOW_LIMIT.as_secs()
        ),
        exit: None,
        log: Some(context.home.log("spark-job")),
    })
}

/// How one run of a service ended.
enum Run {
    /// As asked.
    Stopped,
    /// By itself.
    Died { what: String, exit: Option<Exit>, was_ready: bool },
}

/// How commands that end by themselves went.
enum Ran {
    /// All have succeeded.
    Finished,
    /// They were told to stop.
    Stopped,
    /// One has failed.
    Failed { what: String, exit: Option<Exit> },
}

/// What runs one part.
struct Runner {
    context: Arc<Context>,
    board: Arc<Board>,
    guards: Guards,
    part: Part,
    stopping: watch::Receiver<u8>,
    failed: mpsc::UnboundedSender<Failure>,
}

impl Runner {
    async fn run(self) {
        let mut stopping = self.stopping.clone();
        let tier = self.part.tier();
        tokio::select! {
            () = self.board.settled(self.part.needs) => {}
            () = told_to_stop(&mut stopping, tier) => return self.stopped(),
        }
        match self.part.work {
            Work::Step(plan) => self.step(plan(&self.context)).await,
            Work::Service { .. } => self.serve().await,
        }
    }

    fn log(&self) -> PathBuf {
        self.context.home.log(self.part.name)
    }

    fn stopped(&self) {
        self.board.update(self.part.name, |part| {
            part.state = PartState::Stopped;
            part.pid = None;
        });
    }

    fn fail(&self, what: String, exit: Option<Exit>) {
        self.board.update(self.part.name, |part| {
            part.state = PartState::Failed;
            part.pid = None;
            part.note = Some(what.clone());
        });
        let failure =
            Failure { part: self.part.name.to_owned(), what, exit, log: Some(self.log()) };
        // Nobody listens once the start is over or was given up.
        drop(self.failed.send(failure));
    }

    async fn step(&self, step: Result<Step, PlanError>) {
        let step = match step {
            Ok(step) => step,
            Err(error) => return self.fail(not_started(error), None),
        };
        self.board.begin(self.part.name, PartState::Working);
        let up_to_date = step.commands.is_empty();
        match self.run_all(&step.commands).await {
            Ran::Finished => {}
            Ran::Stopped => return self.stopped(),
            Ran::Failed { what, exit } => return self.fail(what, exit),
        }
        if let Some(Err(error)) = step.stamp.as_ref().map(Stamp::write) {
            return self.fail(format!("could not note its success: {error}"), None);
        }
        if up_to_date {
            self.board.update(self.part.name, |part| part.note = Some("up to date".to_owned()));
        }
        self.board.settle(self.part.name, PartState::Done);
    }

    /// Runs commands to their end, one after the other.
    async fn run_all(&self, commands: &[CommandLine]) -> Ran {
        for command in commands {
            let mut guarded = match self.guards.spawn(command, &self.log(), self.part.grace()).await
            {
                Ok(guarded) => guarded,
                Err(error) => return Ran::Failed { what: not_started(error), exit: None },
            };
            let mut stopping = self.stopping.clone();
            let exit = tokio::select! {
                exit = guarded.ended() => exit,
                () = told_to_stop(&mut stopping, self.part.tier()) => {
                    guarded.stop().await;
                    return Ran::Stopped;
                }
            };
            if !exit.is_success() {
                let what = format!("could not finish: {} {exit}", command.name());
                return Ran::Failed { what, exit: Some(exit) };
            }
        }
        Ran::Finished
    }

    /// Runs a service until it is told to stop, starting it again whenever it dies.
    async fn serve(&self) {
        let mut backoff = Backoff::new(FIRST_DELAY, LONGEST_DELAY);
        let mut was_ever_ready = false;
        loop {
            let begun = Instant::now();
            let (what, exit) = match self.run_once().await {
                Run::Stopped => return self.stopped(),
                Run::Died { what, exit, was_ready } => {
                    was_ever_ready |= was_ready;
                    (what, exit)
                }
            };
            if !was_ever_ready {
                return self.fail(what, exit);
            }
            if begun.elapsed() > LONG_RUN {
                backoff.reset();
            }
            if !self.pause(what, backoff.next_delay()).await {
                return self.stopped();
            }
        }
    }

    /// Waits before the next start; false when told to stop meanwhile.
    async fn pause(&self, what: String, delay: Duration) -> bool {
        self.board.update(self.part.name, |part| {
            part.state = PartState::Restarting;
            part.pid = None;
            part.restarts += 1;
            part.note = Some(what);
        });
        let mut stopping = self.stopping.clone();
        tokio::select! {
            () = sleep(delay) => true,
            () = told_to_stop(&mut stopping, self.part.tier()) => false,
        }
    }

    async fn run_once(&self) -> Run {
        let Work::Service { plan, .. } = self.part.work else { return Run::Stopped };
        let plan = match plan(&self.context) {
            Ok(plan) => plan,
            Err(error) => return never_ran(error),
        };
        self.board.begin(self.part.name, PartState::Starting);
        match self.run_all(&plan.before).await {
            Ran::Finished => {}
            Ran::Stopped => return Run::Stopped,
            Ran::Failed { what, exit } => return Run::Died { what, exit, was_ready: false },
        }
        match self.guards.spawn(&plan.command, &self.log(), self.part.grace()).await {
            Ok(guarded) => self.watch_over(guarded, &plan).await,
            Err(error) => never_ran(error),
        }
    }

    async fn watch_over(&self, mut guarded: Guarded, plan: &Plan) -> Run {
        self.board.update(self.part.name, |part| {
            part.pid = guarded.pid();
            part.started = Some(now_ms());
            part.address.clone_from(&plan.address);
        });
        let mut stopping = self.stopping.clone();
        let tier = self.part.tier();
        tokio::select! {
            exit = guarded.ended() => return died(exit, false),
            () = told_to_stop(&mut stopping, tier) => return self.end(guarded).await,
            answered = timeout(START_LIMIT, probe::ready(&plan.readiness)) => if answered.is_err() {
                guarded.stop().await;
                let what = format!("has not answered within {} s", START_LIMIT.as_secs());
                return Run::Died { what, exit: None, was_ready: false };
            }
        }
        self.board.settle(self.part.name, PartState::Ready);
        tokio::select! {
            exit = guarded.ended() => died(exit, true),
            () = told_to_stop(&mut stopping, tier) => self.end(guarded).await,
        }
    }

    async fn end(&self, guarded: Guarded) -> Run {
        self.board.update(self.part.name, |part| part.state = PartState::Stopping);
        guarded.stop().await;
        Run::Stopped
    }
}

fn not_started(error: impl fmt::Display) -> String {
    format!("did not start: {error}")
}

fn never_ran(error: impl fmt::Display) -> Run {
    Run::Died { what: not_started(error), exit: None, was_ready: false }
}

fn died(exit: Exit, was_ready: bool) -> Run {
    Run::Died { what: exit.to_string(), exit: Some(exit), was_ready }
}

/// Returns when this tier is to end; also when the stack itself is gone.
async fn told_to_stop(stopping: &mut watch::Receiver<u8>, tier: u8) {
    drop(stopping.wait_for(|below| *below > tier).await);
}

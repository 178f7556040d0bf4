//! The whole stack: every part a task that waits for what it needs, starts, is watched, and ends when it is its turn.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::floor::DiskWatch;
use super::runner::Runner;
use super::{Board, Failure, Guards};
use crate::parts::{Context, Part};
use crate::probe::{self, Flow, Lost};
use crate::state::disk::MIB;
use crate::state::{PartState, Phase};

/// The name of the last check: windows go from a source to the dashboard.
pub const FIRST_WINDOW: &str = "first-window";
/// How long the first window may take once everything answers.
const FIRST_WINDOW_LIMIT: Duration = Duration::from_mins(3);
/// How long the first record may take: a source that gives nothing for longer may be one of rare events, or its server
/// may be away. That is said, and nothing that a start could wait for.
const FIRST_RECORD_LIMIT: Duration = Duration::from_secs(30);
const ASK_INTERVAL: Duration = Duration::from_millis(250);

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
        let reserve = context.config.dev.disk_reserve * MIB;
        let disk = DiskWatch::new(context.home.folder(), reserve, Arc::clone(&board));
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
                    room: disk.room(),
                    failed: failed.clone(),
                };
                (tier, tokio::spawn(runner.run()))
            })
            .collect();
        // Ends by itself when the parts have.
        tokio::spawn(disk.run());
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
        board.update(FIRST_WINDOW, |part| part.say("no [[source]] to wait for"));
        board.settle(FIRST_WINDOW, PartState::Done);
        return Ok(());
    }
    board.begin(FIRST_WINDOW, PartState::Working);
    let since = board.snapshot().started;
    let begun = Instant::now();
    let mut lost = Lost::default();
    while begun.elapsed() < FIRST_WINDOW_LIMIT {
        match probe::flow(&context.config, since).await {
            Flow::Through => {
                board.settle(FIRST_WINDOW, PartState::Done);
                return Ok(());
            }
            Flow::NoRecords(sources) if begun.elapsed() > FIRST_RECORD_LIMIT => {
                board.update(FIRST_WINDOW, |part| part.say("no record has come yet"));
                board.settle(FIRST_WINDOW, PartState::Done);
                for source in sources {
                    board.notice(source);
                }
                return Ok(());
            }
            Flow::NoRecords(_) => {}
            Flow::Underway(known) => lost = known,
        }
        sleep(ASK_INTERVAL).await;
    }
    Err(no_window(context, board, lost))
}

fn no_window(context: &Context, board: &Board, lost: Lost) -> Failure {
    board.update(FIRST_WINDOW, |part| part.state = PartState::Failed);
    let limit = FIRST_WINDOW_LIMIT.as_secs();
    let waiting = board.snapshot().waiting_for.map(|what| format!("; the stack waits for {what}"));
    let reason = waiting.or_else(|| lost.words()).unwrap_or_else(|| {
        " though every part runs; see `./freshet logs producer` and `./freshet logs spark-job`"
            .to_owned()
    });
    Failure {
        part: FIRST_WINDOW.to_owned(),
        what: format!("has not reached the dashboard within {limit} s{reason}"),
        exit: None,
        log: Some(context.home.log("spark-job")),
        refused: false,
    }
}

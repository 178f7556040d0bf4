//! One part's life: waiting for what it needs, running, being started again, ending.

use std::fmt;
use std::future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use freshet_core::backoff::Backoff;
use tokio::sync::{mpsc, watch};
use tokio::time::{sleep, timeout};

use super::{
    Board, CommandLine, DiskUse, Exit, Failure, Guarded, Guards, Room, last_lines, refusal,
};
use crate::build::Stamp;
use crate::parts::{Context, Part, Plan, PlanError, Step, Work};
use crate::probe::{self, Readiness};
use crate::state::{PartState, Process, now_ms};

/// How long a service may take to answer: a cold machine with slow disks and two cores must make it.
const START_LIMIT: Duration = Duration::from_mins(3);
const FIRST_DELAY: Duration = Duration::from_millis(500);
const LONGEST_DELAY: Duration = Duration::from_secs(30);
/// A part that has run this long before it died is not failing in a row.
const LONG_RUN: Duration = Duration::from_mins(1);
/// How often a service that answered is asked again.
const ASK_INTERVAL: Duration = Duration::from_secs(5);
/// Where the line stands by which a program refuses its configuration.
const REFUSAL_LINES: usize = 10;

/// What is said of a part that has ended well by itself.
const NOTHING_LEFT: &str = "has ended: there is nothing left to do";

/// Why a part has to end, or may not start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Halt {
    /// It is its turn to end.
    Stop,
    /// The disk has no room for what it does.
    Pause,
}

/// How one run of a service ended.
enum Run {
    /// As asked.
    Halted(Halt),
    /// It says that there is nothing left to do.
    Done,
    /// It says that the configuration has to change first.
    Refused { what: String, exit: Exit },
    /// By itself.
    Died { what: String, exit: Option<Exit>, was_ready: bool },
}

/// How commands that end by themselves went.
enum Ran {
    /// All have succeeded.
    Finished,
    /// They were told to end.
    Halted(Halt),
    /// One has failed.
    Failed { what: String, exit: Option<Exit> },
}

/// What runs one part.
pub(super) struct Runner {
    pub(super) context: Arc<Context>,
    pub(super) board: Arc<Board>,
    pub(super) guards: Guards,
    pub(super) part: Part,
    /// Tiers below this number are to end.
    pub(super) stopping: watch::Receiver<u8>,
    /// How much room the disk has.
    pub(super) room: watch::Receiver<Room>,
    pub(super) failed: mpsc::UnboundedSender<Failure>,
}

impl Runner {
    /// Runs the part to its end.
    pub(super) async fn run(self) {
        tokio::select! {
            () = self.board.settled(self.part.needs) => {}
            () = self.told_to_stop() => return self.stopped(),
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
        self.give_up(what, exit, false);
    }

    fn give_up(&self, what: String, exit: Option<Exit>, refused: bool) {
        self.board.update(self.part.name, |part| {
            part.state = PartState::Failed;
            part.pid = None;
            part.say(what.clone());
        });
        let part = self.part.name.to_owned();
        let failure = Failure { part, what, exit, log: Some(self.log()), refused };
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
            Ran::Halted(_) => return self.stopped(),
            Ran::Failed { what, exit } => return self.fail(what, exit),
        }
        if let Some(Err(error)) = step.stamp.as_ref().map(Stamp::write) {
            return self.fail(format!("could not note its success: {error}"), None);
        }
        if up_to_date {
            self.board.update(self.part.name, |part| part.say("up to date"));
        }
        self.board.settle(self.part.name, PartState::Done);
    }

    /// Runs commands to their end, one after the other.
    async fn run_all(&self, commands: &[CommandLine]) -> Ran {
        for command in commands {
            let guarded = self.guards.spawn(command, &self.log(), self.part.grace()).await;
            let mut guarded = match guarded {
                Ok(guarded) => guarded,
                Err(error) => return Ran::Failed { what: not_started(error), exit: None },
            };
            let exit = tokio::select! {
                exit = guarded.ended() => exit,
                halt = self.halted() => {
                    guarded.stop().await;
                    return Ran::Halted(halt);
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
            if self.wait_for_room().await == Some(Halt::Stop) {
                return self.stopped();
            }
            let begun = Instant::now();
            let (what, exit) = match self.run_once().await {
                Run::Halted(Halt::Stop) => return self.stopped(),
                Run::Halted(Halt::Pause) => continue,
                Run::Done => return self.board.settle(self.part.name, PartState::Done),
                Run::Refused { what, exit } => return self.give_up(what, Some(exit), true),
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

    /// Waits until the disk has room for this part; tells when it has to end meanwhile.
    async fn wait_for_room(&self) -> Option<Halt> {
        let disk = self.part.disk();
        let mut room = self.room.clone();
        if disk.may_start(*room.borrow_and_update()) {
            return None;
        }
        self.board.update(self.part.name, |part| {
            part.state = PartState::Waiting;
            part.pid = None;
        });
        tokio::select! {
            () = comes(&mut room, |room| disk.may_start(room)) => None,
            () = self.told_to_stop() => Some(Halt::Stop),
        }
    }

    /// Waits before the next start; false when told to stop meanwhile.
    async fn pause(&self, what: String, delay: Duration) -> bool {
        self.board.update(self.part.name, |part| {
            part.state = PartState::Restarting;
            part.pid = None;
            part.restarts += 1;
            part.say(what);
        });
        tokio::select! {
            () = sleep(delay) => true,
            () = self.told_to_stop() => false,
        }
    }

    async fn run_once(&self) -> Run {
        let Work::Service { plan, .. } = self.part.work else { return Run::Halted(Halt::Stop) };
        let plan = match plan(&self.context) {
            Ok(plan) => plan,
            Err(error) => return never_ran(error),
        };
        plan.notices.iter().for_each(|notice| self.board.notice(notice.clone()));
        self.board.begin(self.part.name, PartState::Starting);
        match self.run_all(&plan.before).await {
            Ran::Finished => {}
            Ran::Halted(halt) => return Run::Halted(halt),
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
            part.readiness = Some(plan.readiness.clone());
        });
        tokio::select! {
            exit = guarded.ended() => return self.died(exit, plan, false),
            halt = self.halted() => return self.end(guarded, halt).await,
            answered = timeout(START_LIMIT, probe::ready(&plan.readiness)) => if answered.is_err() {
                guarded.stop().await;
                let what = format!("has not answered within {} s", START_LIMIT.as_secs());
                return Run::Died { what, exit: None, was_ready: false };
            }
        }
        self.board.settle(self.part.name, PartState::Ready);
        let process = guarded.pid().and_then(Process::of);
        tokio::select! {
            exit = guarded.ended() => self.died(exit, plan, true),
            halt = self.halted() => self.end(guarded, halt).await,
            () = self.keep_asking(process, &plan.readiness) => Run::Halted(Halt::Stop),
        }
    }

    /// Asks the service again and again whether it answers, and notes since when it does not.
    async fn keep_asking(&self, process: Option<Process>, readiness: &Readiness) {
        loop {
            sleep(ASK_INTERVAL).await;
            let asked = now_ms();
            let suspended = process.is_some_and(|process| process.is_suspended());
            let answers = !suspended && probe::answers(readiness).await;
            self.board.answered(self.part.name, asked, answers);
        }
    }

    async fn end(&self, guarded: Guarded, halt: Halt) -> Run {
        self.board.update(self.part.name, |part| part.state = PartState::Stopping);
        guarded.stop().await;
        Run::Halted(halt)
    }

    fn died(&self, exit: Exit, plan: &Plan, was_ready: bool) -> Run {
        if plan.done.is_some_and(|code| exit == Exit::Code(code)) {
            self.board.update(self.part.name, |part| {
                part.pid = None;
                part.say(NOTHING_LEFT);
            });
            return Run::Done;
        }
        if plan.refusal.is_some_and(|code| exit == Exit::Code(code)) {
            let lines = last_lines(&self.log(), REFUSAL_LINES).unwrap_or_default();
            return Run::Refused { what: refusal(&lines), exit };
        }
        Run::Died { what: exit.to_string(), exit: Some(exit), was_ready }
    }

    /// Returns when it is this part's turn to end; also when the stack itself is gone.
    async fn told_to_stop(&self) {
        let tier = self.part.tier();
        drop(self.stopping.clone().wait_for(|below| *below > tier).await);
    }

    /// Returns when this part has to end, for good or until the disk has room again.
    async fn halted(&self) -> Halt {
        let disk: DiskUse = self.part.disk();
        let mut room = self.room.clone();
        tokio::select! {
            biased;
            () = self.told_to_stop() => Halt::Stop,
            () = comes(&mut room, |room| disk.must_stop(room)) => Halt::Pause,
        }
    }
}

fn not_started(error: impl fmt::Display) -> String {
    format!("did not start: {error}")
}

fn never_ran(error: impl fmt::Display) -> Run {
    Run::Died { what: not_started(error), exit: None, was_ready: false }
}

/// Returns when the disk has come to such a room; never when nobody looks at the disk any more.
async fn comes(room: &mut watch::Receiver<Room>, holds: impl Fn(Room) -> bool) {
    if room.wait_for(|room| holds(*room)).await.is_err() {
        future::pending::<()>().await;
    }
}

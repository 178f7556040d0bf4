//! The one place where the running stack's condition is known; display, status file and dependants watch it.

use std::path::Path;
use std::process;

use tokio::sync::watch;

use super::Failure;
use crate::services::nodes::is_node_of;
use crate::state::{PartState, PartStatus, Phase, Snapshot, Topology, now_ms};

/// So many notices are kept, the newest.
const NOTICES: usize = 20;

/// The current [`Snapshot`], to change and to watch.
#[derive(Debug)]
pub struct Board {
    snapshot: watch::Sender<Snapshot>,
}

impl Board {
    /// A board on which every part still waits. Parts are given as (name, is a service).
    pub fn new(config: &Path, topology: Topology, parts: &[(&str, bool)]) -> Self {
        let snapshot = Snapshot {
            phase: Phase::Starting,
            supervisor: process::id(),
            started: now_ms(),
            topology,
            config: config.to_owned(),
            parts: parts
                .iter()
                .map(|(name, service)| PartStatus::waiting(name, *service))
                .collect(),
            failure: None,
            refused: false,
            waiting_for: None,
            notices: Vec::new(),
            stopped_by: None,
        };
        Self { snapshot: watch::Sender::new(snapshot) }
    }

    /// A view that is told of each change.
    pub fn watch(&self) -> watch::Receiver<Snapshot> {
        self.snapshot.subscribe()
    }

    /// The condition right now.
    pub fn snapshot(&self) -> Snapshot {
        self.snapshot.borrow().clone()
    }

    /// Changes the phase of the whole.
    pub fn enter(&self, phase: Phase) {
        self.snapshot.send_modify(|snapshot| snapshot.phase = phase);
    }

    /// Records why the start failed, and whether a configuration was refused.
    pub fn fail(&self, failure: &Failure) {
        self.snapshot.send_modify(|snapshot| {
            snapshot.phase = Phase::Failed;
            snapshot.failure = Some(failure.to_string());
            snapshot.refused = failure.is_refusal();
        });
    }

    /// Says what the stack waits for, outside of itself; `None` when it no longer does.
    pub fn wait_for(&self, what: Option<String>) {
        self.snapshot.send_modify(|snapshot| snapshot.waiting_for = what);
    }

    /// Tells people something that they should know, however the stack goes on.
    pub fn notice(&self, notice: String) {
        self.snapshot.send_modify(|snapshot| {
            if snapshot.notices.len() == NOTICES {
                snapshot.notices.remove(0);
            }
            snapshot.notices.push(notice);
        });
    }

    /// Records who has told the stack to stop.
    pub fn stopped_by(&self, whom: String) {
        self.snapshot.send_modify(|snapshot| snapshot.stopped_by = Some(whom));
    }

    /// Notes whether a part has answered when it was asked; only news are passed on.
    pub fn answered(&self, name: &str, asked: i64, answers: bool) {
        self.snapshot.send_if_modified(|snapshot| {
            let Some(part) = snapshot.parts.iter_mut().find(|part| part.name == name) else {
                return false;
            };
            let since = if answers { None } else { part.unanswered_since.or(Some(asked)) };
            std::mem::replace(&mut part.unanswered_since, since) != since
        });
    }

    /// Changes one part.
    pub fn update(&self, name: &str, change: impl FnOnce(&mut PartStatus)) {
        self.snapshot.send_modify(|snapshot| {
            if let Some(part) = snapshot.parts.iter_mut().find(|part| part.name == name) {
                change(part);
            }
        });
    }

    /// Marks a part as begun, now.
    pub fn begin(&self, name: &str, state: PartState) {
        self.update(name, |part| {
            part.state = state;
            part.started = Some(now_ms());
            part.unanswered_since = None;
        });
    }

    /// Marks a part as ready or done, and notes how long it took.
    pub fn settle(&self, name: &str, state: PartState) {
        self.update(name, |part| {
            part.state = state;
            part.took = part.started.map(|started| now_ms() - started);
        });
    }

    /// Waits until all of these parts are ready or done; all nodes of one that has several.
    pub async fn settled(&self, names: &[&str]) {
        let is_meant = |part: &PartStatus| {
            let goes_by = |name: &&str| part.name == **name || is_node_of(&part.name, name);
            names.iter().any(goes_by)
        };
        let all_settled = |snapshot: &Snapshot| {
            snapshot.parts.iter().filter(|part| is_meant(part)).all(|part| part.state.is_settled())
        };
        // The sender lives in `self`, so waiting cannot end in any other way than by the condition.
        if self.watch().wait_for(all_settled).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn dependants_wait_until_all_they_need_is_settled() {
        let board =
            Board::new(Path::new("c"), Topology::Kraft, &[("build", false), ("kafka", true)]);
        let both = board.settled(&["build", "kafka"]);
        tokio::pin!(both);
        board.begin("build", PartState::Working);
        board.settle("build", PartState::Done);
        tokio::select! {
            biased;
            () = &mut both => panic!("kafka is not ready yet"),
            () = std::future::ready(()) => {}
        }
        board.settle("kafka", PartState::Ready);
        both.await;
        assert!(board.snapshot().part("build").unwrap().took.is_some());
    }

    #[test]
    fn a_silent_part_keeps_the_time_of_its_first_silence() {
        let board = Board::new(Path::new("c"), Topology::Kraft, &[("kafka", true)]);
        let mut changes = board.watch();
        let since = || board.snapshot().part("kafka").unwrap().unanswered_since;
        board.answered("kafka", 10, true);
        assert!(!changes.has_changed().unwrap());
        board.answered("kafka", 20, false);
        board.answered("kafka", 30, false);
        assert_eq!(since(), Some(20));
        changes.mark_unchanged();
        board.answered("kafka", 40, true);
        assert!(changes.has_changed().unwrap());
        assert_eq!(since(), None);
    }

    #[test]
    fn the_newest_notices_are_kept() {
        let board = Board::new(Path::new("c"), Topology::Kraft, &[]);
        (0..=NOTICES).for_each(|number| board.notice(number.to_string()));
        let notices = board.snapshot().notices;
        assert_eq!((notices.len(), notices[0].as_str()), (NOTICES, "1"));
    }

    #[tokio::test]
    async fn whoever_needs_a_store_waits_for_each_of_its_nodes() {
        let nodes = [("kafka-1", true), ("kafka-2", true)];
        let board = Board::new(Path::new("c"), Topology::Cluster, &nodes);
        board.settle("kafka-2", PartState::Ready);
        let store = board.settled(&["kafka"]);
        tokio::pin!(store);
        tokio::select! {
            biased;
            () = &mut store => panic!("kafka-1 is not ready yet"),
            () = std::future::ready(()) => {}
        }
        board.settle("kafka-1", PartState::Ready);
        store.await;
    }

    #[tokio::test]
    async fn a_part_that_this_stack_does_not_have_holds_nobody_up() {
        let board = Board::new(Path::new("c"), Topology::Kraft, &[]);
        board.settled(&["zookeeper"]).await;
    }
}

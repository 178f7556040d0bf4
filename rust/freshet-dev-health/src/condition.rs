//! From a stack's condition to its health report.

use std::collections::BTreeMap;
use std::path::Path;

use freshet_core::wire::{Component, ErrorKind, HealthReport, State};
use freshet_dev::display::clock;
use freshet_dev::state::{PartState, PartStatus, Phase, Snapshot, disk, now_ms};
use freshet_runtime::clock::host_name;

/// The name that the reports carry.
pub(crate) const COMPONENT: Component = Component::Stack;

/// The report of a stack whose state lives in `home`, where `reserve` bytes are to stay free.
pub(crate) fn report(snapshot: &Snapshot, home: &Path, reserve: u64) -> HealthReport {
    let waiting_for =
        // The disk is looked at: a supervisor cannot write down that it is full to the last byte.
        disk::shortage(home, reserve).or_else(|| snapshot.waiting_for.clone());
    let last_error =
        snapshot.parts.iter().filter(|part| has_failed(part)).max_by_key(|part| part.note_time);
    let instance = format!("{}:{}", host_name(), snapshot.supervisor);
    HealthReport {
        errors: Some(restarts(snapshot)),
        state: Some(state(snapshot, waiting_for.is_some())),
        waiting_for,
        last_error: last_error.and_then(said),
        last_error_time: last_error.and_then(|part| part.note_time),
        version: Some(env!("CARGO_PKG_VERSION").to_owned()),
        notices: notices(snapshot),
        ..HealthReport::new(COMPONENT, instance, snapshot.started, now_ms())
    }
}

fn state(snapshot: &Snapshot, waits: bool) -> State {
    match snapshot.phase {
        _ if waits => State::Waiting,
        Phase::Starting => State::Starting,
        Phase::Ready | Phase::Stopping | Phase::Stopped | Phase::Failed => State::Running,
    }
}

/// How often parts were started again, as the only errors that a supervisor knows of.
fn restarts(snapshot: &Snapshot) -> BTreeMap<String, u64> {
    let count: u64 = snapshot.parts.iter().map(|part| u64::from(part.restarts)).sum();
    (count > 0).then(|| (ErrorKind::Restart.to_string(), count)).into_iter().collect()
}

fn has_failed(part: &PartStatus) -> bool {
    part.service && part.note.is_some() && (part.restarts > 0 || part.state == PartState::Failed)
}

fn said(part: &PartStatus) -> Option<String> {
    Some(format!("{}: {}", part.name, part.note.as_ref()?))
}

/// `None` when there is nothing to say.
fn notices(snapshot: &Snapshot) -> Option<Vec<String>> {
    let failed = snapshot.parts.iter().filter(|part| part.state == PartState::Failed);
    let silent = snapshot.parts.iter().filter_map(|part| {
        Some(format!("{}: not answering since {}", part.name, clock(part.unanswered_since?)))
    });
    let notices: Vec<String> =
        snapshot.notices.iter().cloned().chain(failed.filter_map(said)).chain(silent).collect();
    (!notices.is_empty()).then_some(notices)
}

#[cfg(test)]
mod tests {
    use freshet_dev::state::Topology;
    use freshet_dev::supervise::Board;

    use super::*;

    fn board() -> Board {
        let board =
            Board::new(Path::new("c"), Topology::Kraft, &[("kafka", true), ("writer", true)]);
        board.enter(Phase::Ready);
        board
    }

    fn report_of(board: &Board) -> HealthReport {
        report(&board.snapshot(), Path::new("/"), 0)
    }

    #[test]
    fn a_stack_that_waits_for_the_disk_says_so() {
        let board = board();
        assert_eq!(report_of(&board).state, Some(State::Running));
        assert_eq!(report_of(&board).waiting_for, None);
        board.wait_for(Some("disk space: disk full".to_owned()));
        let report = report_of(&board);
        assert_eq!(report.component.name(), "freshet-dev");
        assert_eq!(report.state, Some(State::Waiting));
        assert_eq!(report.waiting_for.as_deref(), Some("disk space: disk full"));
        assert_eq!(report.lag, None);
    }

    #[test]
    fn a_full_disk_is_reported_though_the_supervisor_cannot_write_it_down() {
        let report = report(&board().snapshot(), Path::new("/"), u64::MAX);
        assert_eq!(report.state, Some(State::Waiting));
        let waiting_for = report.waiting_for.unwrap();
        assert!(waiting_for.starts_with("disk space: disk full, "), "{waiting_for}");
    }

    #[test]
    fn what_died_last_is_told_with_its_time() {
        let board = board();
        assert_eq!(report_of(&board).last_error, None);
        board.update("writer", |part| {
            part.restarts = 1;
            part.say("was killed by signal 9");
            part.note_time = Some(17);
        });
        let report = report_of(&board);
        assert_eq!(report.last_error.as_deref(), Some("writer: was killed by signal 9"));
        assert_eq!(report.last_error_time, Some(17));
        assert_eq!(report.errors, Some(BTreeMap::from([("restart".to_owned(), 1)])));
    }

    #[test]
    fn silent_parts_and_what_was_moved_are_notices() {
        let board = board();
        board.notice("moved a segment".to_owned());
        board.answered("kafka", 1_795_633_384_999, false);
        let notices = report_of(&board).notices.unwrap();
        assert_eq!(notices, ["moved a segment", "kafka: not answering since 19:03:04 UTC"]);
    }
}

//! What is new in a stack's condition, beside its parts: told once.

use crate::state::Snapshot;

/// Remembers what was told.
#[derive(Debug, Default)]
pub struct News {
    notices: Vec<String>,
    waiting_for: Option<String>,
}

impl News {
    /// The lines that tell what has come since the last time.
    pub fn of(&mut self, snapshot: &Snapshot) -> Vec<String> {
        let told = std::mem::replace(&mut self.notices, snapshot.notices.clone());
        let mut lines: Vec<String> =
            snapshot.notices.iter().filter(|notice| !told.contains(notice)).cloned().collect();
        if self.waiting_for != snapshot.waiting_for {
            lines.push(match &snapshot.waiting_for {
                Some(what) => format!("waiting for {what}"),
                None => "waiting no longer".to_owned(),
            });
            self.waiting_for.clone_from(&snapshot.waiting_for);
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::state::Topology;
    use crate::supervise::Board;

    #[test]
    fn notices_and_shortages_are_told_once() {
        let board = Board::new(Path::new("c"), Topology::Kraft, &[]);
        let mut news = News::default();
        let mut told = || news.of(&board.snapshot());
        assert!(told().is_empty());
        board.notice("moved a segment".to_owned());
        board.wait_for(Some("disk space: disk full".to_owned()));
        assert_eq!(told(), ["moved a segment", "waiting for disk space: disk full"]);
        assert!(told().is_empty());
        board.wait_for(None);
        assert_eq!(told(), ["waiting no longer"]);
    }
}

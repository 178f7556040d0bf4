//! What stays of a running stack's condition: the status file, and the supervisor's log.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::PathBuf;

use crate::display::{News, clock, note};
use crate::state::{Home, Snapshot, now_ms};

/// Writes the status file, and the news for people into the supervisor's log.
pub(super) struct Journal {
    status: PathBuf,
    log: PathBuf,
    news: News,
    complained: bool,
}

impl Journal {
    /// A journal that begins.
    pub(super) fn new(home: &Home) -> Self {
        Self {
            status: home.status_file(),
            log: home.log("supervisor"),
            news: News::default(),
            complained: false,
        }
    }

    /// Notes a condition; false when the status file could not be written.
    pub(super) fn write(&mut self, snapshot: &Snapshot) -> bool {
        for line in self.news.of(snapshot) {
            // A full disk has no room for it either; terminal, `status` and page say it all the same.
            drop(self.append(&line));
        }
        let Err(error) = snapshot.write(&self.status) else {
            self.complained = false;
            return true;
        };
        if !std::mem::replace(&mut self.complained, true) {
            note(format_args!("warning: {error}; `status` shows what was known before"));
        }
        false
    }

    fn append(&self, line: &str) -> io::Result<()> {
        let mut log = OpenOptions::new().create(true).append(true).open(&self.log)?;
        writeln!(log, "{} {line}", clock(now_ms()))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;
    use crate::state::Topology;
    use crate::supervise::Board;

    #[test]
    fn a_status_file_that_could_not_be_written_is_told_and_notices_are_in_the_log() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::new(folder.path());
        home.create().unwrap();
        let board = Board::new(Path::new("c"), Topology::Kraft, &[]);
        board.notice("moved a segment".to_owned());
        let mut journal = Journal::new(&home);
        // A folder in the place of the new file, as a full disk has no room for it.
        let blocked = home.status_file().with_extension("json.new");
        fs::create_dir(&blocked).unwrap();
        assert!(!journal.write(&board.snapshot()));
        fs::remove_dir(&blocked).unwrap();
        assert!(journal.write(&board.snapshot()));
        let log = fs::read_to_string(home.log("supervisor")).unwrap();
        assert_eq!(log.matches("UTC moved a segment").count(), 1, "{log}");
    }
}

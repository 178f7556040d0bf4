//! The floor under the free space of the disk: below it the stack stops to fill the disk further.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::sleep;

use super::Board;
use crate::state::disk::{self, plenty};

/// How often the disk is looked at: at 100 MiB a second a quarter of the default reserve lasts longer than this.
const INTERVAL: Duration = Duration::from_secs(1);

/// How much room the disk has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Room {
    /// Enough for everybody.
    Plenty,
    /// Less than the reserve: what brings data in and what computes on it has to stop.
    Low,
    /// So little that a store which starts would damage its data.
    None,
}

/// What a service does to the disk, which decides when it may run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiskUse {
    /// It makes more and more data: it runs only while there is plenty of room.
    Fills,
    /// It keeps data: it goes on running, but is not started without room for its logs.
    Keeps,
    /// It writes next to nothing.
    Spares,
}

impl DiskUse {
    /// Whether such a service may be started.
    pub fn may_start(self, room: Room) -> bool {
        match self {
            Self::Fills => room == Room::Plenty,
            Self::Keeps => room != Room::None,
            Self::Spares => true,
        }
    }

    /// Whether such a service has to stop.
    pub fn must_stop(self, room: Room) -> bool {
        self == Self::Fills && room != Room::Plenty
    }
}

/// Decides on the room, with a distance between stopping and starting so that parts do not go up and down with every
/// few bytes.
#[derive(Clone, Debug)]
pub struct Floor {
    reserve: u64,
    room: Room,
}

impl Floor {
    /// A floor of so many bytes; 0 is none.
    pub fn new(reserve: u64) -> Self {
        Self { reserve, room: Room::Plenty }
    }

    /// The room, now that so many bytes are available.
    pub fn judge(&mut self, available: u64) -> Room {
        let quarter = self.reserve / 4;
        let least = |limit: u64, was_worse: bool| if was_worse { plenty(limit) } else { limit };
        self.room = if available < least(quarter, self.room == Room::None) {
            Room::None
        } else if available < least(self.reserve, self.room != Room::Plenty) {
            Room::Low
        } else {
            Room::Plenty
        };
        self.room
    }
}

/// Watches the disk of a folder, and tells the board what the stack waits for.
pub(super) struct DiskWatch {
    folder: PathBuf,
    reserve: u64,
    floor: Floor,
    board: Arc<Board>,
    room: watch::Sender<Room>,
}

impl DiskWatch {
    /// A watch that has looked once: nothing may start before it is known that there is room.
    pub(super) fn new(folder: &Path, reserve: u64, board: Arc<Board>) -> Self {
        let (folder, floor) = (folder.to_owned(), Floor::new(reserve));
        let mut this =
            Self { folder, reserve, floor, board, room: watch::Sender::new(Room::Plenty) };
        this.look();
        this
    }

    /// A view of the room.
    pub(super) fn room(&self) -> watch::Receiver<Room> {
        self.room.subscribe()
    }

    /// Looks again and again for as long as anybody has a view.
    pub(super) async fn run(mut self) {
        while !self.room.is_closed() {
            tokio::select! {
                () = sleep(INTERVAL) => self.look(),
                () = self.room.closed() => {}
            }
        }
    }

    fn look(&mut self) {
        // A disk that nobody can look at must not stop anything.
        let Ok(available) = disk::available(&self.folder) else { return };
        let now = self.floor.judge(available);
        if self.room.send_replace(now) != now {
            let what = || disk::describe_shortage(&self.folder, available, self.reserve);
            self.board.wait_for((now != Room::Plenty).then(what));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::Topology;

    #[test]
    fn parts_go_on_only_with_some_room_beyond_the_floor() {
        use Room::{Low, Plenty};
        let mut floor = Floor::new(800);
        let seen = [800, 799, 800, 899, 900, 800, 799].map(|available| floor.judge(available));
        assert_eq!(seen, [Plenty, Low, Low, Low, Plenty, Plenty, Low]);
        let mut floor = Floor::new(800);
        let seen = [200, 199, 200, 224, 225, 0, 1_000].map(|available| floor.judge(available));
        assert_eq!(seen, [Low, Room::None, Room::None, Room::None, Low, Room::None, Plenty]);
    }

    #[test]
    fn a_reserve_of_nothing_stops_nothing() {
        assert_eq!(Floor::new(0).judge(0), Room::Plenty);
    }

    #[test]
    fn what_fills_the_disk_stops_first_and_stores_only_do_not_start() {
        use DiskUse::{Fills, Keeps, Spares};
        assert!(Fills.must_stop(Room::Low) && !Fills.may_start(Room::Low));
        assert!(!Keeps.must_stop(Room::None) && !Keeps.may_start(Room::None));
        assert!(Keeps.may_start(Room::Low));
        assert!(Spares.may_start(Room::None) && !Spares.must_stop(Room::None));
    }

    #[tokio::test]
    async fn the_board_says_what_the_stack_waits_for_before_anything_starts() {
        let board = Arc::new(Board::new(Path::new("c"), Topology::Kraft, &[]));
        let folder = tempfile::tempdir().unwrap();
        // More than any disk has.
        let watch = DiskWatch::new(folder.path(), u64::MAX / 4, Arc::clone(&board));
        let room = watch.room();
        assert_eq!(*room.borrow(), Room::None);
        let waiting = board.snapshot().waiting_for.unwrap();
        assert!(waiting.starts_with("disk space: disk full, "), "{waiting}");
        drop(room);
        watch.run().await;
    }
}

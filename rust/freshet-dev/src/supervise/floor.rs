//! The floor under the free space of the disk: below it the stack stops to fill the disk further.

use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::sleep;

use super::Board;
use crate::state::disk::{self, MIB};

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
        // Upwards there has to be an eighth of the reserve more than what made it worse.
        let distance = self.reserve / 8;
        let least = |limit: u64, worse: bool| if worse { limit + distance } else { limit };
        self.room = if available < least(quarter, self.room == Room::None) {
            Room::None
        } else if available < least(self.reserve, self.room != Room::Plenty) {
            Room::Low
        } else {
            Room::Plenty
        };
        self.room
    }

    /// From where on everything runs again, in bytes.
    fn plenty_from(&self) -> u64 {
        self.reserve + self.reserve / 8
    }
}

/// Watches the disk for as long as anybody watches the answer, and tells the board what the stack waits for.
pub(super) async fn watch_disk(
    folder: PathBuf,
    reserve: u64,
    board: std::sync::Arc<Board>,
    room: watch::Sender<Room>,
) {
    let mut floor = Floor::new(reserve);
    while !room.is_closed() && reserve > 0 {
        // A disk that nobody can look at must not stop anything.
        if let Ok(available) = disk::available(&folder) {
            let now = floor.judge(available);
            if room.send_if_modified(|before| std::mem::replace(before, now) != now) {
                board.wait_for((now != Room::Plenty).then(|| {
                    format!(
                        "{}: producer and spark-job start again at {} MiB",
                        disk::describe_shortage(&folder, available, reserve),
                        floor.plenty_from() / MIB
                    )
                }));
            }
        }
        tokio::select! {
            () = sleep(INTERVAL) => {}
            () = room.closed() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_go_on_only_with_some_room_beyond_the_floor() {
        use Room::{Low, Plenty};
        let mut floor = Floor::new(800);
        let seen = [800, 799, 800, 899, 900, 800, 799].map(|available| floor.judge(available));
        assert_eq!(seen, [Plenty, Low, Low, Low, Plenty, Plenty, Low]);
        let mut floor = Floor::new(800);
        let seen = [200, 199, 250, 299, 300, 0, 1_000].map(|available| floor.judge(available));
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
    async fn the_board_says_what_the_stack_waits_for() {
        let board = std::sync::Arc::new(Board::new(
            std::path::Path::new("c"),
            crate::state::Topology::Kraft,
            &[],
        ));
        let (sender, mut room) = watch::channel(Room::Plenty);
        let folder = tempfile::tempdir().unwrap();
        // More than any disk has.
        let reserve = u64::MAX / 4;
        let watching = tokio::spawn(watch_disk(
            folder.path().to_owned(),
            reserve,
            std::sync::Arc::clone(&board),
            sender,
        ));
        room.wait_for(|room| *room == Room::None).await.unwrap();
        let waiting =
            board.watch().wait_for(|now| now.waiting_for.is_some()).await.unwrap().clone();
        let waiting = waiting.waiting_for.unwrap();
        assert!(waiting.starts_with("disk space: disk full, "), "{waiting}");
        drop(room);
        watching.await.unwrap();
    }
}

//! Room on the file system of a folder.

use std::io;
use std::path::Path;

use nix::errno::Errno;
use nix::sys::statvfs::statvfs;

/// Bytes in a MiB.
pub const MIB: u64 = 1 << 20;

/// How many bytes can still be written below a folder, which need not exist yet. A file system that cannot hold one
/// more file has no room, whatever its blocks say.
///
/// # Errors
/// When the system does not tell.
pub fn available(folder: &Path) -> io::Result<u64> {
    let mut last = io::Error::from(io::ErrorKind::NotFound);
    for existing in folder.ancestors() {
        match statvfs(existing) {
            Ok(room) if room.files() > 0 && room.files_available() == 0 => return Ok(0),
            Ok(room) => return Ok(room.blocks_available() * room.fragment_size()),
            Err(Errno::ENOENT | Errno::ENOTDIR) => {}
            Err(error) => last = error.into(),
        }
    }
    Err(last)
}

/// Says that there is less room than the reserve; `None` when there is enough, or nobody can tell.
pub fn shortage(folder: &Path, reserve: u64) -> Option<String> {
    let available = available(folder).ok()?;
    (available < reserve).then(|| describe_shortage(folder, available, reserve))
}

/// The one wording of a full disk, which terminal, log, status and page share.
pub fn describe_shortage(folder: &Path, available: u64, reserve: u64) -> String {
    format!(
        "disk space: disk full, {} MiB left for {} and [dev] disk_reserve is {} MiB; free some space: producer and \
         spark-job start again at {} MiB",
        available / MIB,
        folder.display(),
        reserve / MIB,
        plenty(reserve) / MIB
    )
}

/// How much has to be free until a full disk counts as one with room again: so much more than the reserve that parts do
/// not go up and down with every few bytes.
pub fn plenty(reserve: u64) -> u64 {
    reserve + reserve / 8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_does_not_exist_yet_has_the_room_of_the_one_above() {
        let folder = tempfile::tempdir().unwrap();
        let room = available(&folder.path().join("not/yet")).unwrap();
        assert!(room > 0);
        assert_eq!(shortage(folder.path(), 0), None);
        let short = shortage(folder.path(), u64::MAX).unwrap();
        assert!(short.starts_with("disk space: disk full, "), "{short}");
    }

    #[test]
    fn the_shortage_names_what_is_left_the_place_and_the_setting() {
        assert_eq!(
            describe_shortage(Path::new("/h"), 12 * MIB + 1, 512 * MIB),
            "disk space: disk full, 12 MiB left for /h and [dev] disk_reserve is 512 MiB; free some \
             space: producer and spark-job start again at 576 MiB"
        );
    }
}

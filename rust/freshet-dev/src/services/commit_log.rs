//! Cassandra's commit log after a disk was full: segments that were laid out but never written.
//!
//! Cassandra maps a new segment into memory and writes its header there. When the disk has no block for it, the process
//! dies, and a file of zeros stays behind. A header that cannot be read ends every later start, unless the segment is
//! the last one. A header (Cassandra's `CommitLogDescriptor`) is the version (4 bytes), the segment's id (8), the
//! length of its parameters (2), the parameters, and a checksum (4): the version alone makes that different from zeros.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Version, id, length of no parameters, checksum.
const SHORTEST_HEADER: usize = 18;
const PREFIX: &str = "CommitLog-";
const EXTENSION: &str = "log";

/// A segment that was moved out of Cassandra's way.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct SetAside {
    /// Where it is now.
    pub(super) file: PathBuf,
    /// How many of its bytes are not zero, and so are lost to Cassandra.
    pub(super) lost_bytes: u64,
}

impl SetAside {
    /// What people should know of it.
    pub(super) fn describe(&self) -> String {
        let holds = match self.lost_bytes {
            0 => "it holds nothing but zeros, so nothing is lost".to_owned(),
            lost => format!("{lost} bytes of it are not zeros, and cannot be replayed"),
        };
        format!(
            "moved a segment of Cassandra's commit log aside to {}: a full disk has left it without its header; \
             {holds}",
            self.file.display()
        )
    }
}

/// Moves the segments whose header was never written from `folder` to `aside`; nothing is deleted.
pub(super) fn set_aside_unwritten(folder: &Path, aside: &Path) -> io::Result<Vec<SetAside>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut segments =
        entries.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<PathBuf>>>()?;
    segments.retain(|file| is_segment(file));
    segments.sort();
    let mut moved = Vec::new();
    for segment in segments {
        if header_is_unwritten(&segment)? {
            moved.push(set_aside(&segment, aside)?);
        }
    }
    Ok(moved)
}

/// `CommitLog-7-1795633882586.log`
fn is_segment(file: &Path) -> bool {
    let id = file
        .extension()
        .is_some_and(|extension| extension == EXTENSION)
        .then(|| file.file_stem()?.to_str()?.strip_prefix(PREFIX))
        .flatten();
    id.is_some_and(|id| id.split('-').all(|part| part.parse::<u64>().is_ok()))
}

fn header_is_unwritten(segment: &Path) -> io::Result<bool> {
    let mut header = Vec::with_capacity(SHORTEST_HEADER);
    File::open(segment)?.take(SHORTEST_HEADER as u64).read_to_end(&mut header)?;
    Ok(header.iter().all(|byte| *byte == 0))
}

fn set_aside(segment: &Path, aside: &Path) -> io::Result<SetAside> {
    let lost_bytes = bytes_written(segment)?;
    fs::create_dir_all(aside)?;
    let name = segment.file_name().unwrap_or_default().to_string_lossy().into_owned();
    // A number that was used before, should it ever come again, must not overwrite what is there.
    let places = (0_u32..).map(|number| match number {
        0 => aside.join(&name),
        _ => aside.join(format!("{name}.{number}")),
    });
    let file =
        places.into_iter().find(|place| !place.exists()).unwrap_or_else(|| aside.join(&name));
    fs::rename(segment, &file)?;
    Ok(SetAside { file, lost_bytes })
}

fn bytes_written(segment: &Path) -> io::Result<u64> {
    let mut file = File::open(segment)?;
    let mut buffer = vec![0; 64 << 10];
    let mut written = 0;
    loop {
        let length = file.read(&mut buffer)?;
        if length == 0 {
            return Ok(written);
        }
        written += buffer[..length].iter().filter(|byte| **byte != 0).count() as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As Cassandra 5.0 begins the segment of that id without compression: parameters are an empty JSON object.
    fn header(id: u64, checksum: u32) -> Vec<u8> {
        let mut bytes = 7_u32.to_be_bytes().to_vec();
        bytes.extend(id.to_be_bytes());
        bytes.extend(2_u16.to_be_bytes());
        bytes.extend(b"{}");
        bytes.extend(checksum.to_be_bytes());
        bytes
    }

    struct Place(tempfile::TempDir);

    impl Place {
        fn new() -> Self {
            let place = Self(tempfile::tempdir().unwrap());
            fs::create_dir(place.log()).unwrap();
            place
        }

        fn log(&self) -> PathBuf {
            self.0.path().join("commitlog")
        }

        fn aside(&self) -> PathBuf {
            self.0.path().join("commitlog-set-aside")
        }

        fn segment(&self, id: u64, bytes: &[u8]) -> PathBuf {
            let file = self.log().join(format!("CommitLog-7-{id}.log"));
            fs::write(&file, bytes).unwrap();
            file
        }

        fn set_aside(&self) -> Vec<SetAside> {
            set_aside_unwritten(&self.log(), &self.aside()).unwrap()
        }
    }

    #[test]
    fn segments_of_zeros_are_moved_and_others_stay() {
        let place = Place::new();
        let mut good = header(1_795_633_882_586, 0x1234_5678);
        good.resize(4_096, 0);
        let good = place.segment(1_795_633_882_586, &good);
        let zeros = place.segment(1_795_633_882_587, &[0; 4_096]);
        let empty = place.segment(1_795_633_882_588, &[]);
        let other = place.log().join("notes.log");
        fs::write(&other, [0; 64]).unwrap();
        let moved = place.set_aside();
        assert_eq!(moved.len(), 2);
        assert!(moved.iter().all(|one| one.lost_bytes == 0 && one.file.exists()));
        assert_eq!(fs::read(&moved[0].file).unwrap(), [0; 4_096]);
        assert!(good.exists() && other.exists() && !zeros.exists() && !empty.exists());
        assert!(place.set_aside().is_empty());
    }

    #[test]
    fn what_a_headless_segment_holds_is_counted() {
        let place = Place::new();
        let mut bytes = vec![0; 4_096];
        bytes[1_000..1_010].fill(7);
        place.segment(5, &bytes);
        let moved = place.set_aside();
        assert_eq!(moved[0].lost_bytes, 10);
        assert!(moved[0].describe().contains("10 bytes of it are not zeros"));
    }

    #[test]
    fn what_was_set_aside_before_is_not_overwritten() {
        let place = Place::new();
        place.segment(5, &[0; 32]);
        place.set_aside();
        place.segment(5, &[0; 64]);
        let moved = place.set_aside();
        assert!(moved[0].file.ends_with("CommitLog-7-5.log.1"));
        assert_eq!(fs::read_dir(place.aside()).unwrap().count(), 2);
    }

    #[test]
    fn a_small_id_or_a_short_file_is_no_reason_to_move_a_written_header() {
        let place = Place::new();
        let segment = place.segment(1, &header(1, 0)[..6]);
        assert!(place.set_aside().is_empty());
        assert!(segment.exists());
    }

    #[test]
    fn a_node_that_never_ran_has_no_commit_log() {
        let place = Place::new();
        fs::remove_dir(place.log()).unwrap();
        assert!(place.set_aside().is_empty());
    }
}

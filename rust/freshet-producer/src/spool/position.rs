//! The small file that says up to where a spool was delivered.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// The number, and its CRC-32.
const SIZE: usize = 12;

/// The file, open.
#[derive(Debug)]
pub(super) struct Position(File);

impl Position {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let options =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
        options.map(Self)
    }

    /// The number of the first message that was not delivered. 0 where that is not known: what was delivered comes
    /// again then, and nothing is lost.
    pub(super) fn read(&self) -> io::Result<u64> {
        let mut bytes = [0; SIZE];
        match self.0.read_exact_at(&mut bytes, 0) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(0),
            Err(error) => return Err(error),
        }
        let number = bytes[..8].iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte));
        Ok(if bytes == encode(number) { number } else { 0 })
    }

    pub(super) fn write(&self, number: u64) -> io::Result<()> {
        self.0.write_all_at(&encode(number), 0)
    }
}

fn encode(number: u64) -> [u8; SIZE] {
    let mut bytes = [0; SIZE];
    let (value, checksum) = bytes.split_at_mut(8);
    value.copy_from_slice(&number.to_le_bytes());
    checksum.copy_from_slice(&crc32fast::hash(value).to_le_bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_read_as_it_was_written_and_not_known_when_it_is_damaged() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("position");
        assert_eq!(Position::open(&path).unwrap().read().unwrap(), 0);
        for number in [1, u64::from(u32::MAX) + 7, 3] {
            Position::open(&path).unwrap().write(number).unwrap();
            assert_eq!(Position::open(&path).unwrap().read().unwrap(), number);
        }
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[1] = 1;
        std::fs::write(&path, &bytes).unwrap();
        assert_eq!(Position::open(&path).unwrap().read().unwrap(), 0);
        std::fs::write(&path, &bytes[..5]).unwrap();
        assert_eq!(Position::open(&path).unwrap().read().unwrap(), 0);
    }
}

//! A log that cannot fill the disk: past its limit it becomes `<name>.1` and a new one begins.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Where a part's output goes.
#[derive(Debug)]
pub(super) struct LogFile {
    path: PathBuf,
    file: File,
    written: u64,
    limit: u64,
}

impl LogFile {
    /// Opens a log to append to.
    pub(super) fn open(path: &Path, limit: u64) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        let written = file.metadata()?.len();
        Ok(Self { path: path.to_owned(), file, written, limit })
    }

    /// Appends bytes as they come; begins anew first when the log has reached its limit.
    pub(super) fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.written >= self.limit {
            fs::rename(&self.path, older(&self.path))?;
            *self = Self::open(&self.path, self.limit)?;
        }
        self.file.write_all(bytes)?;
        self.written += bytes.len() as u64;
        Ok(())
    }
}

fn older(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".1");
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_log_gives_way_to_a_new_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kafka.log");
        let mut log = LogFile::open(&path, 8).unwrap();
        log.append(b"12345678").unwrap();
        log.append(b"9").unwrap();
        assert_eq!(fs::read_to_string(older(&path)).unwrap(), "12345678");
        assert_eq!(fs::read_to_string(&path).unwrap(), "9");
    }

    #[test]
    fn a_restart_appends() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kafka.log");
        LogFile::open(&path, 80).unwrap().append(b"a").unwrap();
        LogFile::open(&path, 80).unwrap().append(b"b").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "ab");
    }
}

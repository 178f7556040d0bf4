//! File locks that say who lives. The kernel drops them with the process that holds them, however it ends, so they
//! cannot go stale and no process id has to be compared.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process;
use std::thread;
use std::time::Duration;

const ATTEMPTS: u32 = 5;
const BETWEEN_ATTEMPTS: Duration = Duration::from_millis(20);

/// Why a lock file could not be used.
#[derive(Debug, thiserror::Error)]
#[error(
    "cannot lock {path}: {source}; see whether FRESHET_HOME is a folder that can be written to"
)]
pub struct LockError {
    path: PathBuf,
    source: io::Error,
}

/// A held lock; it is released when this is dropped or the process ends.
#[derive(Debug)]
pub struct ProcessLock {
    file: File,
}

impl ProcessLock {
    /// Takes the lock for one holder alone, who leaves his process id in the file; `None` when somebody has it.
    ///
    /// # Errors
    /// When the lock file cannot be opened or locked.
    pub fn exclusive(path: &Path) -> Result<Option<Self>, LockError> {
        let Some(lock) = patiently(|| Self::take(path, File::try_lock))? else { return Ok(None) };
        let note = format!("{}\n", process::id());
        let written = lock.file.set_len(0).and_then(|()| (&lock.file).write_all(note.as_bytes()));
        written.map_err(|source| LockError { path: path.to_owned(), source })?;
        Ok(Some(lock))
    }

    /// Takes the lock together with other sharers; `None` when one holder has it alone.
    ///
    /// # Errors
    /// When the lock file cannot be opened or locked.
    pub fn shared(path: &Path) -> Result<Option<Self>, LockError> {
        patiently(|| Self::take(path, File::try_lock_shared))
    }

    /// Whether anybody holds the lock right now.
    ///
    /// # Errors
    /// When the lock file cannot be opened or locked.
    pub fn is_held(path: &Path) -> Result<bool, LockError> {
        let failed = |source| LockError { path: path.to_owned(), source };
        // Only to look: a folder that cannot be written to must not keep anybody from that.
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(failed(error)),
        };
        match file.try_lock() {
            Ok(()) => Ok(false),
            Err(TryLockError::WouldBlock) => Ok(true),
            Err(TryLockError::Error(source)) => Err(failed(source)),
        }
    }

    /// The process that holds an exclusive lock. The id in the file is only believed while the lock is held, so that a
    /// stale one, whose number may belong to another process by now, is never taken for the holder.
    ///
    /// # Errors
    /// When the lock file cannot be opened or locked.
    pub fn holder(path: &Path) -> Result<Option<u32>, LockError> {
        if !Self::is_held(path)? {
            return Ok(None);
        }
        let note =
            patiently(|| Ok(fs::read_to_string(path).ok().and_then(|id| id.trim().parse().ok())))?;
        match note {
            Some(id) => Ok(Some(id)),
            None if Self::is_held(path)? => Err(unknown(path)),
            None => Ok(None),
        }
    }

    fn take(
        path: &Path,
        lock: fn(&File) -> Result<(), TryLockError>,
    ) -> Result<Option<Self>, LockError> {
        let failed = |source| LockError { path: path.to_owned(), source };
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path)
            .map_err(failed)?;
        match lock(&file) {
            Ok(()) => Ok(Some(Self { file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(source)) => Err(failed(source)),
        }
    }
}

/// Looking whether a lock is held takes it for an instant; whoever needs it asks again after such a moment.
fn patiently<T>(
    mut attempt: impl FnMut() -> Result<Option<T>, LockError>,
) -> Result<Option<T>, LockError> {
    for _ in 1..ATTEMPTS {
        if let Some(success) = attempt()? {
            return Ok(Some(success));
        }
        thread::sleep(BETWEEN_ATTEMPTS);
    }
    attempt()
}

fn unknown(path: &Path) -> LockError {
    let source = io::Error::other("its holder has not left a process id");
    LockError { path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_free_again_when_its_holder_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        assert!(!ProcessLock::is_held(&path).unwrap());
        let held = ProcessLock::exclusive(&path).unwrap().unwrap();
        assert!(ProcessLock::is_held(&path).unwrap());
        assert!(ProcessLock::shared(&path).unwrap().is_none());
        assert_eq!(ProcessLock::holder(&path).unwrap(), Some(process::id()));
        drop(held);
        assert_eq!(ProcessLock::holder(&path).unwrap(), None);
    }

    #[test]
    fn looking_makes_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        assert!(!ProcessLock::is_held(&path).unwrap());
        assert_eq!(ProcessLock::holder(&path).unwrap(), None);
        assert!(!path.exists());
    }

    #[test]
    fn sharers_keep_an_exclusive_holder_out() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let first = ProcessLock::shared(&path).unwrap().unwrap();
        let second = ProcessLock::shared(&path).unwrap().unwrap();
        drop(first);
        assert!(ProcessLock::is_held(&path).unwrap());
        drop(second);
        assert!(!ProcessLock::is_held(&path).unwrap());
    }
}

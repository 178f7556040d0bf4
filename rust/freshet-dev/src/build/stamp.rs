//! Stamps: the digest of what a build was made from, kept beside what it made.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};

/// Why inputs could not be read or a stamp not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot read or write {path}: {source}")]
pub struct StampError {
    path: PathBuf,
    source: io::Error,
}

/// What a build is made from, as a digest. The digest only has to tell "the same" from "changed" on one machine; a new
/// Rust release may compute another one, which costs one build.
#[derive(Debug)]
pub struct Stamp {
    file: PathBuf,
    digest: String,
}

impl Stamp {
    /// Digests inputs (files, and folders with all they hold); missing ones count as empty.
    ///
    /// # Errors
    /// When an input exists but cannot be read.
    pub fn of(file: PathBuf, inputs: &[PathBuf]) -> Result<Self, StampError> {
        let mut hasher = DefaultHasher::new();
        for input in inputs {
            digest(input, &mut hasher)?;
        }
        Ok(Self { file, digest: format!("{:016x}", hasher.finish()) })
    }

    /// Whether the last successful build was made from the same inputs.
    pub fn is_current(&self) -> bool {
        fs::read_to_string(&self.file).is_ok_and(|digest| digest == self.digest)
    }

    /// Notes a successful build.
    ///
    /// # Errors
    /// When the stamp cannot be written.
    pub fn write(&self) -> Result<(), StampError> {
        let folder = self.file.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder)
            .and_then(|()| fs::write(&self.file, &self.digest))
            .map_err(at(&self.file))
    }
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> StampError {
    let path = path.to_owned();
    move |source| StampError { path, source }
}

fn digest(path: &Path, hasher: &mut DefaultHasher) -> Result<(), StampError> {
    path.hash(hasher);
    if path.is_dir() {
        let mut entries = fs::read_dir(path)
            .and_then(|entries| {
                entries.map(|entry| entry.map(|e| e.path())).collect::<Result<Vec<_>, _>>()
            })
            .map_err(at(path))?;
        entries.sort();
        return entries.iter().try_for_each(|entry| digest(entry, hasher));
    }
    match fs::read(path) {
        Ok(bytes) => bytes.hash(hasher),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(at(path)(error)),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_is_current_until_an_input_changes() {
        let folder = tempfile::tempdir().unwrap();
        let sources = folder.path().join("src");
        fs::create_dir_all(sources.join("inner")).unwrap();
        fs::write(sources.join("inner/a"), "1").unwrap();
        let stamp =
            || Stamp::of(folder.path().join("out/.stamp"), std::slice::from_ref(&sources)).unwrap();
        assert!(!stamp().is_current());
        stamp().write().unwrap();
        assert!(stamp().is_current());
        fs::write(sources.join("inner/a"), "2").unwrap();
        assert!(!stamp().is_current());
    }

    #[test]
    fn a_new_file_a_renamed_file_and_a_missing_input_count_as_changes() {
        let folder = tempfile::tempdir().unwrap();
        let sources = folder.path().join("src");
        fs::create_dir_all(&sources).unwrap();
        fs::write(sources.join("a"), "1").unwrap();
        let digest = || Stamp::of(PathBuf::new(), std::slice::from_ref(&sources)).unwrap().digest;
        let mut seen = vec![digest()];
        fs::write(sources.join("b"), "").unwrap();
        seen.push(digest());
        fs::rename(sources.join("a"), sources.join("c")).unwrap();
        seen.push(digest());
        fs::remove_dir_all(&sources).unwrap();
        seen.push(digest());
        for (index, one) in seen.iter().enumerate() {
            assert!(!seen[..index].contains(one), "{seen:?}");
        }
    }
}

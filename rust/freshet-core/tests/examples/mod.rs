//! The folder `examples/records`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use freshet_core::config::Config;
use freshet_core::record::Stream;

/// Kafka's timestamp: 2026-01-31T12:00:00Z.
pub(crate) const NOON_MS: i64 = 1_769_860_800_000;
/// Kafka's key.
pub(crate) const KEY: &[u8] = b"the key";

/// The examples, in the order of their names.
pub(crate) fn folders() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/records");
    let entries = fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path());
    let mut folders: Vec<PathBuf> = entries.filter(|path| path.is_dir()).collect();
    folders.sort();
    folders
}

/// The only file of a folder whose name begins like that.
pub(crate) fn file(folder: &Path, stem: &str) -> PathBuf {
    let is_it = |path: &PathBuf| path.file_stem().is_some_and(|found| found == stem);
    let found = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).find(is_it);
    found.expect(stem)
}

/// The only stream of a configuration.
pub(crate) fn stream(configuration: &str) -> Stream {
    let mut config =
        Config::parse(configuration, Path::new("stream.toml"), BTreeMap::new()).unwrap();
    config.streams.remove(0)
}

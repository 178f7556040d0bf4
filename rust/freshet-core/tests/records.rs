//! The folder `examples/records`: shapes of records that are common elsewhere, each with its `[[stream]]` table, a
//! sample, which is one record, and the readings that come of it. `FRESHET_GENERATE=1` writes the readings anew.

// The helpers of tests may fail like the tests themselves; clippy.toml only knows functions marked as tests.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;
use std::env;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use freshet_core::config::Config;
use freshet_core::record::{Parsed, RawRecord, Readings, RecordParser, write_time};

/// Kafka's timestamp: 2026-01-31T12:00:00Z.
const NOON_MS: i64 = 1_769_860_800_000;

fn folders() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/records");
    let entries = fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path());
    let mut folders: Vec<PathBuf> = entries.filter(|path| path.is_dir()).collect();
    folders.sort();
    folders
}

/// The only file of a folder whose name begins like that.
fn file(folder: &Path, stem: &str) -> PathBuf {
    let is_it = |path: &PathBuf| path.file_stem().is_some_and(|found| found == stem);
    let found = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).find(is_it);
    found.expect(stem)
}

/// What comes of the sample, one line for each reading and bad row.
fn readings(folder: &Path) -> String {
    let config = file(folder, "stream");
    let text = fs::read_to_string(&config).unwrap();
    let config = Config::parse(&text, &config, BTreeMap::new()).unwrap();
    let stream = &config.streams[0];
    let sample = fs::read(file(folder, "sample")).unwrap();
    let record =
        RawRecord { key: Some(b"the key"), value: Some(&sample), timestamp_ms: Some(NOON_MS) };
    let mut readings = Readings::default();
    let mut parser = RecordParser::new(stream);
    parser.set_now(NOON_MS);
    let parsed = parser.parse(&record, &mut readings);
    assert_eq!(parsed, Ok(Parsed::Accepted), "{}", folder.display());
    let mut lines = String::new();
    for reading in readings.iter() {
        let (metric, time) = (&stream.values[reading.metric].0, write_time(reading.time_us));
        writeln!(lines, "{} {metric} {time} {}", reading.series, reading.value).unwrap();
    }
    for row in &readings.left_out().rows {
        writeln!(lines, "bad row: {}", row.rejection.reason.code()).unwrap();
    }
    lines
}

#[test]
fn each_example_has_its_readings() {
    let folders = folders();
    for folder in &folders {
        let (found, expected) = (readings(folder), folder.join("readings.txt"));
        if env::var_os("FRESHET_GENERATE").is_some() {
            fs::write(&expected, &found).unwrap();
        }
        let expected = fs::read_to_string(&expected).unwrap_or_default();
        assert_eq!(found, expected, "{}", folder.display());
    }
    assert!(folders.len() >= 25, "{} examples were found", folders.len());
}

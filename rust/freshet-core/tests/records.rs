//! The folder `examples/records`: shapes of records that are common elsewhere, each with its `[[stream]]` table, a
//! sample, which is one record, and the readings that come of it. `FRESHET_GENERATE=1` writes the readings anew.

// The helpers of tests may fail like the tests themselves; clippy.toml only knows functions marked as tests.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod examples;

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use freshet_core::record::{Parsed, RawRecord, Readings, RecordParser, write_time};

use examples::{KEY, NOON_MS, file, folders, stream};

/// What comes of the sample, one line for each reading and bad row.
fn readings(folder: &Path) -> String {
    let stream = &stream(&fs::read_to_string(file(folder, "stream")).unwrap());
    let sample = fs::read(file(folder, "sample")).unwrap();
    let record = RawRecord {
        key: Some(KEY),
        value: Some(&sample),
        timestamp_ms: Some(NOON_MS),
        ..RawRecord::default()
    };
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

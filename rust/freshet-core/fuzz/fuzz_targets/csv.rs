//! CSV: what is accepted means the same to the `csv` crate.

#![no_main]

use std::sync::LazyLock;

use csv::{ReaderBuilder, StringRecord};
use freshet_core::config::Stream;
use freshet_core_fuzz::{Outcome, run, streams};
use libfuzzer_sys::fuzz_target;

/// The columns of these are known by their place.
const PLAIN: &str =
    "format = \"csv\"\ncolumns = [\"v\", \"id\"]\nseries = [\"id\"]\nvalues = { v = \"v\" }";

const SETTINGS: [&str; 6] = [
    PLAIN,
    "format = \"csv\"\nseries = [\"2\"]\nvalues = { v = \"1\" }",
    "format = \"csv\"\nvalues = { v = \"1\", w = \"3\" }\ndelimiter = \"\\t\"",
    "format = \"csv\"\nheader = true\nseries = [\"id\"]\nvalues = { v = \"v\" }\ndelimiter = \";\"",
    "format = \"csv\"\nheader = true\ntime = { field = \"at\", unit = \"us\" }\nvalues = { v = \"v\" }",
    "format = \"csv\"\nheader = true\nvalues = { v = \"v\", w = \"w\" }\ndelimiter = \";\"\nquote = \"'\"\n\
     comment = \"#\"\nskip_lines = 1\ntrim = true\ndecimal_comma = true\non_bad_row = \"skip_row\"",
];

static STREAMS: LazyLock<Vec<Stream>> = LazyLock::new(|| streams(&SETTINGS));

fuzz_target!(|input: &[u8]| run(&STREAMS, input, check));

fn check(stream: usize, record: &[u8], outcome: &Outcome) {
    let Ok(readings) = outcome else { return };
    if SETTINGS[stream] != PLAIN {
        return;
    }
    let mut reader = ReaderBuilder::new().has_headers(false).from_reader(record);
    // A row of several without a value is passed over, and spreadsheets say their delimiter.
    let is_ours = |row: &StringRecord| row.get(0).is_none_or(|value| !value.is_empty());
    if record.len() > 4 && record[..4].eq_ignore_ascii_case(b"sep=") {
        return;
    }
    let rows: Vec<StringRecord> =
        reader.records().map(|row| row.expect("valid for us")).filter(is_ours).collect();
    assert_eq!(rows.len(), readings.len());
    for (row, (series, _, _, bits)) in rows.iter().zip(readings) {
        let unescaped = series.replace("%2F", "/").replace("%25", "%");
        assert_eq!(row[1], unescaped);
        assert_eq!(row[0].parse().map(f64::to_bits), Ok(*bits));
    }
}

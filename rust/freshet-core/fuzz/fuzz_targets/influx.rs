//! Line protocol: where the parser of InfluxDB IOx accepts a record as well, it finds the same numbers.

#![no_main]

use std::sync::LazyLock;

use freshet_core::config::Stream;
use freshet_core_fuzz::{Outcome, run, streams};
use influxdb_line_protocol::{FieldValue, ParsedLine, parse_lines};
use libfuzzer_sys::fuzz_target;

/// The values of this one are numbers and not texts, and have one name.
const PLAIN: &str = "format = \"influx\"\nvalues = { v = \"field.v\" }";

const SETTINGS: [&str; 5] = [
    PLAIN,
    "format = \"influx\"\nseries = [\"measurement\", \"tag.id\"]\nvalues = { v = \"field.v\", w = \"field.a b\" }",
    "format = \"influx\"\nseries = [\"tag.id\"]\ntime = { unit = \"s\" }\nvalues = { v = \"field.v\", w = \"tag.w\" }\n\
     text_numbers = true",
    "format = \"influx\"\nseries = [\"field.id\"]\ntime = { field = \"field.at\", unit = \"rfc3339\" }\n\
     values = { v = \"field.v\", t = \"timestamp\" }",
    "format = \"influx\"\nwhere = { \"tag.id\" = [\"a\", \"b\"] }\nvalues = { v = \"field.v\" }\n\
     on_bad_row = \"skip_row\"\nbooleans = true",
];

static STREAMS: LazyLock<Vec<Stream>> = LazyLock::new(|| streams(&SETTINGS));

fuzz_target!(|input: &[u8]| run(&STREAMS, input, check));

fn check(stream: usize, record: &[u8], outcome: &Outcome) {
    let (Ok(readings), Ok(text)) = (outcome, std::str::from_utf8(record)) else { return };
    if SETTINGS[stream] != PLAIN {
        return;
    }
    // It is stricter here and there, and refuses for example the float "1.e+78" of the documentation.
    let Ok(lines) = parse_lines(text).collect::<Result<Vec<ParsedLine<'_>>, _>>() else { return };
    let theirs: Vec<f64> = lines.iter().filter_map(value).collect();
    let ours: Vec<f64> = readings.iter().map(|(_, _, _, bits)| f64::from_bits(*bits)).collect();
    assert_eq!(ours, theirs);
}

/// Of one field twice the last one counts.
fn value(line: &ParsedLine<'_>) -> Option<f64> {
    let mut fields = line.field_set.iter().rev();
    match fields.find(|(key, _)| *key == "v")?.1 {
        FieldValue::I64(number) => Some(number as f64),
        FieldValue::U64(number) => Some(number as f64),
        FieldValue::F64(number) => Some(number),
        _ => None,
    }
}

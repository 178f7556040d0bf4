//! JSON: valid exactly where `serde_json` says so, and the same numbers.

#![no_main]

use std::sync::LazyLock;

use freshet_core::config::Stream;
use freshet_core::wire::ReasonCode;
use freshet_core_fuzz::{Outcome, run, streams};
use libfuzzer_sys::fuzz_target;
use serde_json::{Map, Value};

const SETTINGS: [&str; 5] = [
    "values = { v = \"v\" }",
    "series = [\"id\", \"a.b\"]\ntime = { field = \"at\", unit = \"ms\" }\nvalues = { v = \"v\", w = \"l.0.w\" }",
    "series = [\"id\"]\ntime = { field = \"at\", unit = \"s\" }\nvalues = { v = \"v\" }\ntext_numbers = true",
    "series = [\"id\"]\ntime = { field = \"at\", unit = \"rfc3339\" }\nvalues = { v = \"v\" }",
    "series = [\"id\", \"id\"]\ntime = { field = \"at\", unit = \"%Y-%m-%d %H:%M\" }\n\
     values = { v = \"v\", w = \"v.0\", x = \"v.0.1\" }",
];

static STREAMS: LazyLock<Vec<Stream>> = LazyLock::new(|| streams(&SETTINGS));

fuzz_target!(|input: &[u8]| run(&STREAMS, input, check));

fn check(_: usize, record: &[u8], outcome: &Outcome) {
    let object = serde_json::from_slice::<Map<String, Value>>(record);
    match outcome {
        Err(rejection) if rejection.reason == ReasonCode::InvalidJson => {
            assert!(object.is_err(), "{}", rejection.detail);
        }
        // Nothing follows from these for the rest of the record.
        Err(rejection)
            if matches!(rejection.reason, ReasonCode::TooDeep | ReasonCode::InvalidUtf8) => {}
        _ => check_values(object, outcome),
    }
}

fn check_values(object: serde_json::Result<Map<String, Value>>, outcome: &Outcome) {
    let object = match object {
        Ok(object) => object,
        // serde_json does not read what JSON allows to be written, such as 1e400.
        Err(error) if error.to_string().starts_with("number out of range") => return,
        Err(error) => panic!("accepted what is no JSON object: {error}"),
    };
    let Ok(readings) = outcome else { return };
    let first = readings.iter().find(|(_, metric, _, _)| *metric == 0);
    if let (Some((_, _, _, bits)), Some(Value::Number(number))) = (first, object.get("v")) {
        assert_eq!(Some(f64::from_bits(*bits)), number.as_f64());
    }
}

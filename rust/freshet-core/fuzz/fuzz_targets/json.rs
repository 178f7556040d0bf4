//! JSON: valid exactly where `serde_json` says so, document by document, and the same numbers.

#![no_main]

use std::sync::LazyLock;

use freshet_core::config::Stream;
use freshet_core::wire::ReasonCode;
use freshet_core_fuzz::{Outcome, run, streams};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

const SETTINGS: [&str; 8] = [
    "values = { v = \"v\" }",
    "series = [\"id\", \"a.b\"]\ntime = { field = \"at\", unit = \"ms\" }\nvalues = { v = \"v\", w = \"l.0.w\" }",
    "series = [\"id\"]\ntime = { field = \"at\", unit = \"s\" }\nvalues = { v = \"v\" }\ntext_numbers = true",
    "series = [\"id\"]\ntime = { field = \"at\", unit = \"rfc3339\" }\nvalues = { v = \"v\" }",
    "series = [\"id\", \"id\"]\ntime = { field = \"at\", unit = \"%Y-%m-%d %H:%M\" }\n\
     values = { v = \"v\", w = \"v.0\", x = \"v.0.1\" }",
    "rows = \"a.*.l\"\nseries = [\"^.^.id\", \"^.id\", \"id\"]\nvalues = { v = \"v\" }\non_bad_row = \"skip_row\"",
    "rows = \"*\"\nseries = [\"^.0.id\"]\nnames = \"n\"\nvalue = \"v\"\nvalues = { v = \"v\" }\n\
     where = { n = { prefix = \"v\" }, a = { exists = false } }",
    "rows = \".\"\nvalues = { v = \"l.v\", w = \"0.v\" }\nbooleans = true\nstates = { ON = 1 }\n\
     null_values = [\"\"]\non_bad_value = \"skip_value\"",
];

static STREAMS: LazyLock<Vec<Stream>> = LazyLock::new(|| streams(&SETTINGS));

fuzz_target!(|input: &[u8]| run(&STREAMS, input, check));

/// Which streams take a record as it is and have the value of a metric at its key.
const PLAIN_STREAMS: usize = 5;

fn check(stream: usize, record: &[u8], outcome: &Outcome) {
    let documents = serde_json::Deserializer::from_slice(record).into_iter::<Value>();
    let documents: serde_json::Result<Vec<Value>> = documents.collect();
    match outcome {
        // A path may lead into a text that holds no document.
        Err(rejection) if rejection.detail.starts_with("a text with a path into it") => {}
        Err(rejection) if rejection.reason == ReasonCode::InvalidJson => {
            let is_for_us = |document: &Value| document.is_object() || document.is_array();
            let are_for_us = |all: Vec<Value>| !all.is_empty() && all.iter().all(is_for_us);
            assert!(!documents.is_ok_and(are_for_us), "{}", rejection.detail);
        }
        // Nothing follows from these for the rest of the record.
        Err(rejection)
            if matches!(rejection.reason, ReasonCode::TooDeep | ReasonCode::InvalidUtf8) => {}
        // A document of several may be what the record is rejected for, whatever follows it.
        Err(_) if begins_with_a_document(record) => {}
        _ => check_values(stream, documents, outcome),
    }
}

fn begins_with_a_document(record: &[u8]) -> bool {
    let mut documents = serde_json::Deserializer::from_slice(record).into_iter::<Value>();
    documents.next().is_some_and(|first| first.is_ok())
}

fn check_values(stream: usize, documents: serde_json::Result<Vec<Value>>, outcome: &Outcome) {
    let documents = match documents {
        Ok(documents) => documents,
        // serde_json does not read what JSON allows to be written, such as 1e400.
        Err(error) if error.to_string().starts_with("number out of range") => return,
        Err(error) => panic!("accepted what is no JSON: {error}"),
    };
    let (Ok(readings), [Value::Object(object)]) = (outcome, &*documents) else { return };
    let first = readings.iter().find(|(_, metric, _, _)| *metric == 0);
    if let (Some((_, _, _, bits)), Some(Value::Number(number))) = (first, object.get("v"))
        && stream < PLAIN_STREAMS
    {
        assert_eq!(Some(f64::from_bits(*bits)), number.as_f64());
    }
}

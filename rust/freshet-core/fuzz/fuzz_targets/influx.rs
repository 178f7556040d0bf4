//! Line protocol.

#![no_main]

use std::sync::LazyLock;

use freshet_core::config::Stream;
use freshet_core_fuzz::{run, streams};
use libfuzzer_sys::fuzz_target;

const SETTINGS: [&str; 4] = [
    "format = \"influx\"\nvalues = { v = \"field.v\" }",
    "format = \"influx\"\nseries = [\"measurement\", \"tag.id\"]\nvalues = { v = \"field.v\", w = \"field.a b\" }",
    "format = \"influx\"\nseries = [\"tag.id\"]\ntime = { unit = \"s\" }\nvalues = { v = \"field.v\", w = \"tag.w\" }\ntext_numbers = true",
    "format = \"influx\"\nseries = [\"field.id\"]\ntime = { field = \"field.at\", unit = \"rfc3339\" }\nvalues = { v = \"field.v\", t = \"timestamp\" }",
];

static STREAMS: LazyLock<Vec<Stream>> = LazyLock::new(|| streams(&SETTINGS));

fuzz_target!(|input: &[u8]| run(&STREAMS, input, |_, _, _| {}));

//! MessagePack, CBOR, Avro, Protobuf, compressed values and those behind the ids of schemas: whatever the bytes, no
//! panic and no more work than bytes; what `ciborium` reads is no `invalid_cbor`.

#![no_main]

use std::sync::LazyLock;

use ciborium::Value;
use freshet_core::config::Stream;
use freshet_core::wire::ReasonCode;
use freshet_core_fuzz::{Outcome, run_binary, streams};
use libfuzzer_sys::fuzz_target;

const SETTINGS: [&str; 10] = [
    "format = \"cbor\"\nvalues = { v = \"v\" }",
    "format = \"msgpack\"\nvalues = { v = \"v\" }",
    "format = \"cbor\"\nseries = [\"id\"]\ntime = { field = \"at\", unit = \"s\" }\n\
     values = { v = \"l.0.v\", w = \"5\", x = \"-2\" }",
    "format = \"msgpack\"\nseries = [\"id\"]\ntime = { field = \"at\", unit = \"s\" }\n\
     values = { v = \"l.0.v\", w = \"5\", x = \"-2\" }",
    "format = \"avro\"\nschema = '''{\"type\":\"record\",\"name\":\"R\",\"fields\":[\
     {\"name\":\"id\",\"type\":[\"null\",\"string\"]},\
     {\"name\":\"l\",\"type\":{\"type\":\"array\",\"items\":[\"null\",\"double\",\"R\"]}},\
     {\"name\":\"m\",\"type\":{\"type\":\"map\",\"values\":\"long\"}},\
     {\"name\":\"d\",\"type\":{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":9,\"scale\":2}}]}'''\n\
     values = { v = \"l.0\", w = \"m.n\", x = \"l.1.m.n\", d = \"d\" }",
    "compression = \"auto\"\nvalues = { v = \"v\" }",
    "format = \"avro\"\nframing = \"confluent\"\nseries = [\"id\"]\nvalues = { v = \"v\", w = \"l.0.v\" }",
    "framing = \"confluent\"\non_bad_row = \"skip_row\"\nvalues = { v = \"v\" }",
    "format = \"protobuf\"\nmessage = \"R\"\nseries = [\"id\", \"s\"]\ntime = { field = \"at\" }\nschema = '''\
     syntax = \"proto3\"; import \"google/protobuf/timestamp.proto\"; import \"google/protobuf/wrappers.proto\";\
     enum S { OFF = 0; ON = 1; } message R { string id = 1; google.protobuf.Timestamp at = 2; double v = 3;\
     repeated R items = 4; repeated sint64 l = 5; map<int32, R> m = 6; oneof o { int32 low = 7; R high = 8; }\
     google.protobuf.UInt32Value w = 9; S s = 10; optional fixed32 f = 11; }'''\n\
     values = { v = \"v\", a = \"items.1.l.0\", b = \"m.3.v\", c = \"low\", d = \"high.w\", e = \"w\", f = \"f\" }",
    "format = \"protobuf\"\nframing = \"confluent\"\nseries = [\"id\"]\nvalues = { v = \"v\" }",
];

static STREAMS: LazyLock<Vec<Stream>> = LazyLock::new(|| streams(&SETTINGS));

fuzz_target!(|input: &[u8]| run_binary(&STREAMS, input, check));

fn check(stream: usize, record: &[u8], outcome: &Outcome) {
    let is_cbor = stream == 0 || stream == 2;
    // RFC 8949 calls a simple value below 32 in two bytes not well-formed (3.3); ciborium reads it.
    let is_refused = outcome.as_ref().is_err_and(|error| {
        error.reason == ReasonCode::InvalidCbor && !error.detail.starts_with("a simple value is")
    });
    if is_cbor && is_refused {
        let mut rest = record;
        let read = ciborium::from_reader::<Value, _>(&mut rest);
        assert!(!matches!(read, Ok(Value::Map(_)) if rest.is_empty()), "{outcome:?}");
    }
}

//! Bytes per second that the parser reads on one core, per format, with the full check of validity.
//!
//! `cargo bench -p freshet-core` runs it.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "criterion's macros; a benchmark has no caller"
)]

use std::fmt::Write as _;
use std::hint::black_box;
use std::path::Path;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use freshet_core::config::Config;
use freshet_core::record::{RawRecord, Readings, RecordParser};
use serde_json::Value;

const RECORDS: usize = 1_000;
const FIRST_MS: i64 = 1_767_225_600_000;

fn parser(settings: &str) -> RecordParser {
    let text = format!("[[stream]]\nname = \"sensors\"\nwindows = [\"10s\"]\n{settings}");
    let config = Config::parse(&text, Path::new("benchmark.toml"), [].into()).unwrap();
    RecordParser::new(&config.streams[0])
}

/// A reading of a fleet of a hundred sensors: number, time, temperature, humidity.
fn fleet() -> impl Iterator<Item = (usize, i64, f64, f64)> {
    (0..RECORDS).zip(0..).map(|(n, step)| {
        let wave = (n as f64 / 50.0).sin();
        (n % 100, FIRST_MS + step * 10, 21.5 + 7.0 * wave, 48.0 - 9.0 * wave)
    })
}

fn json() -> Vec<String> {
    let record = |(sensor, at, temperature, humidity)| {
        format!(
            "{{\"sensor\":\"sensor-{sensor:08}\",\"site\":\"building-{:03}\",\"at\":{at},\
             \"temperature\":{temperature:.3},\"humidity\":{humidity:.3},\"status\":\"ok\"}}",
            sensor % 7
        )
    };
    fleet().map(record).collect()
}

/// Ten lines to a record, as batching senders write them.
fn lines(line: impl Fn(&mut String, (usize, i64, f64, f64))) -> Vec<String> {
    let rows: Vec<_> = fleet().collect();
    let record = |rows: &[_]| {
        rows.iter().fold(String::new(), |mut text, row| {
            line(&mut text, *row);
            text
        })
    };
    rows.chunks(10).map(record).collect()
}

fn csv() -> Vec<String> {
    lines(|text, (sensor, at, temperature, humidity)| {
        writeln!(
            text,
            "sensor-{sensor:08},building-{:03},{at},{temperature:.2},{humidity:.3},ok",
            sensor % 7
        )
        .unwrap();
    })
}

fn influx() -> Vec<String> {
    lines(|text, (sensor, at, temperature, humidity)| {
        writeln!(
            text,
            "climate,sensor=sensor-{sensor:08},site=building-{:03} \
             temperature={temperature:.2},humidity={humidity:.3},status=\"ok\" {at}000000",
            sensor % 7
        )
        .unwrap();
    })
}

/// The same records as in JSON, in a binary format.
fn binary(write: impl Fn(&Value) -> Vec<u8>) -> Vec<Vec<u8>> {
    json().iter().map(|record| write(&serde_json::from_str(record).unwrap())).collect()
}

fn text(head: impl Fn(u8) -> Vec<u8>, text: &str) -> Vec<u8> {
    [head(u8::try_from(text.len()).unwrap()), text.as_bytes().to_vec()].concat()
}

/// A map of texts and numbers: what `MessagePack` and CBOR write of the records, in the shortest form.
fn map(
    record: &Value,
    head: u8,
    long: u8,
    double: u8,
    text_head: impl Fn(u8) -> Vec<u8>,
) -> Vec<u8> {
    let members = record.as_object().unwrap();
    let mut bytes = vec![head + u8::try_from(members.len()).unwrap()];
    for (key, value) in members {
        bytes.extend(text(&text_head, key));
        bytes.extend(match (value.as_str(), value.as_i64(), value.as_f64()) {
            (Some(value), _, _) => text(&text_head, value),
            (_, Some(number), _) => [&[long], &number.to_be_bytes()[..]].concat(),
            (_, _, number) => [&[double], &number.unwrap().to_be_bytes()[..]].concat(),
        });
    }
    bytes
}

fn message_pack(record: &Value) -> Vec<u8> {
    map(record, 0x80, 0xd3, 0xcb, |length| vec![0xa0 + length])
}

fn cbor(record: &Value) -> Vec<u8> {
    let head = |length: u8| if length < 24 { vec![0x60 + length] } else { vec![0x78, length] };
    map(record, 0xa0, 0x1b, 0xfb, head)
}

/// Seven bits in each byte, the lowest first.
fn varint(mut rest: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while rest >= 0x80 {
        bytes.push(rest.to_le_bytes()[0] | 0x80);
        rest >>= 7;
    }
    bytes.push(rest.to_le_bytes()[0]);
    bytes
}

/// The fields in the order of the schema.
fn avro(record: &Value) -> Vec<u8> {
    let long = |number: i64| varint(number.cast_unsigned() << 1);
    let text = |key: &str| text(|length| long(length.into()), record[key].as_str().unwrap());
    let double = |key: &str| record[key].as_f64().unwrap().to_le_bytes().to_vec();
    let at = long(record["at"].as_i64().unwrap());
    [text("sensor"), text("site"), at, double("temperature"), double("humidity"), text("status")]
        .concat()
}

/// The fields in the order of the schema.
fn protobuf(record: &Value) -> Vec<u8> {
    let text = |key: &str| text(|length| vec![length], record[key].as_str().unwrap());
    let double = |key: &str| record[key].as_f64().unwrap().to_le_bytes().to_vec();
    let at = varint(record["at"].as_u64().unwrap());
    let fields = [
        (0x0a, text("sensor")),
        (0x12, text("site")),
        (0x18, at),
        (0x21, double("temperature")),
        (0x29, double("humidity")),
        (0x32, text("status")),
    ];
    fields.into_iter().flat_map(|(tag, value)| [&[tag], &*value].concat()).collect()
}

const PROTOBUF: &str = r#"format = "protobuf"
schema = '''syntax = "proto3"; message Reading {
    string sensor = 1; string site = 2; int64 at = 3;
    double temperature = 4; double humidity = 5; string status = 6; }'''
"#;

const AVRO: &str = r#"format = "avro"
schema = '''{"type":"record","name":"Reading","fields":[
    {"name":"sensor","type":"string"},{"name":"site","type":"string"},
    {"name":"at","type":{"type":"long","logicalType":"timestamp-millis"}},
    {"name":"temperature","type":"double"},{"name":"humidity","type":"double"},
    {"name":"status","type":"string"}]}'''
"#;

fn measure(criterion: &mut Criterion, name: &str, settings: &str, records: &[impl AsRef<[u8]>]) {
    let mut parser = parser(settings);
    let mut readings = Readings::default();
    let bytes: usize = records.iter().map(|record| record.as_ref().len()).sum();
    let mut group = criterion.benchmark_group("parser");
    group.throughput(Throughput::Bytes(bytes as u64));
    group.bench_function(name, |bencher| {
        bencher.iter(|| {
            for value in records {
                let value = Some(black_box(value.as_ref()));
                let record = RawRecord {
                    key: None,
                    value,
                    timestamp_ms: Some(FIRST_MS + 3_600_000),
                    ..RawRecord::default()
                };
                parser.parse(&record, &mut readings).unwrap();
                black_box(&readings);
            }
        });
    });
    group.finish();
}

fn formats(criterion: &mut Criterion) {
    let json = json();
    assert!(json.iter().all(|record| (120..=130).contains(&record.len())), "{}", json[0]);
    measure(
        criterion,
        "json",
        "series = [\"site\", \"sensor\"]\ntime = { field = \"at\", unit = \"ms\" }\n\
         values = { temperature = \"temperature\", humidity = \"humidity\" }",
        &json,
    );
    for (format, format_settings, records) in [
        ("msgpack", "format = \"msgpack\"\n", binary(message_pack)),
        ("cbor", "format = \"cbor\"\n", binary(cbor)),
        ("avro", AVRO, binary(avro)),
        ("protobuf", PROTOBUF, binary(protobuf)),
    ] {
        let settings = format!(
            "{format_settings}series = [\"site\", \"sensor\"]\n\
             time = {{ field = \"at\", unit = \"ms\" }}\n\
             values = {{ temperature = \"temperature\", humidity = \"humidity\" }}"
        );
        measure(criterion, format, &settings, &records);
    }
    measure(
        criterion,
        "csv",
        "format = \"csv\"\n\
         columns = [\"sensor\", \"site\", \"at\", \"temperature\", \"humidity\", \"status\"]\n\
         series = [\"site\", \"sensor\"]\ntime = { field = \"at\", unit = \"ms\" }\n\
         values = { temperature = \"temperature\", humidity = \"humidity\" }",
        &csv(),
    );
    measure(
        criterion,
        "influx",
        "format = \"influx\"\nseries = [\"tag.site\", \"tag.sensor\"]\n\
         values = { temperature = \"field.temperature\", humidity = \"field.humidity\" }",
        &influx(),
    );
}

criterion_group!(benches, formats);
criterion_main!(benches);

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

fn measure(criterion: &mut Criterion, name: &str, settings: &str, records: &[String]) {
    let mut parser = parser(settings);
    let mut readings = Readings::default();
    let bytes: usize = records.iter().map(String::len).sum();
    let mut group = criterion.benchmark_group("parser");
    group.throughput(Throughput::Bytes(bytes as u64));
    group.bench_function(name, |bencher| {
        bencher.iter(|| {
            for value in records {
                let value = Some(black_box(value.as_bytes()));
                let record =
                    RawRecord { key: None, value, timestamp_ms: Some(FIRST_MS + 3_600_000) };
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

//! What a record, a window and a row take, which `./freshet plan` counts with: measured on a real stack with 1.2
//! million records of two thousand series, two hundred windows of 10 s each.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use freshet_dev::benchmark::Usage;
use freshet_dev::plan::figures;
use freshet_dev::state::now_ms;
use libtest_mimic::Failed;
use nix::sys::signal::Signal;
use rdkafka::error::KafkaError;
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};
use rdkafka::types::RDKafkaErrorCode;

use super::upgrade::committed_of;
use crate::Outcome;
use crate::cassandra::Store;
use crate::kafka::{Brokers, end_of};
use crate::process::signal;
use crate::queries::newest_report;
use crate::stack::{FIRST_WINDOW, TestStack};
use crate::waiting::{LIMIT, ensure, until};

const SERIES: i64 = 2_000;
const ROUNDS: i64 = 600;
/// Three readings of each series in each window.
const STEP_MS: i64 = 3_333;
const WINDOW_MS: i64 = 10_000;
const LONG: Duration = Duration::from_mins(10);
const MILLION: f64 = 1e6;

const STREAM_OF_TESTS: &str = r#"
[spark]
trigger = "10s"

[[stream]]
name = "s"
series = ["sensor"]
time = { field = "at", unit = "ms" }
values = { temperature = "temperature" }
windows = ["10s"]
lateness = "10s"
"#;

pub(super) fn are_measured() -> Outcome {
    let stack = TestStack::of(&[STREAM_OF_TESTS, FIRST_WINDOW].concat(), Vec::new())?;
    stack.start()?;
    let outcome = measure(&stack);
    stack.run(&["down"])?;
    outcome
}

fn measure(stack: &TestStack) -> Outcome {
    let records = SERIES * ROUNDS;
    let writer = pid(stack, "writer")?;
    signal(writer, Signal::SIGSTOP)?;
    let job = CpuOf::begin(stack, "spark-job")?;
    let broker = CpuOf::begin(stack, "kafka")?;
    send(stack)?;
    until(LONG, || {
        let report = newest_report(stack, "s")?;
        ensure(report["records_in"] == records && report["lag"] == 0, || report.to_string())
    })?;
    job.end("the Spark job", "records", records)?;
    broker.end("Kafka, in and out", "records", records)?;
    let messages = end_of(stack, "windows.s")?;
    let log = stack.home().join("data/kafka/log");
    let (raw, windows) = (size_of(&log, "raw.s-", ".log")?, size_of(&log, "windows.s-", ".log")?);
    let of_record = figures::RECORD_BYTES * figures::KAFKA_BYTES_PER_BYTE;
    let mut others: Vec<String> = [
        figure("bytes of a record in Kafka", raw, records, of_record),
        figure("bytes of a version in Kafka", windows, messages, figures::MESSAGE_BYTES),
    ]
    .into_iter()
    .flatten()
    .collect();
    println!("state: {}", newest_report(stack, "s")?);

    let (writing, storing) = (CpuOf::begin(stack, "writer")?, CpuOf::begin(stack, "cassandra")?);
    let begun = Instant::now();
    signal(writer, Signal::SIGCONT)?;
    until(LONG, || {
        let committed = committed_of(stack, "windows.s")?;
        ensure(committed == messages, || format!("{committed} of {messages} are committed"))
    })?;
    println!("{messages} messages stored in {:.1} s", begun.elapsed().as_secs_f64());
    writing.end("the writer", "messages", messages)?;
    storing.end("Cassandra", "messages", messages)?;

    let rows = SERIES * (ROUNDS * STEP_MS / WINDOW_MS);
    let tables = stack.home().join("data/cassandra/data/freshet");
    flush(stack)?;
    println!("flushed: {} bytes", size_of(&tables, "windows-", "")?);
    compact(stack, &tables)?;
    let compacted = size_of(&tables, "windows-", "")?;
    others.extend(figure("bytes of a row in Cassandra", compacted, rows, figures::ROW_BYTES));
    ensure(others.is_empty(), || others.join("; "))
}

/// Records as those of `./freshet bench`: about 125 bytes.
fn send(stack: &TestStack) -> Outcome {
    let producer: ThreadedProducer<DefaultProducerContext> = stack
        .client()
        .set("compression.type", "lz4")
        .set("linger.ms", "20")
        .set("batch.size", "262144")
        .create()?;
    let mut random = fastrand::Rng::with_seed(42);
    let start = (now_ms() - 3 * 3_600_000).div_euclid(WINDOW_MS) * WINDOW_MS;
    for number in 0..SERIES * ROUNDS {
        let (series, at) = (number % SERIES, start + number / SERIES * STEP_MS);
        let sensor = format!("sensor-{series:05}");
        let value = format!(
            r#"{{"sensor":"{sensor}","site":"plant-{}","at":{at},"temperature":{:.3},"humidity":{:.2},"status":"ok"}}"#,
            number % 7,
            15.0 + 10.0 * random.f64(),
            30.0 + 20.0 * random.f64(),
        );
        send_patiently(&producer, &sensor, &value)?;
    }
    Ok(producer.flush(LONG)?)
}

fn send_patiently(
    producer: &ThreadedProducer<DefaultProducerContext>,
    key: &str,
    value: &str,
) -> Outcome {
    loop {
        let record = BaseRecord::to("raw.s").key(key).payload(value);
        match producer.send(record) {
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), _)) => {
                producer.poll(Duration::from_millis(20));
            }
            other => return other.map_err(|(error, _)| error.into()),
        }
    }
}

/// A store that was killed writes what its commit log has into tables before it answers again.
fn flush(stack: &TestStack) -> Outcome {
    signal(pid(stack, "cassandra")?, Signal::SIGKILL)?;
    until(LIMIT, || {
        let part = stack.part("cassandra")?;
        ensure(part.restarts == 1 && part.state == "ready", || format!("{part:?}"))
    })
}

/// Another strategy than the windows' own compacts any two tables at once.
fn compact(stack: &TestStack, tables: &Path) -> Outcome {
    Store::connect(stack)?.execute(
        "ALTER TABLE freshet.windows WITH compaction = {'class': 'SizeTieredCompactionStrategy', \
         'min_threshold': 2, 'bucket_low': 0.001, 'bucket_high': 1000}",
    )?;
    until(LONG, || {
        let data = files_of(tables, "windows-")?;
        let data = data.iter().filter(|file| file.to_string_lossy().ends_with("-Data.db")).count();
        ensure(data == 1, || format!("{data} tables on disk"))
    })
}

/// The processor time of a part, from a moment on.
struct CpuOf {
    pid: u32,
    before: f64,
    begun: Instant,
}

impl CpuOf {
    fn begin(stack: &TestStack, part: &str) -> Result<Self, Failed> {
        let pid = pid(stack, part)?;
        let before = Usage::of(pid).ok_or("it has no process")?.cpu_seconds;
        Ok(Self { pid, before, begun: Instant::now() })
    }

    fn end(self, what: &str, of: &str, number: i64) -> Outcome {
        let usage = Usage::of(self.pid).ok_or("it has no process any more")?;
        let (seconds, elapsed) = (usage.cpu_seconds - self.before, self.begun.elapsed());
        println!(
            "{what}: {:.3} CPU-seconds per million {of}, {:.1} s in {:.1} s, {} MiB at most",
            seconds / number as f64 * MILLION,
            seconds,
            elapsed.as_secs_f64(),
            usage.peak_memory_bytes >> 20
        );
        Ok(())
    }
}

fn pid(stack: &TestStack, part: &str) -> Result<u32, Failed> {
    Ok(stack.part(part)?.pid.ok_or("it has no process")?)
}

/// What files take is the same on every machine: a plan must not count with less, nor with three times as much.
fn figure(what: &str, bytes: u64, number: i64, counted_with: f64) -> Option<String> {
    let found = bytes as f64 / number as f64;
    println!("{what}: {found:.1} ({bytes} bytes, {number})");
    let ratio = found / counted_with;
    let is_another = !(0.33..=1.15).contains(&ratio);
    is_another.then(|| format!("{what}: {found:.1}, and a plan counts with {counted_with}"))
}

fn size_of(folder: &Path, prefix: &str, suffix: &str) -> Result<u64, Failed> {
    let files = files_of(folder, prefix)?;
    let sizes = files.iter().filter(|file| file.to_string_lossy().ends_with(suffix));
    Ok(sizes
        .map(|file| Ok(fs::metadata(file)?.len()))
        .collect::<Result<Vec<_>, Failed>>()?
        .iter()
        .sum())
}

/// The files in the folders whose names begin so.
fn files_of(folder: &Path, prefix: &str) -> Result<Vec<PathBuf>, Failed> {
    let mut files = Vec::new();
    for place in fs::read_dir(folder)? {
        let place = place?;
        if place.file_name().to_string_lossy().starts_with(prefix) {
            let inside =
                fs::read_dir(place.path())?.filter_map(Result::ok).map(|entry| entry.path());
            files.extend(inside.filter(|path| path.is_file()));
        }
    }
    Ok(files)
}

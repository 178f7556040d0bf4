//! What the producer does while Kafka is away: its memory is bounded, nothing of a source is lost that can wait or go
//! on where it was, and of what is lost elsewhere every record is counted. The broker is the test's own.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Write;
use std::ops::Range;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use libtest_mimic::Failed;
use nix::sys::signal::Signal;
use serde_json::Value;

use crate::Outcome;
use crate::broker::Broker;
use crate::kafka::{Brokers as _, read_all};
use crate::process::signal;
use crate::producer_process::Producer;
use crate::waiting::{LIMIT, ensure, until};

/// What the producer may hold in memory, in bytes.
const MEMORY: u64 = 100_000_000;
const OUTAGE: Duration = Duration::from_secs(30);
const LONG_OUTAGE: Duration = Duration::from_mins(10);
/// Records per second of the sources that must not lose any.
const RATE: u64 = 1_000;
/// In half a minute librdkafka's queue would take what comes at that rate.
const RATE_OF_LOSSES: u64 = 5_000;
/// How long records come before the outage and after it.
const AROUND: Duration = Duration::from_secs(10);
const SOURCE: &str = "load";

/// A producer of one source, with topics of its own.
struct Sending {
    name: &'static str,
    /// How many records its source makes.
    records: u64,
    folder: PathBuf,
    producer: Producer,
}

impl Sending {
    fn start(
        broker: &Broker,
        name: &'static str,
        source: &str,
        records: u64,
    ) -> Result<Self, Failed> {
        let folder = broker.place(name);
        fs::create_dir_all(&folder)?;
        let servers = broker.client().get("bootstrap.servers").unwrap_or_default().to_owned();
        let configuration = format!(
            r#"
[kafka]
bootstrap_servers = "{servers}"
topic_prefix = "{name}."

[producer]
metrics_address = "127.0.0.1:0"

[[stream]]
name = "s"
series = ["sensor"]
time = {{ field = "time", unit = "ms" }}
values = {{ temperature = "temperature" }}
windows = ["10s"]

[[source]]
name = "{SOURCE}"
stream = "s"
{source}
"#
        );
        fs::write(folder.join("freshet.toml"), configuration)?;
        let producer = Producer::start(&folder, "producer.log", &[])?;
        Ok(Self { name, records, folder, producer })
    }

    /// A load that ends after so many records.
    fn load(
        broker: &Broker,
        name: &'static str,
        rate: u64,
        records: u64,
        more: &str,
    ) -> Result<Self, Failed> {
        let source = format!("kind = \"synthetic\"\nrate = {rate}\nlimit = {records}\n{more}");
        Self::start(broker, name, &source, records)
    }

    fn metric(&self, name: &str) -> Result<u64, Failed> {
        self.producer.metric(name, SOURCE)
    }

    fn until_metric(&self, name: &str, value: u64) -> Outcome {
        until(LIMIT, || {
            let now = self.metric(name)?;
            ensure(now >= value, || format!("{name} of {} is {now}, not {value}", self.name))
        })
    }

    /// Prints what it held in memory at most so far, and fails when that is too much.
    fn memory_is_bounded(&self, when: &str) -> Outcome {
        let peak = self.producer.peak_memory()?;
        println!("{}: {} kB at most {when}", self.name, peak / 1_000);
        ensure(peak < MEMORY, || format!("{} held {peak} bytes {when}", self.name))
    }

    /// Waits until the producer has ended; gives the dropped messages that it has told last.
    fn end(&mut self) -> Result<u64, Failed> {
        let mut dropped = 0;
        let status = until(LIMIT * 2, || {
            if let Ok(told) = self.metric("dropped_messages_total") {
                dropped = told;
            }
            self.producer.ended()?.ok_or_else(|| format!("{} has not ended", self.name).into())
        })?;
        ensure(status.success(), || format!("{}: {status}\n{}", self.name, self.producer.log()))?;
        Ok(dropped)
    }

    /// The numbers of the records that have arrived; each has arrived once.
    fn arrived(&self, broker: &Broker) -> Result<BTreeSet<u64>, Failed> {
        let mut numbers = BTreeSet::new();
        for record in read_all(broker, &format!("{}.raw.s", self.name))? {
            let value: Value = serde_json::from_slice(&record.value)?;
            let number = value["number"].as_u64().ok_or("a record without a number")?;
            ensure(numbers.insert(number), || format!("number {number} has arrived twice"))?;
        }
        Ok(numbers)
    }

    fn all_have_arrived(&self, broker: &Broker) -> Outcome {
        let arrived = self.arrived(broker)?;
        let all = arrived.iter().copied().eq(0..self.records);
        ensure(all, || format!("{} of {} records are there", arrived.len(), self.records))
    }

    /// What the last health report says of the source.
    fn report(&self, broker: &Broker) -> Result<Value, Failed> {
        let reports = read_all(broker, &format!("{}.health", self.name))?;
        let report: Value =
            serde_json::from_slice(&reports.last().ok_or("there is no report")?.value)?;
        Ok(report["sources"][SOURCE].clone())
    }

    /// Made is arrived and dropped, in the topic, in the last health report and in the metrics.
    fn losses_are_counted(&self, broker: &Broker, told: u64) -> Outcome {
        let arrived = u64::try_from(self.arrived(broker)?.len())?;
        let report = self.report(broker)?;
        let dropped = self.records - arrived;
        println!("{}: {} made, {arrived} arrived, {dropped} dropped", self.name, self.records);
        ensure(dropped > 0, || "nothing was lost: this has tried nothing".to_owned())?;
        let exact = report["dropped"] == dropped
            && report["messages_in"] == self.records
            && report["records_out"] == arrived
            && told == dropped;
        ensure(exact, || {
            format!(
                "{} were made and {arrived} arrived, but {report}; metrics: {told}",
                self.records
            )
        })
    }
}

/// Half a minute without Kafka.
pub(crate) fn losses_are_counted_through_an_outage() -> Outcome {
    Broker::open_to_all()?.run(|broker| through(broker, OUTAGE, RATE_OF_LOSSES))
}

/// Minutes without Kafka, in which a thousand records per second are more than fits anywhere.
pub(crate) fn losses_are_counted_through_a_long_outage() -> Outcome {
    Broker::open_to_all()?.run(|broker| through(broker, LONG_OUTAGE, RATE))
}

/// One source that waits, one that drops, and one that goes on where it was, while Kafka first does not answer and then
/// is not there.
fn through(broker: &mut Broker, outage: Duration, rate_of_losses: u64) -> Outcome {
    let seconds = (outage + AROUND * 3).as_secs();
    let losing = "when_full = \"drop_oldest\"\nbuffer = 1\n";
    let mut waiting = Sending::load(broker, "waiting", RATE, seconds * RATE, "")?;
    let mut dropping =
        Sending::load(broker, "dropping", rate_of_losses, seconds * rate_of_losses, losing)?;
    let file = "kind = \"file\"\npath = \"lines.ndjson\"\n";
    let mut following = Sending::start(broker, "following", file, seconds * RATE)?;
    let lines = File::create(following.folder.join("lines.ndjson"))?;
    let records = following.records;
    let writing = thread::spawn(move || write_lines(lines, records));

    for sending in [&waiting, &dropping, &following] {
        sending.until_metric("records_total", RATE * AROUND.as_secs())?;
        sending.memory_is_bounded("before the outage")?;
    }
    broker.freeze()?;
    thread::sleep(outage / 2);
    broker.kill()?;
    thread::sleep(outage / 2);
    for sending in [&waiting, &dropping, &following] {
        sending.memory_is_bounded("in the outage")?;
    }
    broker.resume()?;

    for sending in [&waiting, &dropping, &following] {
        // The last records come seconds before the end, or after all that was missed.
        sending.until_metric("messages_total", sending.records * 19 / 20)?;
        sending.memory_is_bounded("after the outage")?;
    }
    writing.join().map_err(|_| "the lines were not written")??;
    following.until_metric("records_total", following.records)?;
    signal(following.producer.id(), Signal::SIGTERM)?;
    for sending in [&mut waiting, &mut following] {
        let dropped = sending.end()?;
        ensure(dropped == 0, || format!("{} has dropped {dropped}", sending.name))?;
        sending.all_have_arrived(broker)?;
    }
    let told = dropping.end()?;
    dropping.losses_are_counted(broker, told)
}

/// Writes numbered lines of about 130 bytes, as many in each second as they are.
fn write_lines(mut file: File, records: u64) -> std::io::Result<()> {
    let begun = Instant::now();
    for number in 0..records {
        let due = Duration::from_millis(number * 1_000 / RATE);
        thread::sleep(due.saturating_sub(begun.elapsed()));
        let sensor = number % 50;
        writeln!(
            file,
            r#"{{"time":1700049600000,"sensor":"sensor-{sensor:02}","temperature":21.43,"note":"{:0>40}","number":{number}}}"#,
            ""
        )?;
    }
    Ok(())
}

/// What was sent, what was dropped, and what was left behind by a stop while Kafka was away, is all that there was.
pub(crate) fn what_a_stop_leaves_behind_is_counted() -> Outcome {
    const SENT: u64 = 1_000;
    const MORE: u64 = 80_000;
    Broker::open_to_all()?.run(|broker| {
        let source = "kind = \"stdin\"\nwhen_full = \"drop_oldest\"\nbuffer = 1\n";
        let mut stopped = Sending::start(broker, "stopped", source, SENT + MORE)?;
        let mut input = stopped.producer.take_input().ok_or("it has no input")?;
        write_numbers(&mut input, 0..SENT)?;
        stopped.until_metric("records_total", SENT)?;
        // What a frozen broker has not read is lost with it, so that nothing arrives that was not confirmed.
        broker.freeze()?;
        write_numbers(&mut input, SENT..SENT + MORE)?;
        stopped.until_metric("messages_total", SENT + MORE)?;
        broker.kill()?;
        let dropped = stopped.metric("dropped_messages_total")?;
        signal(stopped.producer.id(), Signal::SIGTERM)?;
        let status = stopped.producer.wait(LIMIT)?;
        let said = stopped.producer.log();
        ensure(status.code() == Some(1), || format!("the producer: {status}\n{said}"))?;
        broker.resume()?;
        let arrived = until(LIMIT, || stopped.arrived(broker))?;
        ensure(arrived.iter().copied().eq(0..SENT), || format!("{} arrived", arrived.len()))?;
        let undelivered = MORE - dropped;
        println!("{MORE} made in the outage, {dropped} dropped, {undelivered} undelivered");
        ensure(dropped > 0 && undelivered > 0, || "this has tried nothing".to_owned())?;
        let expected = format!("error: {undelivered} records were not delivered to Kafka");
        ensure(said.contains(&expected), || format!("not '{expected}':\n{said}"))
    })
}

fn write_numbers(input: &mut impl Write, numbers: Range<u64>) -> std::io::Result<()> {
    for number in numbers {
        writeln!(input, r#"{{"sensor":"sensor-1","temperature":21.43,"number":{number}}}"#)?;
    }
    input.flush()
}

//! What the producer does while Kafka is away: its memory is bounded, nothing of a source is lost that can wait or go
//! on where it was, and of what is lost elsewhere every record is counted. The broker is the test's own.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use libtest_mimic::Failed;
use nix::sys::signal::Signal;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use serde_json::Value;

use crate::Outcome;
use crate::broker::Broker;
use crate::kafka::{Brokers as _, read_all};
use crate::process::signal;
use crate::program::Program;
use crate::waiting::{LIMIT, ensure, until};

/// What the producer may hold in memory, in bytes.
const MEMORY: u64 = 100_000_000;
const OUTAGE: Duration = Duration::from_secs(30);
const LONG_OUTAGE: Duration = Duration::from_mins(10);
/// Records per second of the sources that must not lose any.
const RATE: u64 = 1_000;
/// In half a minute librdkafka's queue would take what comes at that rate.
const RATE_OF_LOSSES: u64 = 5_000;
/// How long records come before the outage.
const BEFORE: Duration = Duration::from_secs(10);
/// Records that are durable in Kafka.
const RECORDS: &str = "records_total";
/// Messages that were lost in the producer.
const DROPPED: &str = "dropped_messages_total";
const SOURCE: &str = "load";

/// A producer of one source, with topics of its own.
struct Sending {
    name: &'static str,
    folder: PathBuf,
    begun: Instant,
    program: Program,
}

impl Sending {
    fn start(broker: &Broker, name: &'static str, source: &str) -> Result<Self, Failed> {
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
        let program = Program::producer(&folder, "producer.log", &[])?;
        Ok(Self { name, folder, begun: Instant::now(), program })
    }

    fn metric(&self, name: &str) -> Result<u64, Failed> {
        self.program.metric(name, SOURCE)
    }

    fn until_metric(&self, name: &str, value: u64) -> Outcome {
        until(LIMIT, || {
            let now = self.metric(name)?;
            ensure(now >= value, || format!("{name} of {} is {now}, not {value}", self.name))
        })
    }

    /// Prints what it held in memory at most so far, and fails when that is too much.
    fn memory_is_bounded(&self, when: &str) -> Outcome {
        let peak = self.program.peak_memory()?;
        println!("{}: {} kB at most {when}", self.name, peak / 1_000);
        ensure(peak < MEMORY, || format!("{} held {peak} bytes {when}", self.name))
    }

    /// Waits until what is due at that rate, up to a few seconds ago, has arrived or is counted as dropped.
    fn until_in_time(&self, rate: u64) -> Outcome {
        const BEHIND: u64 = 3;
        until(LIMIT, || {
            let due = self.begun.elapsed().as_secs().saturating_sub(BEHIND) * rate;
            let (arrived, dropped) = (self.metric(RECORDS)?, self.metric(DROPPED)?);
            ensure(arrived + dropped >= due, || {
                format!("{}: {due} are due, {arrived} arrived, {dropped} dropped", self.name)
            })
        })
    }

    /// Tells it to end, and waits until it has; all that it has read must have arrived by then.
    fn stop(&mut self) -> Outcome {
        signal(self.program.id(), Signal::SIGTERM)?;
        self.program.finish(LIMIT)
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

    /// What the last health report says of the source.
    fn report(&self, broker: &Broker) -> Result<Value, Failed> {
        let reports = read_all(broker, &format!("{}.health", self.name))?;
        let report: Value =
            serde_json::from_slice(&reports.last().ok_or("there is no report")?.value)?;
        Ok(report["sources"][SOURCE].clone())
    }

    /// What has not arrived was dropped, in the topic and in the last health report; gives how many that are.
    fn dropped(&self, broker: &Broker) -> Result<u64, Failed> {
        let numbers = self.arrived(broker)?;
        let arrived = u64::try_from(numbers.len())?;
        // The last one came after the outage: all that were made before it have arrived or are lost.
        let made = numbers.last().ok_or("nothing has arrived")? + 1;
        let dropped = made - arrived;
        println!("{}: {made} made, {arrived} arrived, {dropped} dropped", self.name);
        let report = self.report(broker)?;
        let counted = report["messages_in"] == made
            && report["records_out"] == arrived
            && report["dropped"] == dropped;
        ensure(counted, || format!("{made} were made and {arrived} arrived, but {report}"))?;
        Ok(dropped)
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
    let load = |rate| format!("kind = \"synthetic\"\nrate = {rate}\n");
    let losing = load(rate_of_losses) + "when_full = \"drop_oldest\"\nbuffer = 1\n";
    let mut waiting = Sending::start(broker, "waiting", &load(RATE))?;
    let mut dropping = Sending::start(broker, "dropping", &losing)?;
    let follow = "kind = \"file\"\npath = \"lines.ndjson\"\n";
    let mut following = Sending::start(broker, "following", follow)?;
    let lines = Lines::start(&following.folder.join("lines.ndjson"))?;

    let all = |sendings: [&Sending; 3], when: &str| {
        sendings.iter().try_for_each(|sending| sending.memory_is_bounded(when))
    };
    for sending in [&waiting, &dropping, &following] {
        sending.until_metric(RECORDS, RATE * BEFORE.as_secs())?;
    }
    all([&waiting, &dropping, &following], "before the outage")?;
    broker.freeze()?;
    thread::sleep(outage / 2);
    broker.kill()?;
    thread::sleep(outage / 2);
    all([&waiting, &dropping, &following], "in the outage")?;
    broker.resume()?;
    for (sending, rate) in [(&waiting, RATE), (&dropping, rate_of_losses), (&following, RATE)] {
        sending.until_in_time(rate)?;
    }
    all([&waiting, &dropping, &following], "after the outage")?;

    let written = lines.end()?;
    following.until_metric(RECORDS, written)?;
    let told = dropping.metric(DROPPED)?;
    for sending in [&mut waiting, &mut dropping, &mut following] {
        sending.stop()?;
    }
    for sending in [&waiting, &following] {
        let dropped = sending.dropped(broker)?;
        ensure(dropped == 0, || format!("{} has lost {dropped}", sending.name))?;
    }
    let dropped = dropping.dropped(broker)?;
    ensure(dropped > 0, || "nothing was lost: this has tried nothing".to_owned())?;
    ensure(told == dropped, || format!("the metrics have {told} dropped, not {dropped}"))
}

/// A file that grows by numbered lines of about 130 bytes, as many in each second as there are records.
struct Lines {
    has_ended: Arc<AtomicBool>,
    writing: JoinHandle<std::io::Result<u64>>,
}

impl Lines {
    fn start(path: &Path) -> Result<Self, Failed> {
        let file = File::create(path)?;
        let has_ended = Arc::new(AtomicBool::new(false));
        let ended = Arc::clone(&has_ended);
        Ok(Self { has_ended, writing: thread::spawn(move || write_lines(file, &ended)) })
    }

    /// Ends it; gives how many lines it has.
    fn end(self) -> Result<u64, Failed> {
        self.has_ended.store(true, Ordering::Relaxed);
        Ok(self.writing.join().map_err(|_| "the lines were not written")??)
    }
}

fn write_lines(mut file: File, has_ended: &AtomicBool) -> std::io::Result<u64> {
    let begun = Instant::now();
    let mut number = 0;
    while !has_ended.load(Ordering::Relaxed) {
        let due = Duration::from_millis(number * 1_000 / RATE);
        thread::sleep(due.saturating_sub(begun.elapsed()));
        write_line(&mut file, number)?;
        number += 1;
    }
    Ok(number)
}

/// A line of about 130 bytes.
fn write_line(file: &mut impl Write, number: u64) -> std::io::Result<()> {
    let sensor = number % 50;
    write!(file, r#"{{"time":1700049600000,"sensor":"sensor-{sensor:02}","temperature":21.43,"#)?;
    writeln!(file, r#""note":"{:0>45}","number":{number}}}"#, 0)
}

/// A file that is read as fast as Kafka takes it needs no more memory than one that grows slowly.
pub(crate) fn memory_is_bounded_at_full_speed() -> Outcome {
    const LINES: u64 = 600_000;
    Broker::open_to_all()?.run(|broker| {
        let lines = File::create(broker.place("lines.ndjson"))?;
        let mut lines = BufWriter::new(lines);
        (0..LINES).try_for_each(|number| write_line(&mut lines, number))?;
        lines.flush()?;
        let source = "kind = \"file\"\npath = \"../lines.ndjson\"\nmode = \"once\"\n";
        let mut replaying = Sending::start(broker, "replaying", source)?;
        // It ends by itself; what it has held shortly before is what was told last.
        let mut peak = 0;
        let status = until(LIMIT, || {
            peak = replaying.program.peak_memory().unwrap_or(peak);
            replaying.program.ended()?.ok_or_else(|| "it has not ended".into())
        })?;
        ensure(status.success(), || format!("{status}\n{}", replaying.program.log()))?;
        println!("{LINES} lines at full speed: {} kB at most", peak / 1_000);
        ensure((1..MEMORY).contains(&peak), || format!("it held {peak} bytes"))?;
        let dropped = replaying.dropped(broker)?;
        ensure(dropped == 0, || format!("{dropped} lines are lost"))
    })
}

/// What was sent, what was dropped, and what was left behind by a stop while Kafka was away, is all that there was.
pub(crate) fn what_a_stop_leaves_behind_is_counted() -> Outcome {
    const SENT: u64 = 1_000;
    const MORE: u64 = 80_000;
    Broker::open_to_all()?.run(|broker| {
        let source = "kind = \"stdin\"\nwhen_full = \"drop_oldest\"\nbuffer = 1\n";
        let mut stopped = Sending::start(broker, "stopped", source)?;
        let mut input = stopped.program.take_input().ok_or("it has no input")?;
        write_numbers(&mut input, 0..SENT)?;
        stopped.until_metric(RECORDS, SENT)?;
        // What a frozen broker has not read is lost with it, so that nothing arrives that was not confirmed.
        broker.freeze()?;
        write_numbers(&mut input, SENT..SENT + MORE)?;
        stopped.until_metric("messages_total", SENT + MORE)?;
        broker.kill()?;
        let dropped = stopped.metric(DROPPED)?;
        signal(stopped.program.id(), Signal::SIGTERM)?;
        let status = stopped.program.wait(LIMIT)?;
        let said = stopped.program.log();
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

/// What a topic takes arrives, whatever it was batched with; what it does not take is a dead letter, also when it is
/// the last thing that a source has sent.
pub(crate) fn records_beside_a_large_one_arrive() -> Outcome {
    const SENT: u64 = 5_000;
    const TOPIC: &str = "narrow.raw.s";
    Broker::open_to_all()?.run(|broker| {
        create_narrow_topic(broker, TOPIC)?;
        let mut narrow = Sending::start(broker, "narrow", "kind = \"stdin\"\n")?;
        let mut input = narrow.program.take_input().ok_or("it has no input")?;
        write_numbers(&mut input, 0..SENT)?;
        // Nothing that can be compressed to less than the topic takes.
        let mut random = fastrand::Rng::with_seed(7);
        let large: String = (0..5_000).map(|_| random.alphanumeric()).collect();
        writeln!(input, r#"{{"sensor":"{large}","temperature":1,"number":{SENT}}}"#)?;
        drop(input);
        narrow.program.finish(LIMIT)?;
        let arrived = narrow.arrived(broker)?;
        ensure(arrived.iter().copied().eq(0..SENT), || format!("{} arrived", arrived.len()))?;
        let letters = read_all(broker, "narrow.dead-letters")?;
        let is_large = letters.iter().any(|letter| {
            letter.headers.get("freshet-reason").is_some_and(|reason| reason == "unsendable")
        });
        ensure(letters.len() == 1 && is_large, || format!("{} dead letters", letters.len()))
    })
}

/// A topic that takes less than a batch usually has.
fn create_narrow_topic(broker: &Broker, topic: &str) -> Outcome {
    let admin: AdminClient<DefaultClientContext> = broker.client().create()?;
    let narrow =
        NewTopic::new(topic, 1, TopicReplication::Fixed(1)).set("max.message.bytes", "2000");
    let creating = admin.create_topics([&narrow], &AdminOptions::new());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    for created in runtime.block_on(creating)? {
        created.map_err(|(topic, code)| format!("{topic}: {code}"))?;
    }
    Ok(())
}

fn write_numbers(input: &mut impl Write, numbers: Range<u64>) -> std::io::Result<()> {
    for number in numbers {
        writeln!(input, r#"{{"sensor":"sensor-1","temperature":21.43,"number":{number}}}"#)?;
    }
    input.flush()
}

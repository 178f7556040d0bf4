//! `./freshet up --observability` on a live stack: the real Prometheus, the alerts by faults of their own, and what
//! Grafana's panels ask for.
//!
//! Two servers watch: the one of the stack, for targets, rules and panels, and a hasty one, so that an alert takes
//! seconds instead of minutes (see [`Hasty`]). What they look at and the rules are the same files.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::Path;

use freshet_dev::preflight::free_ports;
use freshet_dev::state::now_ms;
use libtest_mimic::Failed;
use nix::sys::signal::Signal;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer as _, ThreadedProducer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use tokio::runtime::Builder;

use super::grafana;
use super::prometheus::{Api, Hasty, metrics};
use crate::Outcome;
use crate::feed::Record;
use crate::kafka::{Brokers as _, Sender};
use crate::process::{none_left, signal};
use crate::stack::{TestStack, text};
use crate::waiting::{LIMIT, ensure, until};
use crate::writer_lab::window;

/// Of each topic of the test.
const PARTITIONS: i32 = 2;
/// Many more than the writer has in memory.
const WINDOWS: i64 = 40_000;
/// Records that a micro-batch reads, and many more than it can do within minutes.
const MOST_AT_ONCE: usize = 500;
const FLOOD: usize = 200 * MOST_AT_ONCE;
/// More than the file source takes in one line.
const TOO_LONG: usize = 1_100_000;

pub(crate) fn alerts_ring_and_panels_have_data() -> Outcome {
    let folder = tempfile::tempdir()?;
    let lines = folder.path().join("lines.ndjson");
    fs::write(&lines, "")?;
    let ports: [u16; 3] = free_ports()?;
    let [producer, writer, prometheus] = ports;
    let address = |port: u16| format!("127.0.0.1:{port}");
    let environment = vec![
        ("FRESHET_PRODUCER__METRICS_ADDRESS".to_owned(), address(producer)),
        ("FRESHET_WRITER__METRICS_ADDRESS".to_owned(), address(writer)),
        ("FRESHET_KAFKA__PARTITIONS".to_owned(), PARTITIONS.to_string()),
        ("FRESHET_SPARK__MAX_OFFSETS_PER_TRIGGER".to_owned(), MOST_AT_ONCE.to_string()),
        ("FRESHET_DEV__PROMETHEUS_PORT".to_owned(), prometheus.to_string()),
    ];
    let stack = TestStack::of(&streams(&lines, &folder.path().join("spool")), environment)?;
    let api = Api(format!("http://127.0.0.1:{prometheus}"));
    let outcome = watch(&stack, &lines, &api);
    if outcome.is_err() {
        for part in ["prometheus", "producer", "writer", "spark-job", "dashboard"] {
            let log = fs::read_to_string(stack.home().join(format!("logs/{part}.log")));
            let log = log.unwrap_or_default();
            let end: Vec<&str> = log.lines().rev().take(15).collect();
            println!("--- {part}\n{}", end.into_iter().rev().collect::<Vec<_>>().join("\n"));
        }
    }
    let stopped = stack.run(&["down"])?;
    outcome?;
    ensure(stopped.status.success(), || text(&stopped))?;
    none_left(&stack.home(), LIMIT)
}

/// A source that sends, one whose lines the test writes, and one whose server is away.
fn streams(lines: &Path, spool: &Path) -> String {
    format!(
        r#"
[[stream]]
name = "host"
format = "json"
series = ["host", "resource"]
time = {{ field = "time", unit = "ms" }}
values = {{ usage = "usage", received = "received", sent = "sent", read = "read", written = "written" }}
windows = ["10s"]
lateness = "10s"

[[source]]
kind = "host"
stream = "host"
every = "200ms"
when_full = "spool"
spool_directory = "{}"

[[stream]]
name = "s"
series = ["id"]
values = {{ v = "v" }}
windows = ["10s"]

[[source]]
kind = "file"
name = "lines"
stream = "s"
path = "{}"
transform = 'if .bad then error("bad") else . end'

[[source]]
kind = "sse"
name = "away"
stream = "s"
url = "http://127.0.0.1:9/events"
allow_private = true
"#,
        spool.display(),
        lines.display()
    )
}

fn watch(stack: &TestStack, lines: &Path, api: &Api) -> Outcome {
    let config = stack.config();
    let config = config.to_str().ok_or("odd path")?;
    let up = stack.run(&["up", "-c", config, "--observability", "--detach"])?;
    ensure(up.status.success(), || format!("up failed:\n{}", text(&up)))?;
    ensure(text(&up).contains(&api.0), || format!("its address is not told:\n{}", text(&up)))?;
    ensure(stack.part("prometheus")?.state == "ready", || "it is no part of the stack".to_owned())?;
    let hasty = Hasty::start(&stack.home().join("run/prometheus"))?;
    for server in [api, &hasty.api] {
        server.all_targets_are_up(4)?;
    }
    let alerts = api.alerts()?;
    let hasty_alerts = hasty.api.alerts()?;
    let names = |alerts: &[(String, String)]| -> Vec<String> {
        alerts.iter().map(|(name, _)| name.clone()).collect()
    };
    ensure(names(&alerts) == names(&hasty_alerts), || format!("the rules differ: {alerts:?}"))?;

    let mut rung = Rung { api: &hasty.api, alerts: BTreeSet::new() };
    rung.rings("FreshetSourceDisconnected", "source", "away")?;
    nothing_else_rings(&hasty.api)?;
    let ignorant = Hasty::without(&stack.home().join("run/prometheus"), "freshet-producer")?;
    of_a_source(&mut rung, lines)?;
    ignorant.api.rings("FreshetTargetMissing", "job", "freshet-producer")?;
    rung.alerts.insert("FreshetTargetMissing".to_owned());
    drop(ignorant);
    of_cassandra(&mut rung, stack)?;
    of_a_job_that_hangs(&mut rung, stack)?;
    of_a_program_that_dies(&mut rung, stack)?;
    of_the_job(&mut rung, stack)?;
    let missing = names(&alerts);
    let missing: Vec<&String> =
        missing.iter().filter(|alert| !rung.alerts.contains(*alert)).collect();
    ensure(missing.is_empty(), || format!("no fault has made these ring: {missing:?}"))?;

    for metric in alerts.iter().flat_map(|(_, query)| metrics(query)) {
        api.knows(metric)?;
    }
    grafana::every_query_has_data(api, "pipeline.json")?;
    let now = now_ms();
    grafana::every_address_has_rows(&stack.dashboard(), "windows.json", (now - 600_000, now))
}

/// The alerts that have rung.
struct Rung<'a> {
    api: &'a Api,
    alerts: BTreeSet<String>,
}

impl Rung<'_> {
    fn rings(&mut self, alert: &str, label: &str, value: &str) -> Outcome {
        self.api.rings(alert, label, value)?;
        self.alerts.insert(alert.to_owned());
        Ok(())
    }
}

/// A stack that is well rings of nothing but the source that is away.
fn nothing_else_rings(api: &Api) -> Outcome {
    let ringing = api.ringing("source")?;
    let only = [("FreshetSourceDisconnected".to_owned(), "away".to_owned())];
    ensure(ringing == only, || format!("a stack that is well rings: {ringing:?}"))
}

/// Lines that a filter fails on, one that is too long, and a file that is cut off.
fn of_a_source(rung: &mut Rung<'_>, lines: &Path) -> Outcome {
    let append = |text: &str| -> Result<(), Failed> {
        let mut file = OpenOptions::new().append(true).open(lines)?;
        Ok(file.write_all(text.as_bytes())?)
    };
    append("{\"id\":\"a\",\"v\":1}\n{\"bad\":true}\n")?;
    rung.api.has(r#"freshet_producer_rejected_total{source="lines"} == 1"#)?;
    append("{\"bad\":true}\n{\"bad\":true}\n")?;
    append(&format!("{}\n", "x".repeat(TOO_LONG)))?;
    rung.rings("FreshetSourceRejects", "source", "lines")?;
    rung.rings("FreshetMessagesDropped", "source", "lines")?;
    File::create(lines)?;
    append("{\"id\":\"b\",\"v\":1}\n")?;
    rung.rings("FreshetSourceGaps", "source", "lines")
}

/// A store that does not answer: the writer waits, and windows wait for it.
fn of_cassandra(rung: &mut Rung<'_>, stack: &TestStack) -> Outcome {
    send_windows(stack, "windows.host", [("key".to_owned(), b"no window".to_vec())])?;
    rung.rings("FreshetWriterRejects", "job", "freshet-writer")?;
    let cassandra = stack.part("cassandra")?.pid.ok_or("Cassandra has no process")?;
    signal(cassandra, Signal::SIGSTOP)?;
    let many = (0..WINDOWS).map(|number| window("lost", number, 1));
    let outcome = send_windows(stack, "windows.s", many)
        .and_then(|()| rung.rings("FreshetWriterLag", "job", "freshet-writer"))
        .and_then(|()| rung.rings("FreshetWriterStalled", "job", "freshet-writer"))
        .and_then(|()| rung.rings("FreshetWaiting", "for", "cassandra"))
        .and_then(|()| make_anew(stack, "windows.s"));
    signal(cassandra, Signal::SIGCONT)?;
    outcome?;
    rung.rings("FreshetWindowsLost", "job", "freshet-writer")?;
    until(LIMIT, || {
        let ringing = rung.api.ringing("job")?;
        let still = ringing.iter().any(|(alert, _)| alert.starts_with("FreshetWriterLag"));
        ensure(!still, || format!("it still rings: {ringing:?}"))
    })
}

/// Sends keys and values: the windows topics are compacted, and take nothing without a key.
fn send_windows(
    stack: &TestStack,
    topic: &str,
    messages: impl IntoIterator<Item = (String, Vec<u8>)>,
) -> Outcome {
    let producer: ThreadedProducer<DefaultProducerContext> =
        stack.client().set("queue.buffering.max.messages", "100000").create()?;
    for (key, value) in messages {
        let record = BaseRecord::to(topic).key(&key).payload(&value);
        producer.send(record).map_err(|(error, _)| error)?;
    }
    Ok(producer.flush(LIMIT)?)
}

/// Deletes a topic and creates it again.
fn make_anew(stack: &TestStack, topic: &str) -> Outcome {
    let admin: AdminClient<DefaultClientContext> = stack.client().create()?;
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let options = AdminOptions::new();
    let deleted = runtime.block_on(admin.delete_topics(&[topic], &options))?;
    ensure(deleted.iter().all(Result::is_ok), || format!("not deleted: {deleted:?}"))?;
    let anew = NewTopic::new(topic, PARTITIONS, TopicReplication::Fixed(1));
    until(LIMIT, || {
        let created = runtime.block_on(admin.create_topics([&anew], &options))?;
        ensure(created.iter().all(Result::is_ok), || format!("not created: {created:?}"))
    })
}

/// A process that is stopped lives, and neither answers nor reports. What Kafka deletes meanwhile it has not read.
fn of_a_job_that_hangs(rung: &mut Rung<'_>, stack: &TestStack) -> Outcome {
    let job = stack.part("spark-job")?.pid.ok_or("the job has no process")?;
    signal(job, Signal::SIGSTOP)?;
    let outcome = rung
        .rings("FreshetTargetDown", "job", "freshet-spark-job")
        .and_then(|()| rung.rings("FreshetComponentSilent", "stream", "host"))
        .and_then(|()| delete_unread(stack, "raw.s"));
    signal(job, Signal::SIGCONT)?;
    outcome?;
    rung.rings("FreshetRecordsLost", "stream", "s")
}

/// Sends records and has Kafka delete them, as its retention would.
fn delete_unread(stack: &TestStack, topic: &str) -> Outcome {
    let sender = Sender::to_topic(stack, topic)?;
    let records: Vec<Record> = (0..100)
        .map(|v| Record { value: format!(r#"{{"id":"a","v":{v}}}"#).into_bytes() })
        .collect();
    sender.send(&records)?;
    sender.flush()?;
    let admin: AdminClient<DefaultClientContext> = stack.client().create()?;
    let mut offsets = TopicPartitionList::new();
    for partition in 0..PARTITIONS {
        offsets.add_partition_offset(topic, partition, Offset::End)?;
    }
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let options = AdminOptions::new();
    let deleted = runtime.block_on(admin.delete_records(&offsets, &options))?;
    ensure(deleted.count() > 0, || "no records were deleted".to_owned())
}

/// What the job says of its streams: records that it cannot read or that come too late, many more than it can do, and a
/// query that fails again and again.
fn of_the_job(rung: &mut Rung<'_>, stack: &TestStack) -> Outcome {
    let sender = Sender::new(stack, "s")?;
    let send = |value: &str, times: usize| -> Outcome {
        sender.send(&vec![Record { value: value.as_bytes().to_vec() }; times])?;
        sender.flush()
    };
    let host = Sender::new(stack, "host")?;
    let of_the_past = r#"{"host":"h","resource":"r","time":1000,"usage":1}"#;
    host.send(&vec![Record { value: of_the_past.as_bytes().to_vec() }; 20])?;
    host.flush()?;
    send("{", 5)?;
    rung.rings("FreshetStreamRejects", "stream", "s")?;
    rung.rings("FreshetStreamLate", "stream", "host")?;
    let flood = format!(r#"{{"host":"h","resource":"r","time":{},"usage":1}}"#, now_ms());
    host.send(&vec![Record { value: flood.into_bytes() }; FLOOD])?;
    host.flush()?;
    rung.rings("FreshetSparkLag", "stream", "host")?;
    let offsets = stack.home().join("checkpoints/host/offsets");
    let away = offsets.with_extension("away");
    fs::rename(&offsets, &away)?;
    fs::write(&offsets, "not a folder")?;
    let outcome = rung
        .rings("FreshetQueryRestarts", "stream", "host")
        .and_then(|()| rung.rings("FreshetSparkStalled", "stream", "host"));
    fs::remove_file(&offsets)?;
    fs::rename(&away, &offsets)?;
    outcome
}

/// The supervisor starts it again, each time.
fn of_a_program_that_dies(rung: &mut Rung<'_>, stack: &TestStack) -> Outcome {
    for _ in 0..2 {
        let writer = stack.part("writer")?;
        let pid = writer.pid.ok_or("the writer has no process")?;
        let killed = now_ms() / 1_000;
        signal(pid, Signal::SIGKILL)?;
        let started = r#"process_start_time_seconds{job="freshet-writer"}"#;
        rung.api.has(&format!("{started} >= {killed}"))?;
    }
    rung.rings("FreshetRestarts", "job", "freshet-writer")
}

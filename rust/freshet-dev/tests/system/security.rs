//! Producer and writer over `SASL_SSL` with SCRAM-SHA-512, against a broker that has no other way in.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use freshet_dev::preflight::free_ports;
use libtest_mimic::Failed;
use nix::sys::signal::Signal;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::metadata::MetadataTopic;
use serde_json::Value;

use crate::Outcome;
use crate::broker::Broker;
use crate::kafka::{Brokers as _, read_all};
use crate::process::signal;
use crate::program::Program;
use crate::security_broker::{Login, PASSWORD, SecureBroker, USER};
use crate::waiting::{LIMIT, ensure, until};

const WRONG: &str = "incorrect-donkey";
/// Records of each source.
const RECORDS: usize = 2_000;
const ANSWER_LIMIT: Duration = Duration::from_secs(5);
/// A refusal is no matter of waiting.
const REFUSAL_LIMIT: Duration = Duration::from_secs(30);

/// What a source that goes on where it was sends in transactions, and what another one sends without, arrives.
pub(crate) fn records_arrive() -> Outcome {
    run(|secure| {
        nobody_else_is_let_in(secure)?;
        let broker = &secure.broker;
        let folder = place(broker, "through", secure.login())?;
        let mut check = Program::producer(&folder, "check.log", &["--check"])?;
        check.finish(LIMIT)?;
        let mut producer = Program::producer(&folder, "producer.log", &[])?;
        producer.finish(LIMIT)?;
        ensure(!producer.log().contains(PASSWORD), || "the password is in the log".to_owned())?;
        arrived(broker, "replayed", "v")?;
        arrived(broker, "made", "number")?;
        let reports = read_all(broker, "through.health")?;
        ensure(!reports.is_empty(), || "there are no health reports".to_owned())?;
        // Where it went on is read over the same security.
        let mut again = Program::producer(&folder, "again.log", &["--source", "replay"])?;
        again.finish(LIMIT)?;
        arrived(broker, "replayed", "v")
    })
}

/// The refusals are the broker's or the client's own; each is told before anything is sent or created.
pub(crate) fn refusals_are_named() -> Outcome {
    run(|secure| {
        let login = secure.login();
        let cases = [
            ("password", Login { password: WRONG, ..login }, "password"),
            ("authority", Login { authority: &secure.other_authority, ..login }, "ca_file"),
            ("host", Login { address: &secure.other_address, ..login }, "ca_file"),
        ];
        for (name, login, key) in cases {
            let folder = place(&secure.broker, name, login)?;
            for (log, arguments) in [("check.log", &["--check"][..]), ("producer.log", &[])] {
                let mut producer = Program::producer(&folder, log, arguments)?;
                let status = producer.wait(REFUSAL_LIMIT)?;
                is_named(&folder, &producer, status, key)?;
            }
        }
        let topics = topics(&secure.broker.client())?;
        ensure(topics.is_empty(), || format!("topics were created: {topics:?}"))
    })
}

/// The writer's clients are let in as well, and it says which login is refused.
pub(crate) fn writer_is_let_in() -> Outcome {
    run(|secure| {
        let broker = &secure.broker;
        let folder = place(broker, "writer", secure.login())?;
        let mut writer = Program::writer(&folder, "writer.log")?;
        until(LIMIT, || {
            let reports = read_all(broker, "writer.health")?;
            let report: Value =
                serde_json::from_slice(&reports.last().ok_or("there is no report")?.value)?;
            let waits = report["waiting_for"].to_string().contains("Cassandra");
            ensure(waits, || format!("it has not come to its store: {report}"))
        })?;
        signal(writer.id(), Signal::SIGTERM)?;
        writer.finish(LIMIT)?;

        let folder = place(broker, "refused", Login { password: WRONG, ..secure.login() })?;
        let mut writer = Program::writer(&folder, "writer.log")?;
        let status = writer.wait(REFUSAL_LIMIT)?;
        is_named(&folder, &writer, status, "password")
    })
}

fn run(test: impl FnOnce(&SecureBroker) -> Outcome) -> Outcome {
    let secure = SecureBroker::start()?;
    let outcome = test(&secure);
    secure.broker.end(outcome)
}

/// A folder with the configuration of two sources that end.
fn place(broker: &Broker, name: &str, login: Login<'_>) -> Result<PathBuf, Failed> {
    let folder = broker.place(name);
    fs::create_dir_all(&folder)?;
    let mut lines = String::new();
    for number in 0..RECORDS {
        writeln!(lines, r#"{{"id":"station-{}","v":{number}}}"#, number % 50)?;
    }
    fs::write(folder.join("lines.ndjson"), lines)?;
    let nobody = free_ports::<1>()?[0];
    let configuration = format!(
        r#"{kafka}
[cassandra]
contact_points = ["127.0.0.1:{nobody}"]

[producer]
metrics_address = ""

[writer]
metrics_address = ""

[[stream]]
name = "replayed"
series = ["id"]
values = {{ v = "v" }}
windows = ["10s"]

[[stream]]
name = "made"
series = ["sensor"]
values = {{ temperature = "temperature" }}
windows = ["10s"]

[[source]]
name = "replay"
kind = "file"
stream = "replayed"
path = "lines.ndjson"
mode = "once"

[[source]]
kind = "synthetic"
stream = "made"
unlimited = true
limit = {RECORDS}
"#,
        kafka = login.section(name),
    );
    fs::write(folder.join("freshet.toml"), configuration)?;
    Ok(folder)
}

/// Whoever reads committed records finds each of a source's numbers once.
fn arrived(broker: &Broker, stream: &str, field: &str) -> Outcome {
    let mut numbers = Vec::new();
    for record in read_all(broker, &format!("through.raw.{stream}"))? {
        let value: Value = serde_json::from_slice(&record.value)?;
        numbers.push(value[field].as_u64().ok_or("a record without its number")?);
    }
    numbers.sort_unstable();
    ensure(numbers.iter().copied().eq(0..RECORDS as u64), || {
        format!("{} records of {stream} are there", numbers.len())
    })
}

/// The exit code is that of a wrong configuration, and the message leads to the line of the key.
fn is_named(folder: &Path, program: &Program, status: ExitStatus, key: &str) -> Outcome {
    let configuration = fs::read_to_string(folder.join("freshet.toml"))?;
    let line = configuration.lines().position(|line| line.starts_with(key)).unwrap_or_default() + 1;
    let (place, said) = (format!("freshet.toml:{line}: kafka.security.{key}: "), program.log());
    let is_named = said.contains(&place) && !said.contains(PASSWORD) && !said.contains(WRONG);
    ensure(is_named && status.code() == Some(2), || format!("not '{place}': {status}\n{said}"))
}

/// The broker is set up as it should be.
fn nobody_else_is_let_in(secure: &SecureBroker) -> Outcome {
    let mut plain = ClientConfig::new();
    plain.set("bootstrap.servers", &secure.address);
    let mut without_login = secure.login().client();
    without_login.set("security.protocol", "ssl");
    let mut without_mechanism = secure.login().client();
    without_mechanism.set("sasl.mechanism", "PLAIN");
    let wrong = Login { password: WRONG, ..secure.login() }.client();
    for client in [plain, without_login, without_mechanism, wrong] {
        ensure(topics(&client).is_err(), || "somebody was let in without a login".to_owned())?;
    }
    let found = topics(&secure.login().client())?;
    ensure(found.is_empty(), || format!("there are topics already for {USER}: {found:?}"))
}

fn topics(client: &ClientConfig) -> Result<Vec<String>, Failed> {
    let consumer: BaseConsumer = client.create()?;
    let metadata = consumer.fetch_metadata(None, ANSWER_LIMIT)?;
    let names = metadata.topics().iter().map(MetadataTopic::name).map(str::to_owned);
    Ok(names.filter(|name| !name.starts_with("__")).collect())
}

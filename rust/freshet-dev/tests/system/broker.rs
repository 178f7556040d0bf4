//! A broker of a test's own, without the rest of the stack: it is up within seconds, and may be frozen and killed.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use freshet_dev::preflight::free_ports;
use freshet_dev::supervise::{CommandLine, Guarded, Guards};
use libtest_mimic::Failed;
use nix::sys::signal::Signal;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use tempfile::TempDir;
use tokio::runtime::{self, Runtime};

use crate::Outcome;
use crate::kafka::Brokers;
use crate::process::signal;
use crate::stack::{project, text};
use crate::waiting::{LIMIT, ensure, until};

const GRACE: Duration = Duration::from_secs(10);
const ANSWER_LIMIT: Duration = Duration::from_secs(2);
/// Sixteen bytes in unpadded base64: each broker has its data to itself.
const CLUSTER_ID: &str = "AAAAAAAAQACEAAAAAAAAAA";
/// What every broker of the tests has, whoever it lets in.
const COMMON: &str = "\
process.roles=broker,controller
node.id=1
controller.listener.names=CONTROLLER
broker.heartbeat.interval.ms=500
broker.session.timeout.ms=3000
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.num.partitions=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=false
";

/// What is particular to a broker.
pub(crate) struct Setup {
    /// Its listeners (`NAME://host:port`), beside the one that it talks to itself by.
    pub(crate) listeners: String,
    /// What each of them speaks (`NAME:PROTOCOL`).
    pub(crate) protocols: String,
    /// Where clients are told that it listens, and who gets in.
    pub(crate) properties: String,
    /// What else its storage is formatted with.
    pub(crate) format: Vec<String>,
    /// How to be let in.
    pub(crate) client: ClientConfig,
}

/// The broker.
pub(crate) struct Broker {
    folder: TempDir,
    runtime: Runtime,
    guards: Guards,
    client: ClientConfig,
    process: Option<Guarded>,
}

impl Brokers for Broker {
    fn client(&self) -> ClientConfig {
        self.client.clone()
    }
}

impl Broker {
    /// One that lets everybody in.
    pub(crate) fn open_to_all() -> Result<Self, Failed> {
        let [port] = free_ports()?;
        let address = format!("127.0.0.1:{port}");
        let mut client = ClientConfig::new();
        client.set("bootstrap.servers", &address);
        let setup = Setup {
            listeners: format!("PLAINTEXT://{address}"),
            protocols: "PLAINTEXT:PLAINTEXT".to_owned(),
            properties: format!("advertised.listeners=PLAINTEXT://{address}\n"),
            format: Vec::new(),
            client,
        };
        Self::start(tempfile::tempdir()?, setup)
    }

    /// One that is set up in its own way; `folder` becomes its own.
    pub(crate) fn start(folder: TempDir, setup: Setup) -> Result<Self, Failed> {
        let [controller] = free_ports()?;
        let mut broker = Self {
            guards: Guards::new(env!("CARGO_BIN_EXE_freshet-dev"), folder.path().join("lock")),
            runtime: runtime::Builder::new_current_thread().enable_all().build()?,
            client: setup.client,
            process: None,
            folder,
        };
        let controller = format!("127.0.0.1:{controller}");
        let properties = format!(
            "{COMMON}controller.quorum.voters=1@{controller}\n\
             listeners=CONTROLLER://{controller},{listeners}\n\
             listener.security.protocol.map=CONTROLLER:PLAINTEXT,{protocols}\n\
             log.dirs={log}\n{more}",
            listeners = setup.listeners,
            protocols = setup.protocols,
            log = broker.place("log").display(),
            more = setup.properties,
        );
        fs::write(broker.properties(), properties)?;
        broker.format(&setup.format)?;
        broker.resume()?;
        until(LIMIT, || broker.answers())?;
        Ok(broker)
    }

    /// A place in its folder.
    pub(crate) fn place(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn properties(&self) -> PathBuf {
        self.place("server.properties")
    }

    fn format(&self, more: &[String]) -> Outcome {
        let output = Command::new("java")
            .args(["kafka.tools.StorageTool", "format", "--cluster-id", CLUSTER_ID, "--config"])
            .arg(self.properties())
            .args(more)
            .env("CLASSPATH", classpath()?)
            .output()?;
        ensure(output.status.success(), || text(&output))
    }

    /// Starts it, with the data that it has.
    pub(crate) fn resume(&mut self) -> Outcome {
        let command = CommandLine::new("java", self.folder.path())
            .args(["-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "kafka.Kafka"])
            .arg(self.properties())
            .env("CLASSPATH", classpath()?);
        let log = self.place("kafka.log");
        self.process = Some(self.runtime.block_on(self.guards.spawn(&command, &log, GRACE))?);
        Ok(())
    }

    fn answers(&self) -> Outcome {
        let consumer: BaseConsumer = self.client.create()?;
        consumer.fetch_metadata(None, ANSWER_LIMIT)?;
        Ok(())
    }

    fn signal(&self, what: Signal) -> Outcome {
        let pid = self.process.as_ref().and_then(Guarded::pid);
        signal(pid.ok_or("the broker has no process")?, what)
    }

    /// From now on it takes connections, but does not answer.
    pub(crate) fn freeze(&self) -> Outcome {
        self.signal(Signal::SIGSTOP)
    }

    /// From now on it does not even take connections. What a frozen one was sent and has not read is gone.
    pub(crate) fn kill(&mut self) -> Outcome {
        self.signal(Signal::SIGKILL)?;
        if let Some(mut process) = self.process.take() {
            self.runtime.block_on(process.ended());
        }
        Ok(())
    }

    /// Runs a test, and ends the broker however the test ends.
    pub(crate) fn run(mut self, test: impl FnOnce(&mut Self) -> Outcome) -> Outcome {
        let outcome = test(&mut self);
        self.end(outcome)
    }

    /// Ends the broker; keeps its folder when the test has failed.
    pub(crate) fn end(mut self, outcome: Outcome) -> Outcome {
        if let Some(process) = self.process.take() {
            self.runtime.block_on(process.stop());
        }
        if outcome.is_err() {
            println!("the broker's folder is kept: {}", self.folder.keep().display());
        }
        outcome
    }
}

fn classpath() -> Result<String, Failed> {
    let jars = fs::read_to_string(project().join("build/classpaths/kafka.txt"))?;
    Ok(jars.lines().collect::<Vec<_>>().join(":"))
}

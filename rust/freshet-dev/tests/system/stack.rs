//! A stack of its own: configuration, home and ports, run through the very program that people run.

use std::env;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use freshet_dev::preflight::free_ports;
use libtest_mimic::Failed;
use serde_json::Value;
use tempfile::TempDir;

use crate::waiting::{LIMIT, ensure, until};

/// Names of the ports in the order in which [`TestStack::services`] takes them.
const PORTS: usize = 7;

/// What most tests need: two sources of the producer, and a stream of the tests' own.
const STREAMS: &str = r#"
[[stream]]
name = "host"
format = "json"
series = ["host", "resource"]
time = { field = "time", unit = "ms" }
values = { usage = "usage" }
windows = ["10s"]
lateness = "10s"

[[source]]
kind = "host"
stream = "host"
every = "1s"

[[stream]]
name = "fleet"
format = "json"
series = ["sensor"]
time = { field = "time", unit = "ms" }
values = { temperature = "temperature" }
windows = ["10s"]
lateness = "10s"

[[source]]
kind = "synthetic"
stream = "fleet"
every = "200ms"
series = 5
seed = 11

# Fed by the tests themselves.
[[stream]]
name = "known"
format = "json"
series = ["room", "sensor"]
time = { field = "at", unit = "ms" }
values = { temperature = "temperature", humidity = "air.humidity" }
windows = ["10s", "1m", "30s/10s"]
lateness = "1m"
"#;

/// For a stack whose other streams are fed by tests: it is ready when it has made a window of what its sources send.
pub(crate) const FIRST_WINDOW: &str = r#"
[[stream]]
name = "fleet"
series = ["sensor"]
time = { field = "time", unit = "ms" }
values = { temperature = "temperature" }
windows = ["10s"]

[[source]]
kind = "synthetic"
stream = "fleet"
rate = 5
limit = 5
"#;

/// A stack's place.
pub(crate) struct TestStack {
    folder: TempDir,
    ports: [u16; PORTS],
    /// Options of `up` that say which services carry the topics.
    topology: &'static [&'static str],
    /// Of all its programs.
    environment: Vec<(String, String)>,
    /// The project's folder whose programs it runs.
    root: PathBuf,
}

impl TestStack {
    /// A place with free ports; nothing runs yet.
    pub(crate) fn new(zookeeper: bool) -> Result<Self, Failed> {
        let mut stack = Self::of(STREAMS, Vec::new())?;
        stack.topology = if zookeeper { &["--zookeeper"] } else { &[] };
        Ok(stack)
    }

    /// The same with other streams and sources, and an environment.
    pub(crate) fn of(streams: &str, environment: Vec<(String, String)>) -> Result<Self, Failed> {
        let (folder, ports) = (tempfile::tempdir()?, free_ports()?);
        let stack = Self { folder, ports, topology: &[], environment, root: project() };
        fs::write(stack.config(), stack.services() + streams)?;
        Ok(stack)
    }

    /// The same, run by the programs of another build: that of the project in this folder.
    pub(crate) fn of_build(self, root: PathBuf) -> Self {
        Self { root, ..self }
    }

    /// The same with three brokers and three Cassandra nodes.
    pub(crate) fn of_three_nodes(
        streams: &str,
        environment: Vec<(String, String)>,
    ) -> Result<Self, Failed> {
        Ok(Self { topology: &["--nodes", "3"], ..Self::of(streams, environment)? })
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.folder.path().join("freshet.toml")
    }

    pub(crate) fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    /// The addresses of its nodes.
    fn hosts(&self) -> &[&str] {
        if self.topology == ["--nodes", "3"] {
            &["127.0.0.1", "127.0.0.2", "127.0.0.3"]
        } else {
            &["127.0.0.1"]
        }
    }

    pub(crate) fn kafka(&self) -> String {
        let brokers = self.hosts().iter().map(|host| format!("{host}:{}", self.ports[0]));
        brokers.collect::<Vec<_>>().join(",")
    }

    pub(crate) fn kafka_port(&self) -> u16 {
        self.ports[0]
    }

    pub(crate) fn cassandra(&self) -> String {
        format!("127.0.0.1:{}", self.ports[3])
    }

    /// All its Cassandra nodes.
    pub(crate) fn cassandra_nodes(&self) -> Vec<String> {
        self.hosts().iter().map(|host| format!("{host}:{}", self.ports[3])).collect()
    }

    pub(crate) fn dashboard(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports[6])
    }

    /// Spark's own page.
    pub(crate) fn spark_page(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports[5])
    }

    fn services(&self) -> String {
        let [kafka, controller, zookeeper, cassandra, storage, spark, dashboard] = self.ports;
        format!(
            r#"
[kafka]
bootstrap_servers = "127.0.0.1:{kafka}"

[cassandra]
contact_points = ["127.0.0.1:{cassandra}"]

[dashboard]
port = {dashboard}

[dev]
kafka_port = {kafka}
kafka_controller_port = {controller}
zookeeper_port = {zookeeper}
cassandra_port = {cassandra}
cassandra_storage_port = {storage}
spark_ui_port = {spark}
"#
        )
    }

    /// The program with this stack's home.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = if self.root == project() {
            Command::new(env!("CARGO_BIN_EXE_freshet-dev"))
        } else {
            Command::new(self.root.join("target/release/freshet-dev"))
        };
        command
            .args(arguments)
            .env("FRESHET_ROOT", &self.root)
            .env("FRESHET_HOME", self.home())
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null());
        for (name, _) in env::vars_os().filter(|(name, _)| is_of_a_package(name)) {
            command.env_remove(name);
        }
        command
    }

    /// Runs a subcommand to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Result<Output, Failed> {
        Ok(self.command(arguments).output()?)
    }

    fn up_arguments<'a>(&self, config: &'a str) -> Vec<&'a str> {
        let mut arguments = vec!["up", "-c", config];
        arguments.extend(self.topology);
        arguments
    }

    /// `up --detach`
    pub(crate) fn up(&self) -> Result<Output, Failed> {
        let config = self.config();
        let mut arguments = self.up_arguments(config.to_str().ok_or("odd path")?);
        arguments.push("--detach");
        self.run(&arguments)
    }

    /// `up --detach`, for whoever has something to do before it is ready.
    pub(crate) fn start_detached(&self) -> Result<Child, Failed> {
        let config = self.config();
        let mut arguments = self.up_arguments(config.to_str().ok_or("odd path")?);
        arguments.push("--detach");
        Ok(self.command(&arguments).spawn()?)
    }

    /// `up --detach` that has to succeed.
    pub(crate) fn start(&self) -> Result<(), Failed> {
        let output = self.up()?;
        ensure(output.status.success(), || format!("up failed:\n{}", text(&output)))
    }

    /// `up` in the foreground, as on a terminal that Ctrl-C can be typed on.
    pub(crate) fn start_in_foreground(&self) -> Result<Child, Failed> {
        let config = self.config();
        let arguments = self.up_arguments(config.to_str().ok_or("odd path")?);
        let output = File::create(self.folder.path().join("up.log"))?;
        let errors = output.try_clone()?;
        let child = self.command(&arguments).stdout(output).stderr(errors).spawn()?;
        until(LIMIT * 3, || {
            let phase = self.status()?["phase"].clone();
            ensure(phase == "ready", || {
                let log = fs::read_to_string(self.folder.path().join("up.log"));
                format!("phase {phase}: {}", log.unwrap_or_default())
            })
        })?;
        Ok(child)
    }

    /// `status --json`
    pub(crate) fn status(&self) -> Result<Value, Failed> {
        let output = self.run(&["status", "--json"])?;
        Ok(serde_json::from_slice(&output.stdout)?)
    }

    /// One part out of `status --json`.
    pub(crate) fn part(&self, name: &str) -> Result<Part, Failed> {
        let status = self.status()?;
        let parts = status["parts"].as_array().ok_or("the stack is not running")?;
        let part = parts.iter().find(|part| part["name"] == name).ok_or("no such part")?;
        Ok(Part {
            state: part["state"].as_str().unwrap_or_default().to_owned(),
            pid: part["pid"].as_u64().and_then(|pid| u32::try_from(pid).ok()),
            restarts: part["restarts"].as_u64().unwrap_or(0),
            note: part["note"].as_str().map(str::to_owned),
        })
    }

    /// The supervisor's process.
    pub(crate) fn supervisor(&self) -> Result<u32, Failed> {
        let status = self.status()?;
        let pid = status["supervisor"].as_u64().ok_or("the stack is not running")?;
        Ok(u32::try_from(pid)?)
    }

    /// Keeps the folder for people to look at.
    pub(crate) fn keep(self) -> PathBuf {
        self.folder.keep()
    }
}

/// A part as `status --json` shows it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) state: String,
    pub(crate) pid: Option<u32>,
    pub(crate) restarts: u64,
    /// Why it died last.
    pub(crate) note: Option<String>,
}

/// Whether cargo tells it to tests of a package. Nobody's shell has it, and build scripts that look at it (that of
/// ring) would have all that stands on them compiled anew by `up`, and again by the next `cargo` from a shell.
fn is_of_a_package(variable: &OsStr) -> bool {
    let variable = variable.to_string_lossy();
    ["CARGO_MANIFEST_", "CARGO_PKG_"].iter().any(|prefix| variable.starts_with(prefix))
}

/// The project's folder.
pub(crate) fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// Both outputs of a command.
pub(crate) fn text(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

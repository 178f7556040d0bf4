//! The job on a Spark standalone cluster: a master and two workers as processes, laid out and launched as Spark's own
//! distribution does it, with nothing in it that a stock Spark lacks.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use freshet_dev::preflight::free_ports;
use freshet_dev::state::now_ms;
use freshet_dev::supervise::{CommandLine, Guarded, Guards};
use libtest_mimic::Failed;
use nix::sys::signal::Signal;
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::{self, Runtime};

use crate::Outcome;
use crate::expectation::{Key, Row, Rows};
use crate::feed::{Feed, Record};
use crate::kafka::{Brokers, Sender, read_all};
use crate::known_records::every_record_is_accounted_for;
use crate::lab::Use;
use crate::process::{command_line, none_left, of_home, signal};
use crate::queries::newest_report_in;
use crate::stack::{TestStack, project, text};
use crate::waiting::{LIMIT, ensure, until};

pub(crate) const RAW: &str = "cluster.raw.known";
const WINDOWS: &str = "cluster.windows.known";
pub(crate) const HEALTH: &str = "cluster.health";
pub(crate) const WORKERS: [&str; 2] = ["worker-1", "worker-2"];
const DRIVER: &str = "driver";
const GRACE: Duration = Duration::from_secs(5);
/// Records per micro-batch: few, so that the worker is killed in the midst of many batches.
const BATCH: u32 = 200;

/// A worker dies with its executor while batches run; then the job goes on from its checkpoint in another driver, with
/// a native library that executors get from a path.
pub(crate) fn windows_survive_a_killed_worker() -> Outcome {
    let mut lab = Use::running()?;
    let stack = &lab.get().stack;
    let mut cluster = Cluster::start()?;
    let outcome = kill_a_worker(stack, &mut cluster).and_then(|mut feed| {
        cluster.stop(DRIVER);
        executors_load_a_named_library(stack, &mut cluster, &mut feed)
    });
    cluster.end(outcome)
}

/// A million series are held by one executor of four gibibytes, which updates every one of them.
pub(crate) fn a_million_series_fit() -> Outcome {
    let mut lab = Use::running()?;
    let stack = &lab.get().stack;
    let mut spark = Cluster::lay_out("local[2]".to_owned())?;
    let outcome = update_a_million_series(stack, &mut spark);
    spark.end(outcome)
}

fn update_a_million_series(stack: &TestStack, spark: &mut Cluster) -> Outcome {
    const SERIES: u64 = 1_000_000;
    const TIMES: u64 = 2;
    let toml = format!(
        "[kafka]\nbootstrap_servers = \"{kafka}\"\ntopic_prefix = \"million.\"\n\
         [spark]\ntrigger = \"0s\"\ncheckpoint_location = \"{checkpoints}\"\n\
         max_offsets_per_trigger = {SERIES}\n\
         [[stream]]\nname = \"wide\"\nseries = [\"id\"]\nvalues = {{ v = \"v\" }}\nwindows = [\"1h\"]\n\
         lateness = \"1d\"\n",
        kafka = stack.kafka(),
        checkpoints = spark.place("checkpoints").display(),
    );
    spark.submit_job(&toml, "4g", &[])?;
    until(LIMIT, || read_all(stack, "million.raw.wide").map(drop))?;
    let sender = Sender::to_topic(stack, "million.raw.wide")?;
    for number in 0..SERIES * TIMES {
        let value = format!(r#"{{"id":"series-{}","v":{number}}}"#, number % SERIES).into_bytes();
        sender.send_patiently(&Record { value })?;
    }
    sender.flush()?;
    until(Duration::from_mins(5), || {
        let report = newest_report_in(stack, "million.health", "wide")?;
        let all = report["records_in"] == SERIES * TIMES && report["state_rows"] == SERIES;
        let clean = report["restarts"] == 0 && report["late"] == 0 && report["rejected"] == 0;
        ensure(all && clean, || format!("not every series was updated: {report}"))
    })
}

fn kill_a_worker(stack: &TestStack, cluster: &mut Cluster) -> Result<Feed, Failed> {
    cluster.submit(stack, &[])?;
    until(LIMIT, || {
        let executors = cluster.executors();
        ensure(executors.len() == WORKERS.len(), || format!("{} executors run", executors.len()))
    })?;
    until(LIMIT, || read_all(stack, RAW).map(drop))?;
    let mut feed = Feed::new(now_ms());
    let sender = Sender::to_topic(stack, RAW)?;
    let records = feed.next(600);
    sender.send(&records)?;
    sender.flush()?;
    let batches = records.len() / usize::try_from(BATCH)?;
    ensure(batches > 10, || format!("{batches} batches are too few to be in the midst of"))?;
    until(LIMIT, || {
        let counted = newest_rows(stack)?.len();
        ensure(counted > 0, || "no window has come".to_owned())
    })?;
    ensure(feed.expected.matches(&newest_rows(stack)?).is_err(), || {
        "all batches are done: the worker would be killed too late".to_owned()
    })?;
    signal(cluster.pid(WORKERS[0])?, Signal::SIGKILL)?;
    sender.send(&feed.next(60))?;
    sender.flush()?;
    until(LIMIT, || feed.expected.matches(&newest_rows(stack)?))?;
    // A program that an executor starts bears its command line for a moment.
    until(LIMIT, || {
        ensure(cluster.executors().len() == 1, || "the killed worker's executor runs on".to_owned())
    })?;
    // What the lost executor had computed was computed again, and is counted once all the same.
    until(LIMIT, || {
        every_record_is_accounted_for(&feed, &newest_report_in(stack, HEALTH, "known")?)
    })?;
    Ok(feed)
}

fn executors_load_a_named_library(
    stack: &TestStack,
    cluster: &mut Cluster,
    feed: &mut Feed,
) -> Outcome {
    let library = cluster.place("named-library.so");
    let suffix = if cfg!(target_os = "macos") { "dylib" } else { "so" };
    fs::copy(project().join(format!("target/release/libfreshet_jni.{suffix}")), &library)?;
    cluster.submit(stack, &[format!("spark.freshet.library.path={}", library.display())])?;
    let sender = Sender::to_topic(stack, RAW)?;
    sender.send(&feed.next(60))?;
    sender.flush()?;
    until(LIMIT, || feed.expected.matches(&newest_rows(stack)?))?;
    let executors = cluster.executors();
    ensure(!executors.is_empty(), || "there is no executor".to_owned())?;
    for executor in executors {
        let maps = fs::read_to_string(format!("/proc/{executor}/maps"))?;
        ensure(maps.contains(&library.display().to_string()), || {
            format!("executor {executor} did not load {}", library.display())
        })?;
    }
    Ok(())
}

/// The windows topic as its readers see it: of each window the newest revision.
pub(crate) fn newest_rows(brokers: &impl Brokers) -> Result<Rows, Failed> {
    newest_rows_of(brokers, WINDOWS)
}

/// Of each window that a topic has the newest revision.
pub(crate) fn newest_rows_of(brokers: &impl Brokers, topic: &str) -> Result<Rows, Failed> {
    let mut newest: BTreeMap<Vec<u8>, (i64, Key, Row)> = BTreeMap::new();
    for message in read_all(brokers, topic)? {
        let window: Value = serde_json::from_slice(&message.value)?;
        let revision = window["revision"].as_i64().ok_or("a window without a revision")?;
        if newest.get(&message.key).is_none_or(|(known, ..)| *known <= revision) {
            let (key, row) = read_window(&window).ok_or_else(|| format!("odd window {window}"))?;
            newest.insert(message.key, (revision, key, row));
        }
    }
    Ok(newest.into_values().map(|(_, key, row)| (key, row)).collect())
}

fn read_window(window: &Value) -> Option<(Key, Row)> {
    let text = |name: &str| window[name].as_str().map(str::to_owned);
    let float = |name: &str| window[name].as_f64();
    let integer = |name: &str| window[name].as_i64();
    let key = Key {
        series: text("series")?,
        metric: text("metric")?,
        window: text("window")?,
        start: integer("start")?,
    };
    let row = Row {
        end: integer("end")?,
        count: integer("count")?,
        sum: float("sum")?,
        avg: float("avg")?,
        min: float("min")?,
        max: float("max")?,
        stddev: float("stddev")?,
        percentiles: [float("p50")?, float("p95")?, float("p99")?],
        last_event: integer("last_event")?,
        ends: [float("first")?, float("last")?],
    };
    Some((key, row))
}

/// A Spark standalone cluster in a folder of its own. Guards end its processes however the test ends, and with each
/// worker its executors.
pub(crate) struct Cluster {
    folder: TempDir,
    runtime: Runtime,
    guards: Guards,
    master: String,
    parts: BTreeMap<String, Guarded>,
    /// Of its programs, beside what all have.
    environment: Vec<(&'static str, String)>,
}

impl Cluster {
    fn start() -> Result<Self, Failed> {
        let [port] = free_ports()?;
        let mut cluster = Self::lay_out(format!("spark://127.0.0.1:{port}"))?;
        let port = port.to_string();
        let address = ["--host", "127.0.0.1", "--webui-port", "0"];
        let class = "org.apache.spark.deploy.master.Master";
        cluster.launch("master", class, &[&address[..], &["--port", &port]].concat())?;
        let work = cluster.place("work").display().to_string();
        let master = cluster.master.clone();
        let resources = ["--cores", "1", "--memory", "1g", "--work-dir", &work, &master];
        for worker in WORKERS {
            let class = "org.apache.spark.deploy.worker.Worker";
            cluster.launch(worker, class, &[&address[..], &resources].concat())?;
        }
        Ok(cluster)
    }

    /// Where its masters are.
    pub(crate) fn master(&self) -> &str {
        &self.master
    }

    /// The folders of a Spark whose programs use that master; nothing is started.
    pub(crate) fn lay_out(master: String) -> Result<Self, Failed> {
        let folder = tempfile::tempdir()?;
        let guards = Guards::new(env!("CARGO_BIN_EXE_freshet-dev"), folder.path().join("lock"));
        let cluster = Self {
            guards,
            runtime: runtime::Builder::new_current_thread().enable_all().build()?,
            master,
            parts: BTreeMap::new(),
            environment: Vec::new(),
            folder,
        };
        cluster.lay_out_spark()?;
        Ok(cluster)
    }

    pub(crate) fn place(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn home(&self) -> PathBuf {
        self.place("spark")
    }

    /// The folders of a distribution: the jars that Spark ships, and its configuration.
    fn lay_out_spark(&self) -> Outcome {
        let (jars, conf) = (self.home().join("jars"), self.home().join("conf"));
        fs::create_dir_all(&jars)?;
        fs::create_dir_all(&conf)?;
        for jar in fs::read_to_string(project().join("build/classpaths/spark.txt"))?.lines() {
            let name = Path::new(jar).file_name().ok_or("a class path of folders")?;
            symlink(jar, jars.join(name))?;
        }
        Ok(fs::write(conf.join("log4j2.properties"), LOG4J2)?)
    }

    /// Spark's launcher turns a class and its arguments into a command, as `bin/spark-class` has it do.
    fn command(&self, class: &str, arguments: &[&str]) -> Result<Vec<String>, Failed> {
        let output = Command::new("java")
            .arg("-cp")
            .arg(self.home().join("jars/*"))
            .arg("org.apache.spark.launcher.Main")
            .arg(class)
            .args(arguments)
            .envs(self.environment())
            .output()?;
        ensure(output.status.success(), || text(&output))?;
        let printed = String::from_utf8(output.stdout)?;
        let (_, words) = printed.split_once("\0\n").ok_or("the launcher printed no command")?;
        Ok(words.split_terminator('\0').map(str::to_owned).collect())
    }

    /// The environment of the programs that are launched from now on has that as well.
    pub(crate) fn set(&mut self, name: &'static str, value: String) {
        self.environment.push((name, value));
    }

    fn environment(&self) -> Vec<(&'static str, String)> {
        let always = [
            // Marks the processes of this cluster, and is handed on to executors.
            ("FRESHET_HOME", self.home().display().to_string()),
            ("SPARK_HOME", self.home().display().to_string()),
            ("SPARK_SCALA_VERSION", "2.13".to_owned()),
            ("SPARK_LOCAL_IP", "127.0.0.1".to_owned()),
            ("SPARK_DAEMON_MEMORY", "256m".to_owned()),
        ];
        always.into_iter().chain(self.environment.iter().cloned()).collect()
    }

    /// Starts a program of Spark's.
    pub(crate) fn launch(&mut self, name: &str, class: &str, arguments: &[&str]) -> Outcome {
        let words = self.command(class, arguments)?;
        let (program, rest) = words.split_first().ok_or("an empty command")?;
        self.spawn(name, CommandLine::new(program, self.folder.path()).args(rest))
    }

    /// Starts any program as a part of the cluster.
    pub(crate) fn spawn(&mut self, name: &str, command: CommandLine) -> Outcome {
        let environment = self.environment().into_iter();
        let command = environment.fold(command, |command, (name, value)| command.env(name, value));
        let log = self.place(&format!("{name}.log"));
        let part = self.runtime.block_on(self.guards.spawn(&command, &log, GRACE))?;
        self.parts.insert(name.to_owned(), part);
        Ok(())
    }

    fn submit(&mut self, stack: &TestStack, settings: &[String]) -> Outcome {
        let kafka = format!(
            "[kafka]\nbootstrap_servers = \"{}\"\ntopic_prefix = \"cluster.\"\n",
            stack.kafka()
        );
        self.submit_job(&self.configuration(&kafka), "512m", settings)
    }

    /// Submits the job as people do: the jar, its main class and the configuration.
    pub(crate) fn submit_job(&mut self, toml: &str, memory: &str, settings: &[String]) -> Outcome {
        self.submit_with(&[], toml, memory, settings)
    }

    /// The same with more options.
    pub(crate) fn submit_with(
        &mut self,
        options: &[&str],
        toml: &str,
        memory: &str,
        settings: &[String],
    ) -> Outcome {
        let configuration = self.place("freshet.toml");
        fs::write(&configuration, toml)?;
        let (configuration, master) = (configuration.display().to_string(), self.master.clone());
        let jar = project().join("build/libs/freshet-spark-all.jar").display().to_string();
        let mut arguments =
            vec!["--master", &master, "--class", "io.freshet.spark.WindowedAverages"];
        arguments.extend(options);
        arguments.extend(["--driver-memory", memory, "--executor-memory", memory]);
        let common = ["spark.executor.cores=1", "spark.ui.enabled=false"];
        for setting in common.into_iter().chain(settings.iter().map(String::as_str)) {
            arguments.extend(["--conf", setting]);
        }
        arguments.extend([&jar, "-c", &configuration]);
        self.launch(DRIVER, "org.apache.spark.deploy.SparkSubmit", &arguments)
    }

    /// The job's, with this section about Kafka.
    pub(crate) fn configuration(&self, kafka: &str) -> String {
        format!(
            r#"
{kafka}
[spark]
trigger = "0s"
max_offsets_per_trigger = {BATCH}
checkpoint_location = "{checkpoints}"

[[stream]]
name = "known"
series = ["room", "sensor"]
time = {{ field = "at", unit = "ms" }}
values = {{ temperature = "temperature", humidity = "air.humidity" }}
windows = ["10s", "1m", "30s/10s"]
# Longer than all records together: the sender fills one partition after the other, so that one may be read far ahead
# of the other in event time, which is no fault of the cluster.
lateness = "1h"
"#,
            checkpoints = self.place("checkpoints").display(),
        )
    }

    pub(crate) fn pid(&self, name: &str) -> Result<u32, Failed> {
        Ok(self.parts.get(name).and_then(Guarded::pid).ok_or("the part has no process")?)
    }

    pub(crate) fn executors(&self) -> Vec<u32> {
        let processes = of_home(&self.home()).into_iter().map(|(pid, _)| pid);
        processes
            .filter(|pid| command_line(*pid).contains("CoarseGrainedExecutorBackend"))
            .collect()
    }

    pub(crate) fn stop(&mut self, name: &str) {
        if let Some(part) = self.parts.remove(name) {
            self.runtime.block_on(part.stop());
        }
    }

    /// Ends all processes; keeps their logs when the test has failed.
    pub(crate) fn end(mut self, outcome: Outcome) -> Outcome {
        self.stop(DRIVER);
        let others: Vec<String> = self.parts.keys().rev().cloned().collect();
        for part in &others {
            self.stop(part);
        }
        let ended = none_left(&self.home(), GRACE);
        if outcome.is_err() || ended.is_err() {
            println!("the cluster's logs are kept in {}", self.folder.keep().display());
        }
        outcome.and(ended)
    }
}

const LOG4J2: &str = "\
rootLogger.level = warn
rootLogger.appenderRef.err.ref = err
appender.err.type = Console
appender.err.name = err
appender.err.target = SYSTEM_ERR
appender.err.layout.type = PatternLayout
appender.err.layout.pattern = %d{yyyy-MM-dd HH:mm:ss.SSS} %-5p %c{1}: %m%n%ex
";

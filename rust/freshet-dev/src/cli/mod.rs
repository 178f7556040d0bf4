//! The command line.

mod infer;
mod plan;

pub use infer::InferArgs;
pub use plan::PlanArgs;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum, value_parser};
use freshet_core::record::TimeFormat;

use crate::benchmark::{Codec, Compiler, Selection};
use crate::state::Topology;
use crate::supervise::guard::{BindArgs, GuardArgs};

const EXIT_CODES: &str = "\
Exit codes:
  0  done; for `status`: everything is ready; for `up`: ready, or running already
  1  failed; for `status`: some part is not ready, does not answer, or waits; for `up`: stopped
     before it was ready, or another `up` is still starting it
  2  wrong usage or configuration
  3  not running
  4  this machine is not ready: a check before the start failed

Environment:
  FRESHET_HOME  where data, logs and run files live (default: .freshet in the project folder)
  JAVA_HOME     which JDK to use (17 or 21)";

/// Live streams into windowed averages, on Spark, with the hot path in Rust
#[derive(Debug, Parser)]
#[command(name = "freshet", bin_name = "./freshet", version, after_help = EXIT_CODES)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Check this machine, build, start everything, and wait for the first window
    Up(UpArgs),
    /// Stop everything, in order
    Down(DownArgs),
    /// Show each part: state, process, uptime, restarts, memory, address
    Status(StatusArgs),
    /// Check this machine without starting anything
    Doctor(DoctorArgs),
    /// Show the logs
    Logs(LogsArgs),
    /// Try a stream's mapping, or a source's filters, on a sample, before anything runs
    Parse(ParseArgs),
    /// Propose a stream for a sample of records: the beginning of a configuration
    Infer(InferArgs),
    /// Show the effective configuration, and where each value came from
    #[command(after_help = CONFIG_HELP)]
    Config(ConfigArgs),
    /// Say how many machines, cores, gigabytes and instances your own numbers take, and which settings
    Plan(PlanArgs),
    /// Run the tests; all parts when none is named
    Test(TestArgs),
    /// Measure the Spark job against plain Spark, or the producer
    Bench(BenchArgs),
    /// Supervise a stack in the background
    #[command(hide = true)]
    Supervise(StackArgs),
    /// Run a part, and end it when the supervisor is gone
    #[command(hide = true)]
    Guard(GuardArgs),
    /// Become a part that dies with its guard
    #[command(hide = true)]
    Bind(BindArgs),
}

/// Which stack.
#[derive(Clone, Debug, Args)]
pub struct StackArgs {
    /// Configuration of the pipeline [default: the project's freshet.toml]
    #[arg(short, long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    // Help texts name things as people write them, without backticks.
    #[allow(clippy::doc_markdown)]
    /// Run the classic topology: Kafka 3.9, coordinated by ZooKeeper
    #[arg(long)]
    pub zookeeper: bool,
    // As above.
    #[allow(clippy::doc_markdown)]
    /// Run Prometheus beside the stack, with Freshet's alerts
    #[arg(long)]
    pub observability: bool,
    /// How many brokers and how many Cassandra nodes to run; of three, one of each may be lost
    #[arg(long, value_enum, value_name = "N", default_value = "1", conflicts_with = "zookeeper")]
    pub nodes: Nodes,
}

/// How many nodes a store has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Nodes {
    /// Small, and gone when it is gone.
    #[value(name = "1")]
    One,
    /// Each keeps a copy of everything.
    #[value(name = "3")]
    Three,
}

impl StackArgs {
    /// Which services were asked for.
    pub const fn topology(&self) -> Topology {
        match (self.nodes, self.zookeeper) {
            (Nodes::Three, _) => Topology::Cluster,
            (Nodes::One, true) => Topology::Zookeeper,
            (Nodes::One, false) => Topology::Kraft,
        }
    }

    /// The options by which another process is told the same topology.
    pub const fn topology_options(&self) -> &'static [&'static str] {
        match self.topology() {
            Topology::Kraft => &[],
            Topology::Zookeeper => &["--zookeeper"],
            Topology::Cluster => &["--nodes", "3"],
        }
    }
}

/// Options of `up`.
#[derive(Debug, Args)]
pub struct UpArgs {
    /// Which stack.
    #[command(flatten)]
    pub stack: StackArgs,
    /// Return when everything is ready, and leave it running
    #[arg(long)]
    pub detach: bool,
}

/// Options of `down`.
#[derive(Debug, Args)]
pub struct DownArgs {
    /// Delete data, checkpoints and logs as well
    #[arg(long)]
    pub purge: bool,
}

/// Options of `status`.
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// Options of `doctor`.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// Which stack.
    #[command(flatten)]
    pub stack: StackArgs,
}

/// Options of `logs`.
#[derive(Debug, Args)]
pub struct LogsArgs {
    /// Keep showing what is added
    #[arg(short, long)]
    pub follow: bool,
    /// How many of the last lines of each log
    #[arg(short = 'n', long, default_value_t = 50)]
    pub lines: usize,
    /// One part only, such as kafka or spark-job
    pub component: Option<String>,
}

const CONFIG_HELP: &str = "\
A key that nobody has set, and that has no default, is not listed. A secret is shown as ***.
A value comes from the file, from a variable such as FRESHET_KAFKA__BOOTSTRAP_SERVERS, from the
file that FRESHET_KAFKA__BOOTSTRAP_SERVERS_FILE names, or is the default.

With --json each setting has key, value and source, and the source is one of
  {\"kind\":\"file\",\"path\":\"freshet.toml\",\"line\":12}
  {\"kind\":\"environment\",\"variable\":\"FRESHET_KAFKA__PARTITIONS\"}
  {\"kind\":\"environment_file\",\"variable\":\"FRESHET_DASHBOARD__TOKEN_FILE\",\"path\":\"/run/secrets/token\"}
  {\"kind\":\"default\"}

Examples:
  ./freshet config
  ./freshet config | grep -v default
  ./freshet config -c mine.toml --json

Exit codes: 0 done, 2 wrong usage or configuration";

/// Options of `config`.
#[derive(Debug, Args)]
pub struct ConfigArgs {
    /// Configuration of the pipeline [default: the project's freshet.toml]
    #[arg(short, long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

const PARSE_HELP: &str = "\
For every record one line of JSON, in the order of the records:
  {\"readings\":[{\"series\":\"hall/7\",\"metric\":\"temperature\",\"time\":1769860800000,\"value\":21.5}]}
  {\"rejected\":\"invalid_value\",\"detail\":\"'temp' is the text \\\"warm\\\" and is not a number up to 1e150\"}
`time` is in epoch milliseconds, with a fraction where there are microseconds. docs/records.md
explains the reasons. The last line sums up:
  {\"summary\":{\"records\":2,\"accepted\":1,\"rejected\":1,\"readings\":1,\"by_reason\":{\"invalid_value\":1}}}

It is the parser of the Spark job. Kafka's timestamp is now: it is the event time of a stream
that names none, and an event time too far ahead of it is rejected as in_future. An empty line
is an empty record.

With --source each line is a message as that source would send it. It goes through the filters of
the source first, `transform` and `key`, and then each record that they make of it goes through the
stream's mapping. An answer then begins with the message and what is sent to Kafka:
  {\"message\":\"line 1\",\"key\":\"7\",\"record\":\"{...}\",\"readings\":[...]}
  {\"message\":\"line 2\",\"dropped\":\"the transform makes no record of it\"}
  {\"message\":\"line 3\",\"rejected\":\"transform_failed\",\"detail\":\"transform: cannot ...\"}
and the summary counts `messages` and those `dropped` as well.

Examples:
  ./freshet parse --stream sensors sample.jsonl
  ./freshet parse --source quakes message.json --whole
  ./freshet parse -c mine.toml --stream climate --whole export.csv
  kcat -C -t raw.sensors -e | ./freshet parse --stream sensors | tail -n 1

Exit codes:
  0  all records were read, whatever became of them: the summary says it
  1  a FILE cannot be read
  2  wrong usage or configuration";

/// Options of `parse`.
#[derive(Debug, Args)]
#[command(after_help = PARSE_HELP)]
pub struct ParseArgs {
    /// Configuration of the pipeline [default: the project's freshet.toml]
    #[arg(short, long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The stream whose mapping is tried
    #[arg(
        long,
        value_name = "NAME",
        required_unless_present = "source",
        conflicts_with = "source"
    )]
    pub stream: Option<String>,
    /// The source whose filters are tried, and then the mapping of its stream
    #[arg(long, value_name = "NAME")]
    pub source: Option<String>,
    /// The topic that the records would come by: $topic of the series, or of a source's filters
    #[arg(long, value_name = "TEXT")]
    pub topic: Option<String>,
    /// Take each FILE as one record instead of each line
    #[arg(long)]
    pub whole: bool,
    /// The Kafka key of the records, where it names the series
    #[arg(long, value_name = "TEXT")]
    pub key: Option<String>,
    /// A header of the records, where one names a part of the series; may be given several times
    #[arg(long = "header", value_name = "NAME=VALUE", value_parser = read_header)]
    pub headers: Vec<(String, String)>,
    /// Kafka's timestamp of the records, epoch milliseconds or RFC 3339; -1 for none [default: now]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true, value_parser = read_timestamp)]
    pub timestamp: Option<i64>,
    /// Sample records; standard input when none is named, or for "-"
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,
}

/// Reads a header as people write it.
fn read_header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text
        .split_once('=')
        .ok_or_else(|| format!("'{text}' is no header: write NAME=VALUE, such as site=berlin"))?;
    Ok((name.to_owned(), value.to_owned()))
}

/// Reads a Kafka timestamp as people write it: epoch milliseconds, or RFC 3339.
fn read_timestamp(text: &str) -> Result<i64, String> {
    let milliseconds = text.parse().ok();
    let written = || TimeFormat::Rfc3339.read_text(text).map(|time_us| time_us.div_euclid(1_000));
    milliseconds.or_else(written).ok_or_else(|| {
        format!("'{text}' is no time: write epoch milliseconds, -1 for none, or such as 2026-01-31T12:00:00Z")
    })
}

const BENCH_HELP: &str = "\
The benchmark starts a Kafka of its own on free ports, fills one topic with JSON records of about
125 bytes, and reads it with each query in turn, again and again, in one process with two cores.
A running stack is not touched. Close other programs: what they take shows in the figures.

Cases:
  read              what reading costs: CASE/consumer by Kafka's own consumer, CASE/raw whole batches
                    that are decompressed and walked in Rust, CASE/batches the part of it that is Java
  source            plain Spark's Kafka source alone
  from_json         and plain Spark's JSON parser
  tumbling_10s      windows of 10 s: plain Spark's and the native job's
  sliding_60s_10s   windows of 60 s, one every 10 s
  sliding_60s_1s    windows of 60 s, one every second

Java's optimising compiler is at work for a minute and more: each engine is measured with it and
without it (c1), and its better figure counts.

Figures, each the median of the rounds:
  records/s                          records of the topic per second, once the query is warm
  CPU-seconds per million records    of the whole process, garbage collection included
  ratio                              how many times more records the native job reads per CPU-second

With --producer the producer is measured instead: one process per round that sends records of about
130 bytes as fast as the broker acknowledges them (acks=all), from its start to its end.

Progress goes to standard error, the result to standard output.

Examples:
  ./freshet bench                                        everything, in about half an hour
  ./freshet bench --records 600000 --rounds 1 --warm-up 0    a quick look
  ./freshet bench --only tumbling_10s,sliding_60s_1s/native
  ./freshet bench --latency --conf spark.sql.ui.explainMode=simple
  ./freshet bench --only read --codec none,gzip,snappy,lz4,zstd --records 6000000
  ./freshet bench --json > result.json
  ./freshet bench --latency                              from event to window, at 10,000 records/s
  ./freshet bench --producer --rounds 5                  from the synthetic source into Kafka

Exit codes:
  0  measured
  1  failed, or told to stop
  2  wrong usage
  4  this machine is not ready: a check before the start failed";

/// Options of `bench`.
#[derive(Debug, Args)]
#[command(after_help = BENCH_HELP)]
pub struct BenchArgs {
    /// Records in the topic, or of a round [default: 20000000, with --producer 5000000]
    #[arg(long, value_name = "N", value_parser = value_parser!(u64).range(100_000..=1_000_000_000))]
    pub records: Option<u64>,
    /// Different series among them
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = value_parser!(u32).range(1..=100_000))]
    pub series: u32,
    /// How long each query runs before the first round that counts, as a query that runs for days has run
    #[arg(long, value_name = "SECONDS", default_value_t = 20, value_parser = value_parser!(u32).range(0..=3_600))]
    pub warm_up: u32,
    /// How often each query is measured then
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = value_parser!(u32).range(1..=100))]
    pub rounds: u32,
    /// Records of a micro-batch, for plain Spark and the native job alike [default: a twelfth of the topic]
    #[arg(long, value_name = "N", value_parser = value_parser!(u64).range(10_000..=1_000_000_000))]
    pub micro_batch: Option<u64>,
    /// What the topic is compressed with; with several, every case is measured on a topic of each
    #[arg(long, value_enum, value_name = "CODEC,…", value_delimiter = ',', default_value = "lz4")]
    pub codec: Vec<Codec>,
    /// Java's compilers to try, each in a process of its own; for each engine the better one counts
    #[arg(
        long,
        value_enum,
        value_name = "COMPILER,…",
        value_delimiter = ',',
        default_value = "tiered,c1"
    )]
    pub compiler: Vec<Compiler>,
    /// A setting of Spark's, for plain Spark and the native job alike: what it is worth
    #[arg(long, value_name = "KEY=VALUE", conflicts_with = "producer")]
    pub conf: Vec<String>,
    /// Measure these cases only, with all engines where none is named
    #[arg(long, value_name = "CASE[/ENGINE],…", value_delimiter = ',')]
    pub only: Vec<Selection>,
    /// Measure how long events take into their windows, instead of how many get there
    #[arg(long, conflicts_with_all = ["records", "series", "warm_up", "rounds", "only", "micro_batch", "codec"])]
    pub latency: bool,
    /// Measure the producer instead of the Spark job
    #[arg(long, conflicts_with_all = ["latency", "warm_up", "only", "micro_batch", "codec", "compiler"])]
    pub producer: bool,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

impl BenchArgs {
    /// How many records there are.
    pub fn records(&self) -> u64 {
        self.records.unwrap_or(if self.producer { 5_000_000 } else { 20_000_000 })
    }

    /// Records of a micro-batch: what one half of the topic's does not measure warms up.
    pub fn micro_batch(&self) -> u64 {
        self.micro_batch.unwrap_or_else(|| self.records().div_ceil(12))
    }
}

/// Options of `test`.
#[derive(Debug, Args)]
pub struct TestArgs {
    /// Parts to run
    #[arg(value_enum)]
    pub parts: Vec<TestPart>,
    /// Run what takes long as well: outages of minutes, soak, full sizes
    #[arg(long)]
    pub long: bool,
}

/// A part of the tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TestPart {
    /// Formatting, lints and tests of the Rust code, and the shell scripts
    Rust,
    /// Tests of the Spark job
    Jvm,
    /// Formatting, lints and tests of the dashboard
    Node,
    /// Really started Kafka, Cassandra, Spark and dashboard
    System,
    /// Images, compose, Kubernetes, Prometheus, and clusters that lose a part
    Deploy,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn another_process_is_told_the_topology_that_was_asked_for() {
        for asked in [&[][..], &["--zookeeper"], &["--nodes", "3"]] {
            let line = [&["freshet", "supervise"][..], asked].concat();
            let Command::Supervise(stack) = Cli::try_parse_from(line).unwrap().command else {
                panic!("another command")
            };
            assert_eq!(stack.topology_options(), asked);
        }
        assert!(Cli::try_parse_from(["freshet", "up", "--nodes", "2"]).is_err());
        assert!(Cli::try_parse_from(["freshet", "up", "--nodes", "3", "--zookeeper"]).is_err());
    }

    #[test]
    fn a_guarded_command_keeps_its_own_options() {
        let line = ["freshet", "bind", "--guard", "7", "--", "java", "-Xmx1g", "--", "x"];
        assert!(Cli::try_parse_from(line).is_ok());
        assert!(Cli::try_parse_from(["freshet", "bind", "--guard", "7"]).is_err());
    }
}

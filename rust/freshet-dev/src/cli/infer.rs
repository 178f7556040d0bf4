//! The command line of `infer`.

use std::path::PathBuf;

use clap::{Args, value_parser};

const INFER_HELP: &str = "\
Prints a complete configuration file with one [[stream]] table, and nothing else, to standard output:
format, rows, time, series, metrics and what stands for no value, with a comment on each guess and on
what share of the sample it takes, which the parser of the Spark job has said. What could not be
guessed, and what to do about it, goes to standard error.

A FILE has one record in each line; a table with a header, and a JSON document over several lines, are
one record. From a topic come the newest records, as their consumers see them.

Examples:
  ./freshet infer sample.jsonl > sample.toml
  ./freshet parse -c sample.toml --stream sample sample.jsonl
  curl -s https://example.org/readings.csv | ./freshet infer --name readings - > readings.toml
  ./freshet infer --topic raw.sensors --records 200
  ./freshet infer -c production.toml --topic plant.metrics --name plant

Exit codes:
  0  a stream was proposed
  1  FILE or topic cannot be read, or nothing in it could be a metric
  2  wrong usage or configuration";

/// Options of `infer`.
#[derive(Debug, Args)]
#[command(after_help = INFER_HELP)]
pub struct InferArgs {
    /// The sample; standard input for "-"
    #[arg(value_name = "FILE", required_unless_present = "topic", conflicts_with = "topic")]
    pub file: Option<PathBuf>,
    /// A topic whose newest records are the sample
    #[arg(long, value_name = "TOPIC")]
    pub topic: Option<String>,
    /// Configuration that says where Kafka is, for a topic [default: the project's freshet.toml]
    #[arg(short, long, value_name = "FILE", requires = "topic")]
    pub config: Option<PathBuf>,
    /// What the stream is called [default: as the file, or as the topic without "raw."]
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// How many records are looked at
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = value_parser!(u32).range(1..=100_000))]
    pub records: u32,
}

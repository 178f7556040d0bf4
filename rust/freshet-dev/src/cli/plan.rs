//! The command line of `plan`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use freshet_core::duration;
use freshet_core::window::WindowSpec;

const PLAN_HELP: &str = "\
Nothing is started or measured: it is a sum of the figures that docs/performance.md prints and of
your own numbers, one stream at a time. What you do not say is taken from freshet.toml. Numbers may
have a k, M or G behind them (thousand, million, a thousand million).

docs/scaling.md goes through three such sums step by step.

Examples:
  ./freshet plan --rate 10k --series 1000
  ./freshet plan --rate 1M --series 100k --windows 10s,1m,5m/1m --metrics 3 --replication 3
  ./freshet plan -c mine.toml --stream climate --rate 500 --series 2000 --retention 365d
  ./freshet plan --rate 100M --series 10M --trigger 10s --raw-retention 6h --json > plan.json

Exit codes: 0 done, 2 wrong usage or configuration, or numbers that make no sense";

/// Options of `plan`.
#[derive(Debug, Args)]
#[command(after_help = PLAN_HELP)]
pub struct PlanArgs {
    /// Records per second, all sources of the stream together, on average
    #[arg(long, value_name = "RECORDS/S", value_parser = read_number)]
    pub rate: f64,
    /// How many different series there are
    #[arg(long, value_name = "N", value_parser = read_number)]
    pub series: f64,
    /// Bytes of a record, without its key
    #[arg(long, value_name = "BYTES", default_value = "125", value_parser = read_number)]
    pub record_bytes: f64,
    /// Configuration of the pipeline [default: the project's freshet.toml]
    #[arg(short, long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The stream that gives windows, lateness and metrics [default: the first]
    #[arg(long, value_name = "NAME")]
    pub stream: Option<String>,
    /// Metrics in each record [default: those of the stream]
    #[arg(long, value_name = "N")]
    pub metrics: Option<u32>,
    /// Kinds of windows, such as 10s,5m/1m [default: those of the stream]
    #[arg(long, value_name = "WINDOW,…", value_delimiter = ',')]
    pub windows: Option<Vec<WindowSpec>>,
    /// How long a window waits for stragglers [default: stream.lateness]
    #[arg(long, value_name = "TIME", value_parser = duration::parse)]
    pub lateness: Option<Duration>,
    /// Time between micro-batches [default: spark.trigger]
    #[arg(long, value_name = "TIME", value_parser = duration::parse)]
    pub trigger: Option<Duration>,
    /// How long Kafka keeps the records
    #[arg(long, value_name = "TIME", default_value = "7d", value_parser = duration::parse)]
    pub raw_retention: Duration,
    /// How long Cassandra keeps the windows [default: cassandra.ttl]
    #[arg(long, value_name = "TIME", value_parser = duration::parse)]
    pub retention: Option<Duration>,
    /// Replicas in Kafka and in Cassandra [default: those of the configuration]
    #[arg(long, value_name = "N")]
    pub replication: Option<u32>,
    /// How many times the average load has to fit: peaks, and catching up after an outage
    #[arg(long, value_name = "TIMES", default_value = "2", value_parser = read_number)]
    pub safety_factor: f64,
    /// Where Spark keeps open windows: on the heap or on disk [default: that of the configuration]
    #[arg(long, value_name = "STORE", value_parser = ["memory", "rocksdb"])]
    pub state_store: Option<String>,
    /// Cores of each executor
    #[arg(long, value_name = "N", default_value_t = 4)]
    pub executor_cores: u32,
    /// Cores of each machine of Kafka and Cassandra
    #[arg(long, value_name = "N", default_value_t = 8)]
    pub node_cores: u32,
    /// Gigabytes (10^9 bytes) of the disks of each machine of Kafka and Cassandra
    #[arg(long, value_name = "GB", default_value = "2000", value_parser = read_number)]
    pub node_disk: f64,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// Reads a number as people write it: `2500`, `10k`, `1.5M`, `2G`.
fn read_number(text: &str) -> Result<f64, String> {
    const UNITS: [(char, f64); 3] = [('k', 1e3), ('M', 1e6), ('G', 1e9)];
    let unit = UNITS.iter().find(|(unit, _)| text.ends_with(*unit));
    let (digits, times) =
        unit.map_or((text, 1.0), |(unit, times)| (&text[..text.len() - unit.len_utf8()], *times));
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    match digits.parse::<f64>() {
        Ok(number) if is_number => Ok(number * times),
        _ => Err(format!("'{text}' is no number: write such as 2500, 10k, 1.5M or 2G")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_people_write_them() {
        let numbers = ["2500", "10k", "1.5M", "2G", "0.5"].map(read_number);
        assert_eq!(numbers, [2_500.0, 1e4, 1.5e6, 2e9, 0.5].map(Ok));
        for text in ["", "k", "-1", "1e9", "inf", "NaN", "1kk", "10 k", "1,000"] {
            assert!(read_number(text).unwrap_err().contains(text), "{text}");
        }
    }
}

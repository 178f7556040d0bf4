//! What a plan is asked for: the user's own numbers.

use std::time::Duration;

use freshet_core::config::StateStore;
use freshet_core::record::MAX_RECORD_BYTES;
use freshet_core::window::WindowSpec;
use serde::{Serialize, Serializer};
use thiserror::Error;

use super::replication;
use super::whole::whole;

/// The numbers of one stream, and of the machines that it is to run on.
#[derive(Clone, Debug, Serialize)]
pub struct Demand {
    /// Records per second, all sources together.
    pub rate: f64,
    /// Bytes of a record's value.
    pub record_bytes: f64,
    /// Different series: a whole number.
    #[serde(serialize_with = "whole")]
    pub series: f64,
    /// Metrics in each record.
    pub metrics: u32,
    /// The kinds of windows.
    #[serde(serialize_with = "as_texts")]
    pub windows: Vec<WindowSpec>,
    /// How long a window waits for stragglers.
    #[serde(serialize_with = "as_seconds")]
    pub lateness: Duration,
    /// Time between micro-batches.
    #[serde(serialize_with = "as_seconds")]
    pub trigger: Duration,
    /// How long Kafka keeps the records.
    #[serde(serialize_with = "as_seconds")]
    pub raw_retention: Duration,
    /// How long Cassandra keeps the windows.
    #[serde(serialize_with = "as_seconds")]
    pub retention: Duration,
    /// Replicas of each topic.
    pub kafka_replication: u32,
    /// Replicas of each row, in all datacenters together.
    pub cassandra_replication: u32,
    /// Where they are: the keyspace's replication, a CQL map.
    pub cassandra_replication_map: String,
    /// The datacenter whose nodes are asked.
    pub datacenter: String,
    /// How many times the load must fit: peaks, and catching up after an outage.
    pub safety_factor: f64,
    /// Where Spark keeps the windows that are open.
    pub state_store: StateStore,
    /// Cores of one executor.
    pub executor_cores: u32,
    /// Cores of one machine of Kafka or Cassandra.
    pub node_cores: u32,
    /// Bytes of the disks of one such machine.
    #[serde(serialize_with = "whole")]
    pub node_disk: f64,
}

/// A number that makes no sense, with the flag that it was given by.
#[derive(Debug, PartialEq, Eq, Error)]
#[error("{flag}: {message}")]
pub struct Nonsense {
    /// The flag, such as `--rate`.
    pub flag: &'static str,
    /// What is wrong, and what would be right.
    pub message: String,
}

fn nonsense<T>(flag: &'static str, message: impl Into<String>) -> Result<T, Nonsense> {
    Err(Nonsense { flag, message: message.into() })
}

impl Demand {
    /// Refuses what no pipeline can have.
    ///
    /// # Errors
    /// The first number that makes no sense, with its flag.
    pub fn check(&self) -> Result<(), Nonsense> {
        let bounds = [
            ("--rate", self.rate, 1e-3, 1e12, "records per second"),
            ("--record-bytes", self.record_bytes, 1.0, MAX_RECORD_BYTES as f64, "bytes"),
            ("--series", self.series, 1.0, 1e12, "series"),
            ("--metrics", f64::from(self.metrics), 1.0, 10_000.0, "metrics"),
            ("--replication", f64::from(self.kafka_replication), 1.0, 100.0, "replicas"),
            ("--replication", f64::from(self.cassandra_replication), 1.0, 100.0, "replicas"),
            ("--safety-factor", self.safety_factor, 1.0, 100.0, "times the load"),
            ("--executor-cores", f64::from(self.executor_cores), 1.0, 256.0, "cores"),
            ("--node-cores", f64::from(self.node_cores), 1.0, 1_024.0, "cores"),
            ("--node-disk", self.node_disk, 1e9, 1e15, "bytes"),
        ];
        for (flag, value, least, most, unit) in bounds {
            if !(least..=most).contains(&value) {
                return nonsense(flag, format!("{value} is not between {least} and {most} {unit}"));
            }
        }
        if self.series.fract() != 0.0 {
            return nonsense("--series", format!("{} is no whole number of series", self.series));
        }
        self.check_windows()?;
        self.check_times()
    }

    fn check_windows(&self) -> Result<(), Nonsense> {
        if self.windows.is_empty() {
            return nonsense("--windows", "name at least one kind of window, such as '10s'");
        }
        for (index, window) in self.windows.iter().enumerate() {
            if self.windows[..index].contains(window) {
                return nonsense("--windows", format!("'{window}' is named twice"));
            }
        }
        Ok(())
    }

    fn check_times(&self) -> Result<(), Nonsense> {
        const DAY: Duration = Duration::from_hours(24);
        const LONGEST: Duration = Duration::from_hours(24 * 7_300);
        if self.trigger > DAY {
            return nonsense("--trigger", "micro-batches are at most 24h apart");
        }
        if self.lateness > 366 * DAY {
            return nonsense("--lateness", "windows wait for at most 366d");
        }
        for (flag, time) in
            [("--raw-retention", self.raw_retention), ("--retention", self.retention)]
        {
            if time.is_zero() {
                return nonsense(
                    flag,
                    "for ever needs a disk without end: say for how long, such as 30d",
                );
            }
            if time > LONGEST {
                return nonsense(flag, "at most 7300d, which are twenty years");
            }
        }
        if self.raw_retention < self.trigger {
            return nonsense(
                "--raw-retention",
                "records would be deleted before the micro-batch that reads them: longer than --trigger",
            );
        }
        if self.series > self.rate * self.retention.as_secs_f64() {
            return nonsense(
                "--series",
                "so many series would send less than one record each within --retention at this --rate",
            );
        }
        Ok(())
    }

    /// Replicas of each row in the datacenter whose nodes are asked.
    pub(super) fn local_replicas(&self) -> u32 {
        replication::replicas_in(&self.cassandra_replication_map, &self.datacenter)
    }

    /// What passes between two micro-batches: a trigger that is shorter than one of them waits for it.
    pub(super) fn batch_seconds(&self) -> f64 {
        self.trigger.as_secs_f64().max(super::figures::MICRO_BATCH_SECONDS)
    }
}

fn as_texts<S: Serializer>(windows: &[WindowSpec], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(windows.iter().map(ToString::to_string))
}

fn as_seconds<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(duration.as_secs_f64())
}

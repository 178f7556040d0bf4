//! This machine's own load.

use std::collections::HashSet;
use std::path::Path;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use freshet_core::record::encode_series;
use freshet_runtime::clock::{epoch_ms, host_name};
use serde::Serialize;
use sysinfo::{Disk, DiskRefreshKind, Disks, Networks, System};
use tokio::time::Interval;

use super::{EVERY, SourceKind, schedule};
use crate::source::{Batch, Context, Cursor, Message, Open, Opened, Resume, Source, SourceError};

/// The kind `host`.
pub(super) const KIND: SourceKind = SourceKind {
    name: "host",
    meaning: "this machine's own load",
    keys: &[EVERY],
    read: |section| Ok(Box::new(Settings { every: section.positive_duration("every")? })),
};

#[derive(Debug)]
struct Settings {
    /// Time between two samples.
    every: Duration,
}

#[async_trait]
impl Open for Settings {
    fn resume(&self) -> Resume {
        Resume::None
    }

    fn can_wait(&self) -> bool {
        true
    }

    async fn check(&self, _: &Context) -> Result<(), SourceError> {
        Sampler::new().map(drop)
    }

    fn open(&self, _: Context, _: Option<&Cursor>) -> Result<Opened, SourceError> {
        Ok(Opened::new(Host { ticks: schedule(self.every), sampler: Sampler::new()? }))
    }
}

/// Why this machine cannot be sampled.
fn unreadable(error: &sysinfo::Error) -> SourceError {
    SourceError::transient(format!("cannot read this machine's load: {error}"))
}

/// Samples the machine once per tick: one record per resource.
struct Host {
    ticks: Interval,
    sampler: Sampler,
}

#[async_trait]
impl Source for Host {
    async fn next(&mut self) -> Result<Option<Batch>, SourceError> {
        self.ticks.tick().await;
        // A file system that does not answer must not hold up the other sources.
        let messages = tokio::task::block_in_place(|| self.sampler.sample())?;
        Ok(Some(Batch { messages, ..Batch::default() }))
    }
}

/// One reading of one resource, as it is sent.
#[derive(Debug, PartialEq, Serialize)]
struct Reading<'a> {
    time: i64,
    host: &'a str,
    resource: &'static str,
    #[serde(flatten)]
    values: Values,
}

/// What is measured of a resource.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(untagged)]
enum Values {
    /// Percent of what there is.
    Share { usage: f64 },
    /// Bytes per second.
    Network { received: f64, sent: f64 },
    /// Bytes per second.
    DiskIo { read: f64, written: f64 },
}

struct Sampler {
    host: String,
    cores: f64,
    system: System,
    disks: Disks,
    networks: Networks,
    last: Instant,
    is_first: bool,
}

impl Sampler {
    /// Takes the counters' first values, which the first sample's rates are counted from.
    fn new() -> Result<Self, SourceError> {
        let mut system = System::new().map_err(|error| unreadable(&error))?;
        system.refresh_cpu_usage();
        Ok(Self {
            host: host_name(),
            cores: std::thread::available_parallelism().map_or(1.0, |cores| cores.get() as f64),
            system,
            disks: Disks::new_with_refreshed_list_specifics(what_of_disks())
                .map_err(|error| unreadable(&error))?,
            networks: Networks::new_with_refreshed_list().map_err(|error| unreadable(&error))?,
            last: Instant::now(),
            is_first: true,
        })
    }

    fn sample(&mut self) -> Result<Vec<Message>, SourceError> {
        self.system.refresh_cpu_usage();
        self.system.refresh_memory();
        self.disks.refresh_specifics(true, what_of_disks());
        self.networks.refresh(true);
        let now = Instant::now();
        let seconds = now.duration_since(self.last).as_secs_f64();
        self.last = now;
        let mut readings = self.shares();
        // The first tick follows the opening at once: too short a time to count a rate over.
        if !std::mem::take(&mut self.is_first) {
            readings.push(("cpu", share(f64::from(self.system.global_cpu_usage()))));
            readings.push(("network", self.network(seconds)));
            readings.extend(self.disk_io(seconds).map(|io| ("disk-io", io)));
        }
        self.messages(epoch_ms(), readings)
    }

    fn messages(
        &self,
        time: i64,
        readings: Vec<(&'static str, Values)>,
    ) -> Result<Vec<Message>, SourceError> {
        readings
            .into_iter()
            .map(|(resource, values)| {
                message(&Reading { time, host: &self.host, resource, values })
            })
            .collect()
    }

    fn shares(&self) -> Vec<(&'static str, Values)> {
        let system = &self.system;
        let mut shares = Vec::new();
        let memory = percent(system.used_memory(), system.total_memory());
        shares.extend(memory.map(|usage| ("memory", share(usage))));
        let swap = percent(system.used_swap(), system.total_swap());
        shares.extend(swap.map(|usage| ("swap", share(usage))));
        let disk = self.disks.iter().find(|disk| disk.mount_point() == Path::new("/"));
        shares.extend(disk.and_then(used).map(|usage| ("disk", share(usage))));
        if let Ok(load) = System::load_average() {
            shares.push(("load", share(load.one / self.cores * 100.0)));
        }
        shares
    }

    fn network(&self, seconds: f64) -> Values {
        // What a machine sends to itself is no traffic.
        let links = || self.networks.iter().filter(|(name, _)| *name != "lo");
        Values::Network {
            received: rate(links().map(|(_, link)| link.received()).sum(), seconds),
            sent: rate(links().map(|(_, link)| link.transmitted()).sum(), seconds),
        }
    }

    /// `None` where the system keeps no such counters.
    fn disk_io(&self, seconds: f64) -> Option<Values> {
        let mut devices = HashSet::new();
        let (mut read, mut written, mut ever) = (0, 0, 0);
        // A device that is mounted twice is listed twice.
        for disk in self.disks.iter().filter(|disk| devices.insert(disk.name())) {
            let usage = disk.usage();
            read += usage.read_bytes;
            written += usage.written_bytes;
            ever += usage.total_read_bytes + usage.total_written_bytes;
        }
        (ever > 0)
            .then(|| Values::DiskIo { read: rate(read, seconds), written: rate(written, seconds) })
    }
}

fn what_of_disks() -> DiskRefreshKind {
    DiskRefreshKind::nothing().with_storage().with_io_usage()
}

fn message(reading: &Reading<'_>) -> Result<Message, SourceError> {
    Message::json(Some(encode_series([reading.host, reading.resource])), reading)
}

/// A percentage with two digits: more are noise.
fn share(usage: f64) -> Values {
    Values::Share { usage: (usage * 100.0).round() / 100.0 }
}

/// Whole bytes per second.
fn rate(bytes: u64, seconds: f64) -> f64 {
    (bytes as f64 / seconds).round()
}

fn used(disk: &Disk) -> Option<f64> {
    let total = disk.total_space();
    percent(total.saturating_sub(disk.available_space()), total)
}

fn percent(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64 * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn json_of(resource: &'static str, values: Values) -> serde_json::Value {
        let reading = Reading { time: 1_700_000_000_000, host: "laptop", resource, values };
        serde_json::from_slice(&message(&reading).unwrap().payload).unwrap()
    }

    #[test]
    fn a_share_is_sent_as_usage_in_percent() {
        assert_eq!(
            json_of("cpu", share(12.345)),
            json!({"time": 1_700_000_000_000_i64, "host": "laptop", "resource": "cpu", "usage": 12.35}),
        );
    }

    #[test]
    fn traffic_is_sent_as_bytes_per_second() {
        assert_eq!(
            json_of("network", Values::Network { received: 1000.0, sent: 20.5 }),
            json!({
                "time": 1_700_000_000_000_i64, "host": "laptop", "resource": "network",
                "received": 1000.0, "sent": 20.5,
            }),
        );
    }

    #[test]
    fn the_key_is_the_series_id() {
        let values = share(1.0);
        let reading = Reading { time: 0, host: "rack/1", resource: "cpu", values };
        assert_eq!(message(&reading).unwrap().key.as_deref(), Some("rack%2F1/cpu"));
    }

    #[test]
    fn a_machine_without_swap_has_no_share_of_it() {
        assert_eq!(percent(0, 0), None);
        assert_eq!(percent(1, 4), Some(25.0));
    }

    #[test]
    fn this_machine_can_be_sampled() {
        let mut sampler = Sampler::new().unwrap();
        let first = sampler.sample().unwrap();
        std::thread::sleep(sysinfo::MINIMUM_CPU_UPDATE_INTERVAL);
        let second = sampler.sample().unwrap();
        assert!(second.len() > first.len());
        for message in second {
            let reading: serde_json::Value = serde_json::from_slice(&message.payload).unwrap();
            let key = message.key.unwrap();
            assert!(key.ends_with(&format!("/{}", reading["resource"].as_str().unwrap())), "{key}");
            if let Some(usage) = reading.get("usage") {
                assert!(usage.as_f64().unwrap() >= 0.0, "{reading}");
            }
        }
    }
}

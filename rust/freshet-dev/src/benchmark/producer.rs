//! What the producer needs to send records.

use std::fmt;

use serde::Serialize;

use super::report::median;
use crate::display::{Table, grouped};

const MIB: f64 = 1_048_576.0;

/// What a process has used of the machine.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Usage {
    /// Time on the processors.
    pub cpu_seconds: f64,
    /// What it held in memory at most.
    pub peak_memory_bytes: u64,
}

impl Usage {
    /// Of a process that runs; `None` where the system does not say, or when the process has ended.
    #[cfg(target_os = "linux")]
    pub fn of(process: u32) -> Option<Self> {
        let process = procfs::process::Process::new(process.try_into().ok()?).ok()?;
        let stat = process.stat().ok()?;
        // A process that has ended has no memory left.
        let peak_memory_bytes = process.status().ok()?.vmhwm? * 1_024;
        let ticks = (stat.utime + stat.stime) as f64;
        Some(Self { cpu_seconds: ticks / procfs::ticks_per_second() as f64, peak_memory_bytes })
    }

    /// Of a process that runs; `None` where the system does not say, or when the process has ended.
    #[cfg(not(target_os = "linux"))]
    pub fn of(_: u32) -> Option<Self> {
        None
    }
}

/// One run of the producer, from its start to its end.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ProducerRun {
    /// How many it has sent; Kafka has acknowledged all of them.
    pub records: u64,
    /// How long that took.
    pub seconds: f64,
    /// What it used for it.
    pub usage: Usage,
}

impl ProducerRun {
    /// Records that Kafka has acknowledged per second.
    pub fn records_per_second(&self) -> f64 {
        self.records as f64 / self.seconds
    }

    /// CPU-seconds of the producer per million records.
    pub fn cpu_seconds_per_million(&self) -> f64 {
        self.usage.cpu_seconds / self.records as f64 * 1e6
    }
}

/// The figures of the producer: medians of the rounds; serialised they are what `--json` prints.
#[derive(Debug, PartialEq, Serialize)]
pub struct ProducerReport {
    /// Records of each round.
    pub records: u64,
    /// How many rounds there were.
    pub rounds: usize,
    /// Records that Kafka has acknowledged per second.
    pub records_per_second: f64,
    /// CPU-seconds of the producer per million records; those of the broker are not among them.
    pub cpu_seconds_per_million: f64,
    /// What the producer held in memory at most.
    pub peak_memory_bytes: f64,
}

impl ProducerReport {
    /// Sums up the rounds that count; `None` when there are none.
    pub fn new(runs: &[ProducerRun]) -> Option<Self> {
        let median_of = |figure: fn(&ProducerRun) -> f64| median(runs.iter().map(figure).collect());
        Some(Self {
            records: runs.first()?.records,
            rounds: runs.len(),
            records_per_second: median_of(ProducerRun::records_per_second)?,
            cpu_seconds_per_million: median_of(ProducerRun::cpu_seconds_per_million)?,
            peak_memory_bytes: median_of(|run| run.usage.peak_memory_bytes as f64)?,
        })
    }
}

impl fmt::Display for ProducerReport {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = Table::default();
        table.row(["records/s", "CPU-s per million records", "peak memory in MiB"]);
        table.row([
            format!("{:>9}", grouped(self.records_per_second)),
            format!("{:>25.3}", self.cpu_seconds_per_million),
            format!("{:>18.1}", self.peak_memory_bytes / MIB),
        ]);
        let (records, rounds) = (grouped(self.records as f64), self.rounds);
        let note = "CPU-seconds and memory are those of the producer, without the broker's.";
        write!(
            formatter,
            "{table}\n\nmedians of {rounds} rounds of {records} records, acks=all\n{note}"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(seconds: f64, cpu_seconds: f64, mebibytes: u64) -> ProducerRun {
        let usage = Usage { cpu_seconds, peak_memory_bytes: mebibytes << 20 };
        ProducerRun { records: 2_000_000, seconds, usage }
    }

    #[test]
    fn figures_are_medians_of_the_rounds() {
        let report =
            ProducerReport::new(&[run(8.0, 3.0, 60), run(4.0, 9.0, 50), run(5.0, 4.0, 90)]);
        let report = report.unwrap();
        assert_eq!(report.records_per_second, 400_000.0);
        assert_eq!(report.cpu_seconds_per_million, 2.0);
        assert_eq!(report.peak_memory_bytes, 60.0 * MIB);
        assert_eq!(ProducerReport::new(&[]), None);
    }

    #[test]
    fn people_see_a_table_and_programs_one_object() {
        let report = ProducerReport::new(&[run(8.0, 3.0, 60)]).unwrap();
        let text = report.to_string();
        assert!(
            text.contains("  250,000                      1.500                60.0"),
            "{text}"
        );
        assert!(text.contains("medians of 1 rounds of 2,000,000 records"), "{text}");
        let json = serde_json::to_value(&report).unwrap();
        assert_eq!(json["records_per_second"], 250_000.0);
        assert_eq!(json["peak_memory_bytes"], 60.0 * MIB);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn what_a_process_uses_is_seen_while_it_runs() {
        let usage = Usage::of(std::process::id()).unwrap();
        assert!(usage.peak_memory_bytes > 1 << 20, "{usage:?}");
        // No process has this id.
        assert_eq!(Usage::of(u32::MAX), None);
    }
}

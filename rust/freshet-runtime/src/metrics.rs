//! What every program says of itself at `/metrics`, and how numbers that are counted elsewhere get there.
//!
//! Names follow Prometheus' conventions: `freshet_<program>_<what>_<unit>`, with `_total` for what only grows, in
//! seconds and bytes. A number that is not known has no sample: it is not zero.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use freshet_core::wire::State;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::{Registry, Unit};
use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System};

use crate::Health;

/// What of a metric each sample is about: names and values.
pub type Labels = Vec<(&'static str, String)>;

/// A metric: its name without prefix, unit and `_total`, and what it says.
#[derive(Debug, Clone, Copy)]
pub struct Metric<'a> {
    /// Such as `records`.
    pub name: &'a str,
    /// A sentence without its full stop.
    pub help: &'a str,
    /// In the name, too.
    pub unit: Option<&'a Unit>,
}

impl<'a> Metric<'a> {
    /// A metric without a unit.
    pub const fn new(name: &'a str, help: &'a str) -> Self {
        Self { name, help, unit: None }
    }

    /// A metric in bytes.
    pub const fn bytes(name: &'a str, help: &'a str) -> Self {
        Self { name, help, unit: Some(&Unit::Bytes) }
    }

    /// A metric in seconds.
    pub const fn seconds(name: &'a str, help: &'a str) -> Self {
        Self { name, help, unit: Some(&Unit::Seconds) }
    }
}

/// Writes what was counted elsewhere as a counter.
///
/// # Errors
///
/// When the text cannot be written.
pub fn counters(
    encoder: &mut DescriptorEncoder<'_>,
    metric: Metric<'_>,
    samples: impl IntoIterator<Item = (Labels, u64)>,
) -> fmt::Result {
    let Metric { name, help, unit } = metric;
    let help = format!("{help}.");
    let mut encoder = encoder.encode_descriptor(name, &help, unit, MetricType::Counter)?;
    for (labels, value) in samples {
        encoder.encode_family(&labels)?.encode_counter::<NoLabelSet, _, u64>(&value, None)?;
    }
    Ok(())
}

/// Writes what is known elsewhere as a gauge.
///
/// # Errors
///
/// When the text cannot be written.
pub fn gauges(
    encoder: &mut DescriptorEncoder<'_>,
    metric: Metric<'_>,
    samples: impl IntoIterator<Item = (Labels, f64)>,
) -> fmt::Result {
    let Metric { name, help, unit } = metric;
    let help = format!("{help}.");
    let mut encoder = encoder.encode_descriptor(name, &help, unit, MetricType::Gauge)?;
    for (labels, value) in samples {
        encoder.encode_family(&labels)?.encode_gauge(&value)?;
    }
    Ok(())
}

/// Seconds since the epoch, as Prometheus has times.
pub fn timestamp(epoch_ms: i64) -> f64 {
    epoch_ms as f64 / 1_000.0
}

/// The metrics of a program: of its process, and under `freshet_<program>` of its health. What else it has, it adds to
/// the registry that `own` is given, which has the same prefix.
pub fn registry(program: &str, health: &Arc<Health>, own: impl FnOnce(&mut Registry)) -> Registry {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(ProcessMetrics::new(Arc::clone(health))));
    let of_program = registry.sub_registry_with_prefix(format!("freshet_{program}"));
    of_program.register_collector(Box::new(HealthMetrics(Arc::clone(health))));
    own(of_program);
    registry
}

/// What Prometheus' clients say of any process.
struct ProcessMetrics {
    health: Arc<Health>,
    system: Mutex<Option<System>>,
}

impl fmt::Debug for ProcessMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ProcessMetrics")
    }
}

impl ProcessMetrics {
    fn new(health: Arc<Health>) -> Self {
        Self { health, system: Mutex::new(System::new().ok()) }
    }

    /// Bytes; `None` where the system does not tell.
    fn resident_memory(&self) -> Option<u64> {
        let mut system = self.system.lock().unwrap_or_else(PoisonError::into_inner);
        let system = system.as_mut()?;
        let own = Pid::from_u32(std::process::id());
        system.refresh_processes_specifics(
            ProcessesToUpdate::Some(&[own]),
            true,
            ProcessRefreshKind::nothing().with_memory(),
        );
        system.process(own).map(sysinfo::Process::memory)
    }
}

impl Collector for ProcessMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let since = timestamp(self.health.since());
        let started =
            Metric::seconds("process_start_time", "When the process started, since the epoch");
        gauges(&mut encoder, started, [(Labels::new(), since)])?;
        if let Some(bytes) = self.resident_memory() {
            let memory = Metric::bytes("process_resident_memory", "Memory that the process holds");
            gauges(&mut encoder, memory, [(Labels::new(), bytes as f64)])?;
        }
        let version = vec![("version", env!("CARGO_PKG_VERSION").to_owned())];
        let build = Metric::new("freshet_build_info", "Which build this is; always 1");
        gauges(&mut encoder, build, [(version, 1.0)])
    }
}

/// What the health reports say, too.
#[derive(Debug)]
struct HealthMetrics(Arc<Health>);

impl Collector for HealthMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let report = self.0.report();
        let errors = report.errors.unwrap_or_default().into_iter();
        counters(
            &mut encoder,
            Metric::new("errors", "Errors by kind, as docs/topics.md lists them"),
            errors.map(|(kind, count)| (vec![("kind", kind)], count)),
        )?;
        let states = State::ALL.iter().map(|one| {
            (vec![("state", one.name().to_owned())], f64::from(report.state == Some(*one)))
        });
        let state =
            Metric::new("state", "What the program is doing: 1 for its state, 0 for the others");
        gauges(&mut encoder, state, states.filter(|_| report.state.is_some()))?;
        let waits = self.0.waits();
        counters(
            &mut encoder,
            Metric::new("waits", "How often something outside was waited for"),
            waits.iter().map(|wait| (vec![("for", wait.about.clone())], wait.times)),
        )?;
        gauges(
            &mut encoder,
            Metric::new("waiting", "Whether something outside is waited for now"),
            waits
                .iter()
                .map(|wait| (vec![("for", wait.about.clone())], f64::from(wait.is_waiting))),
        )?;
        gauges(
            &mut encoder,
            Metric::seconds(
                "last_error_timestamp",
                "When the last error happened, since the epoch",
            ),
            report.last_error_time.map(|time| (Labels::new(), timestamp(time))),
        )
    }
}

#[cfg(test)]
mod tests {
    use freshet_core::wire::{Component, ErrorKind};

    use super::*;
    use crate::exposition;

    #[test]
    fn a_program_tells_what_its_health_reports_tell() {
        let health = Arc::new(Health::new(Component::CassandraWriter));
        health.set_state(State::Running);
        health.failed(ErrorKind::Cassandra, "no node answers");
        health.wait_for("cassandra", "Cassandra: no node answers");
        let text = exposition::text(&registry("writer", &health, |_| ()));
        let samples = exposition::check(&text).unwrap();
        let value = |sample: &str| samples.get(sample).copied();
        assert_eq!(value(r#"freshet_writer_errors_total{kind="cassandra"}"#), Some(1.0), "{text}");
        assert_eq!(value(r#"freshet_writer_state{state="waiting"}"#), Some(1.0));
        assert_eq!(value(r#"freshet_writer_state{state="running"}"#), Some(0.0));
        assert_eq!(value(r#"freshet_writer_waiting{for="cassandra"}"#), Some(1.0));
        assert_eq!(value(r#"freshet_writer_waits_total{for="cassandra"}"#), Some(1.0));
        assert_eq!(value(r#"freshet_build_info{version="0.1.0"}"#), Some(1.0));
        assert!(value("process_resident_memory_bytes").unwrap() > 1e6);
        let started = value("process_start_time_seconds").unwrap();
        assert!((started - timestamp(crate::clock::epoch_ms())).abs() < 60.0);
        assert!(!text.contains("no node answers"), "{text}");
    }

    #[test]
    fn what_is_not_known_has_no_sample() {
        let health = Arc::new(Health::new(Component::Producer));
        let text = exposition::text(&registry("producer", &health, |_| ()));
        let samples = exposition::check(&text).unwrap();
        assert!(samples.keys().all(|sample| !sample.starts_with("freshet_producer")), "{text}");
    }
}

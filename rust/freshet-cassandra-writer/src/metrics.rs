//! The writer's own metrics.

use std::fmt;
use std::sync::Arc;

use freshet_core::wire::ErrorKind;
use freshet_runtime::Health;
use freshet_runtime::metrics::{Labels, Metric, counters, gauges};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;

/// What the writer counts in its health.
#[derive(Debug)]
pub(crate) struct WriterMetrics(pub(crate) Arc<Health>);

impl Collector for WriterMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let report = self.0.report();
        let unwritable = ErrorKind::Unwritable.name();
        let dead_letters =
            report.errors.map(|errors| errors.get(unwritable).copied().unwrap_or_default());
        for (metric, value) in [
            (Metric::new("records", "Window messages that were received"), Some(report.records_in)),
            (
                Metric::bytes("received", "Bytes of the window messages that were received"),
                Some(report.bytes_in),
            ),
            (
                Metric::new("windows_written", "Rows of windows that Cassandra has confirmed"),
                Some(report.records_out),
            ),
            (
                Metric::bytes(
                    "written",
                    "Bytes of the window messages that Cassandra has confirmed",
                ),
                Some(report.bytes_out),
            ),
            (Metric::new("dead_letters", "Window messages that cannot be stored"), dead_letters),
            (
                Metric::new("lost_offsets", "Offsets of a deleted topic that were never read"),
                report.lost_offsets,
            ),
        ] {
            counters(&mut encoder, metric, value.map(|value| (Labels::new(), value)))?;
        }
        gauges(
            &mut encoder,
            Metric::new("lag_records", "Window messages that are not in Cassandra yet"),
            report.lag.map(|lag| (Labels::new(), lag as f64)),
        )
    }
}

#[cfg(test)]
mod tests {
    use freshet_core::wire::Component;
    use freshet_runtime::{exposition, metrics};

    use super::*;

    const DOCUMENTATION: &str = include_str!("../../../docs/observation.md");
    const COMMON: [&str; 5] = [
        "freshet_writer_errors_total",
        "freshet_writer_state",
        "freshet_writer_waits_total",
        "freshet_writer_waiting",
        "freshet_writer_last_error_timestamp_seconds",
    ];

    #[test]
    fn the_writer_tells_what_came_in_and_what_is_in_cassandra() {
        let health = Arc::new(Health::new(Component::CassandraWriter));
        health.record_in(100);
        health.record_in(50);
        health.records_out(1, 100);
        health.failed(ErrorKind::Unwritable, "secret-value");
        let registry = metrics::registry("writer", &health, |registry| {
            registry.register_collector(Box::new(WriterMetrics(Arc::clone(&health))));
        });
        let text = exposition::text(&registry);
        let samples = exposition::check(&text).unwrap();
        let value = |name: &str| samples.get(&format!("freshet_writer_{name}")).copied();
        assert_eq!(
            (value("records_total"), value("received_bytes_total")),
            (Some(2.0), Some(150.0))
        );
        assert_eq!(
            (value("windows_written_total"), value("written_bytes_total")),
            (Some(1.0), Some(100.0))
        );
        // What all programs have is documented under the producer's name.
        let own: String = text
            .lines()
            .filter(|line| !COMMON.iter().any(|name| line.contains(name)))
            .collect::<Vec<_>>()
            .join("\n");
        exposition::check_documented(&own, DOCUMENTATION, "freshet_writer_").unwrap();
        assert_eq!(value("dead_letters_total"), Some(1.0));
        assert_eq!((value("lag_records"), value("lost_offsets_total")), (None, None), "{text}");
        assert!(!text.contains("secret-value"), "{text}");
        health.set_lag(Some(7));
        health.lost_offsets(0);
        let samples = exposition::check(&exposition::text(&registry)).unwrap();
        assert_eq!(samples.get("freshet_writer_lag_records"), Some(&7.0));
        assert_eq!(samples.get("freshet_writer_lost_offsets_total"), Some(&0.0));
    }
}

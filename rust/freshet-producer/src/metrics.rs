//! The producer's own metrics: what is known of each source, and how its transactions go.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use freshet_core::wire::{Connection, SourceHealth};
use freshet_runtime::metrics::{Labels, Metric, counters, gauges, timestamp};
use freshet_sources::SourceStatus;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

/// How transactions go, by source.
#[derive(Debug, Clone)]
pub(crate) struct Metrics {
    commits: Family<Labels, Counter>,
    retries: Family<Labels, Counter>,
    durations: Family<Labels, Histogram, fn() -> Histogram>,
}

/// How the transactions of one source go.
#[derive(Debug, Clone)]
pub(crate) struct TransactionMetrics {
    commits: Counter,
    retries: Counter,
    durations: Histogram,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        // From 5 ms to 80 s: what lasts longer than a transaction may was sent more than once.
        let histogram: fn() -> Histogram = || Histogram::new(exponential_buckets(0.005, 2.0, 15));
        Self {
            commits: Family::default(),
            retries: Family::default(),
            durations: Family::new_with_constructor(histogram),
        }
    }

    /// Adds all metrics of the producer to the registry, whose names begin with `freshet_producer`.
    pub(crate) fn register(&self, registry: &mut Registry, sources: Vec<Arc<SourceStatus>>) {
        registry.register_collector(Box::new(SourceMetrics(sources)));
        registry.register(
            "transactions",
            "Kafka transactions that were committed",
            self.commits.clone(),
        );
        registry.register(
            "transaction_retries",
            "How often a transaction that was not committed had to be sent once more",
            self.retries.clone(),
        );
        registry.register_with_unit(
            "transaction_commit_duration",
            "How long it took until a transaction was committed, with all retries",
            Unit::Seconds,
            self.durations.clone(),
        );
    }

    /// Those of a source that has transactions; others have none, which is not zero.
    pub(crate) fn of_transactions(&self, source: &str) -> TransactionMetrics {
        let labels = of_source(source);
        TransactionMetrics {
            commits: self.commits.get_or_create_owned(&labels),
            retries: self.retries.get_or_create_owned(&labels),
            durations: self.durations.get_or_create_owned(&labels),
        }
    }
}

impl TransactionMetrics {
    pub(crate) fn committed(&self, duration: Duration) {
        self.commits.inc();
        self.durations.observe(duration.as_secs_f64());
    }

    pub(crate) fn retried(&self) {
        self.retries.inc();
    }
}

/// What health reports say of sources.
pub(crate) fn reports(sources: &[Arc<SourceStatus>]) -> BTreeMap<String, SourceHealth> {
    sources.iter().map(|status| (status.source().to_owned(), status.report())).collect()
}

fn of_source(source: &str) -> Labels {
    vec![("source", source.to_owned())]
}

/// What the sources say when the metrics are asked for.
#[derive(Debug)]
struct SourceMetrics(Vec<Arc<SourceStatus>>);

/// A counter of a source.
type Count = (&'static str, &'static str, fn(&SourceHealth) -> u64);

const COUNTS: &[Count] = &[
    ("messages", "Messages that the source has sent", |source| source.messages_in),
    ("records", "Records of the source that are durable in Kafka", |source| source.records_out),
    ("rejected", "Messages and records of the source that became dead letters", |source| {
        source.rejected
    }),
    (
        "dropped_messages",
        "Messages that were lost here: without room, too large or no text",
        |source| source.dropped,
    ),
    ("gaps", "How often messages were missed before they came here", |source| source.gaps),
    ("reconnections", "How often the source was connected again", |source| source.reconnections),
];

impl Collector for SourceMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let reports = reports(&self.0);
        for (name, help, value) in COUNTS {
            let samples = reports.iter().map(|(source, report)| (of_source(source), value(report)));
            counters(&mut encoder, Metric::new(name, help), samples)?;
        }
        counters(
            &mut encoder,
            Metric::bytes("received", "Bytes of the messages that the source has sent"),
            reports.iter().map(|(source, report)| (of_source(source), report.bytes_in)),
        )?;
        gauges(
            &mut encoder,
            Metric::new(
                "connection",
                "Whether the source is connected: 1 for its state, 0 for the others",
            ),
            reports.iter().flat_map(|(source, report)| connections(source, report.connection)),
        )?;
        gauges(
            &mut encoder,
            Metric::seconds("connection_since_timestamp", "Since when it is so, since the epoch"),
            (reports.iter())
                .map(|(source, report)| (of_source(source), timestamp(report.connection_since))),
        )?;
        gauges(
            &mut encoder,
            Metric::seconds(
                "last_heard_timestamp",
                "When messages of the source came last, since the epoch",
            ),
            (reports.iter()).filter_map(|(source, report)| {
                Some((of_source(source), timestamp(report.last_heard?)))
            }),
        )?;
        gauges(
            &mut encoder,
            Metric::bytes("buffer", "Memory of messages that wait for Kafka"),
            (self.0.iter())
                .map(|status| (of_source(status.source()), status.buffered_bytes() as f64)),
        )?;
        gauges(
            &mut encoder,
            Metric::bytes(
                "spooled",
                "Messages that wait on disk for Kafka, of a source with a spool",
            ),
            (self.0.iter()).filter_map(|status| {
                Some((of_source(status.source()), status.spooled_bytes()? as f64))
            }),
        )
    }
}

fn connections(source: &str, now: Connection) -> impl Iterator<Item = (Labels, f64)> {
    let source = source.to_owned();
    Connection::ALL.iter().map(move |one| {
        let labels = vec![("source", source.clone()), ("state", one.name().to_owned())];
        (labels, f64::from(now == *one))
    })
}

#[cfg(test)]
mod tests {
    use freshet_core::wire::Component;
    use freshet_runtime::{Health, exposition, metrics};

    use super::*;

    const DOCUMENTATION: &str = include_str!("../../../docs/observation.md");

    #[test]
    fn every_source_has_its_numbers_under_its_name() {
        let ticker = Arc::new(SourceStatus::new("ticker"));
        let file = Arc::new(SourceStatus::new("file"));
        ticker.message_in(100);
        ticker.records_out(3);
        ticker.rejected("not JSON: secret-value");
        ticker.dropped(5, "the buffer is full");
        ticker.gap("no cursor");
        ticker.connected();
        ticker.reconnecting("no answer from secret-value");
        ticker.buffered(77);
        ticker.spooled(99);
        let own = Metrics::new();
        let of_file = own.of_transactions("file");
        of_file.retried();
        of_file.committed(Duration::from_millis(7));
        let health = Arc::new(Health::new(Component::Producer));
        let registry = metrics::registry("producer", &health, |registry| {
            own.register(registry, vec![Arc::clone(&ticker), Arc::clone(&file)]);
        });
        let text = exposition::text(&registry);
        let samples = exposition::check(&text).unwrap();
        let value = |name: &str, labels: &str| {
            samples.get(&format!("freshet_producer_{name}{{{labels}}}")).copied()
        };
        let of_ticker = r#"source="ticker""#;
        for (name, expected) in [
            ("messages_total", 1.0),
            ("received_bytes_total", 100.0),
            ("records_total", 3.0),
            ("rejected_total", 1.0),
            ("dropped_messages_total", 5.0),
            ("gaps_total", 1.0),
            ("reconnections_total", 0.0),
            ("buffer_bytes", 77.0),
            ("spooled_bytes", 99.0),
        ] {
            assert_eq!(value(name, of_ticker), Some(expected), "{name}: {text}");
        }
        let state = |state: &str| value("connection", &format!("{of_ticker},state=\"{state}\""));
        assert_eq!((state("reconnecting"), state("connected")), (Some(1.0), Some(0.0)));
        let of_file = r#"source="file""#;
        assert_eq!(value("transactions_total", of_file), Some(1.0));
        assert_eq!(value("transaction_retries_total", of_file), Some(1.0));
        assert_eq!(value("transaction_commit_duration_seconds_count", of_file), Some(1.0));
        exposition::check_documented(&text, DOCUMENTATION, "freshet_producer_").unwrap();
        // What is not known of a source is not zero, and texts, which may hold anything, are no metrics.
        assert_eq!(value("transactions_total", of_ticker), None);
        assert_eq!(value("last_heard_timestamp_seconds", of_file), None);
        assert_eq!(value("spooled_bytes", of_file), None);
        assert!(value("last_heard_timestamp_seconds", of_ticker).unwrap() > 1e9);
        assert!(!text.contains("secret-value"), "{text}");
    }
}

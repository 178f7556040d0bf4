//! Tells the `health` topic once a second how this program is doing.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use freshet_core::config::Config;
use freshet_core::stopping::LAST_REPORT;
use freshet_core::wire::HealthReport;
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::error::KafkaResult;
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{BaseRecord, Producer, ProducerContext, ThreadedProducer};
use sysinfo::System;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};

use crate::Shutdown;
use crate::kafka::{LoggingContext, client_config};

const INTERVAL: Duration = Duration::from_secs(1);
const UNKNOWN: i64 = -1;

/// A program's counters: totals since it started. Cheap to update from everywhere.
#[derive(Debug)]
pub struct Health {
    component: &'static str,
    instance: String,
    since: i64,
    records_in: AtomicU64,
    records_out: AtomicU64,
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
    lag: AtomicI64,
    errors: Mutex<BTreeMap<String, u64>>,
}

impl Health {
    /// Counters at zero for `component`, which is the name that the reports carry.
    pub fn new(component: &'static str) -> Self {
        Self {
            component,
            instance: format!("{}:{}", host_name(), std::process::id()),
            since: epoch_ms(),
            records_in: AtomicU64::new(0),
            records_out: AtomicU64::new(0),
            bytes_in: AtomicU64::new(0),
            bytes_out: AtomicU64::new(0),
            lag: AtomicI64::new(UNKNOWN),
            errors: Mutex::default(),
        }
    }

    /// Counts a record that came in.
    pub fn record_in(&self, bytes: usize) {
        self.records_in.fetch_add(1, Ordering::Relaxed);
        self.bytes_in.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Counts records whose arrival on the other side is confirmed.
    pub fn records_out(&self, records: usize, bytes: usize) {
        self.records_out.fetch_add(records as u64, Ordering::Relaxed);
        self.bytes_out.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Counts an error. The kinds must be few: each is a key in every report.
    pub fn error(&self, kind: &str) {
        self.errors(kind, 1);
    }

    /// Counts several errors of one kind.
    pub fn errors(&self, kind: &str, count: u64) {
        let mut errors = self.errors.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(total) = errors.get_mut(kind) {
            *total += count;
        } else {
            errors.insert(kind.to_owned(), count);
        }
    }

    /// Sets how many records are waiting to be read; `None` when that is unknown.
    pub fn set_lag(&self, lag: Option<u64>) {
        let lag = lag.map_or(UNKNOWN, |lag| i64::try_from(lag).unwrap_or(i64::MAX));
        self.lag.store(lag, Ordering::Relaxed);
    }

    /// The state of things now.
    pub fn report(&self) -> HealthReport {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        HealthReport {
            component: self.component.to_owned(),
            instance: self.instance.clone(),
            stream: None,
            since: self.since,
            time: epoch_ms(),
            records_in: count(&self.records_in),
            records_out: count(&self.records_out),
            bytes_in: count(&self.bytes_in),
            bytes_out: count(&self.bytes_out),
            errors: self.errors.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            lag: u64::try_from(self.lag.load(Ordering::Relaxed)).ok(),
        }
    }

    /// Starts to send a report every second until the shutdown, and one last report then.
    ///
    /// Reports are for onlookers: they have a Kafka client of their own, so that they never wait
    /// behind data and data never behind them, and one that can't be delivered is dropped.
    ///
    /// # Errors
    ///
    /// When the Kafka settings are wrong.
    pub fn spawn_reporter(
        self: &Arc<Self>,
        config: &Config,
        shutdown: &Shutdown,
    ) -> KafkaResult<JoinHandle<()>> {
        let mut client = client_config(&config.kafka, self.component);
        client
            .set("message.timeout.ms", "10000")
            .set("queue.buffering.max.messages", "100")
            .set("partitioner", "murmur2_random");
        let reporter = Reporter {
            health: Arc::clone(self),
            producer: ThreadedProducer::from_config_and_context(
                &client,
                LoggingContext::default(),
            )?,
            topic: config.kafka.health_topic(),
        };
        Ok(tokio::spawn(reporter.run(shutdown.clone())))
    }
}

impl ProducerContext for LoggingContext {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if let Err((error, _)) = result {
            tracing::debug!(%error, "a health report was not delivered");
        }
    }
}

struct Reporter {
    health: Arc<Health>,
    producer: ThreadedProducer<LoggingContext>,
    topic: String,
}

impl Reporter {
    async fn run(self, shutdown: Shutdown) {
        let mut ticks = interval(INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            tokio::select! {
                _ = ticks.tick() => self.send(),
                () = shutdown.requested() => break,
            }
        }
        self.send();
        if let Err(error) = tokio::task::block_in_place(|| self.producer.flush(LAST_REPORT)) {
            tracing::debug!(%error, "the last health report was not delivered");
        }
    }

    fn send(&self) {
        let payload = match serde_json::to_vec(&self.health.report()) {
            Ok(payload) => payload,
            Err(error) => {
                tracing::error!(%error, "a health report cannot be written as JSON");
                return;
            }
        };
        let record = BaseRecord::to(&self.topic).key(self.health.component).payload(&payload);
        if let Err((error, _)) = self.producer.send(record) {
            tracing::debug!(%error, "a health report was not queued");
        }
    }
}

/// Milliseconds since the epoch, now.
pub fn epoch_ms() -> i64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX)
}

/// The machine's name, or `localhost` where it has none.
pub fn host_name() -> String {
    System::host_name().unwrap_or_else(|_| "localhost".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_has_the_totals() {
        let health = Health::new("freshet-producer");
        health.record_in(10);
        health.record_in(5);
        health.records_out(1, 10);
        health.error("queue_full");
        health.errors("queue_full", 2);
        let report = health.report();
        assert_eq!((report.records_in, report.bytes_in), (2, 15));
        assert_eq!((report.records_out, report.bytes_out), (1, 10));
        assert_eq!(report.errors.get("queue_full"), Some(&3));
        assert!(report.time >= report.since);
    }

    #[test]
    fn lag_is_absent_until_it_is_known() {
        let health = Health::new("freshet-cassandra-writer");
        assert_eq!(health.report().lag, None);
        health.set_lag(Some(7));
        assert_eq!(health.report().lag, Some(7));
        health.set_lag(None);
        assert_eq!(health.report().lag, None);
    }
}

//! Tells the `health` topic once a second how this program is doing.

use std::sync::Arc;

use freshet_core::config::Config;
use freshet_core::stopping::LAST_REPORT;
use freshet_core::wire::health::INTERVAL;
use freshet_core::wire::{Component, HealthReport};
use freshet_runtime::{Health, Shutdown};
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::error::KafkaResult;
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{BaseRecord, Producer, ProducerContext, ThreadedProducer};
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};

use crate::kafka::{LoggingContext, client_config};

/// Starts to send the report of `component` every second until the shutdown, and one last report then.
///
/// Reports are for onlookers: they have a Kafka client of their own, so that they never wait behind data and data never
/// behind them, and one that can't be delivered is dropped.
///
/// # Errors
///
/// When the Kafka settings are wrong.
pub fn spawn(
    health: &Arc<Health>,
    config: &Config,
    shutdown: &Shutdown,
) -> KafkaResult<JoinHandle<()>> {
    let told = Arc::clone(health);
    let reporter = Reporter::new(config, health.component(), move || Some(told.report()))?;
    Ok(tokio::spawn(reporter.run(shutdown.clone())))
}

impl ProducerContext for LoggingContext {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if let Err((error, _)) = result {
            tracing::debug!(%error, "a health report was not delivered");
        }
    }
}

/// Sends what a component has to report to the topic `health`, with a Kafka client of its own.
pub struct Reporter<F> {
    report: F,
    producer: ThreadedProducer<LoggingContext>,
    topic: String,
}

impl<F: Fn() -> Option<HealthReport>> Reporter<F> {
    /// A reporter of what `report` gives, if there is something to report.
    ///
    /// # Errors
    ///
    /// When the Kafka settings are wrong.
    pub fn new(config: &Config, component: Component, report: F) -> KafkaResult<Self> {
        let mut client = client_config(&config.kafka, component.name());
        client
            .set("message.timeout.ms", "10000")
            .set("queue.buffering.max.messages", "100")
            .set("partitioner", "murmur2_random");
        let producer =
            ThreadedProducer::from_config_and_context(&client, LoggingContext::default())?;
        Ok(Self { report, producer, topic: config.kafka.health_topic() })
    }

    /// Sends a report every second until the shutdown, and one last report then.
    pub async fn run(self, shutdown: Shutdown) {
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
        let Some(report) = (self.report)() else { return };
        let payload = match serde_json::to_vec(&report) {
            Ok(payload) => payload,
            Err(error) => {
                tracing::error!(%error, "a health report cannot be written as JSON");
                return;
            }
        };
        let key = report.key();
        let record = BaseRecord::to(&self.topic).key(&key).payload(&payload);
        if let Err((error, _)) = self.producer.send(record) {
            tracing::debug!(%error, "a health report was not queued");
        }
    }
}

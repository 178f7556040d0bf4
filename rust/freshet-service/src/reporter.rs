//! Tells the `health` topic once a second how this program is doing.

use std::sync::Arc;

use freshet_core::config::Config;
use freshet_core::stopping::LAST_REPORT;
use freshet_core::wire::health::INTERVAL;
use freshet_core::wire::{Component, HealthReport};
use freshet_runtime::{Health, Shutdown};
use rdkafka::client::ClientContext;
use rdkafka::config::{FromClientConfigAndContext, RDKafkaLogLevel};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{BaseRecord, Producer, ProducerContext, ThreadedProducer};
use tokio::task::{JoinError, JoinHandle};
use tokio::time::{MissedTickBehavior, interval};

use crate::kafka::{ClientLog, client_config};

/// What [`Health::wait_for`] says of Kafka.
const KAFKA: &str = "kafka";

/// Reports that are being sent.
#[derive(Debug)]
pub struct Reporting {
    end: Shutdown,
    task: JoinHandle<()>,
}

impl Reporting {
    /// Sends one last report, and no more. Everything that a report tells has to have ended by then: a stop that is
    /// asked for is not its end.
    ///
    /// # Errors
    ///
    /// When there was a fault in the sending.
    pub async fn finish(self) -> Result<(), JoinError> {
        self.end.trigger();
        self.task.await
    }
}

/// Starts to send the report of this program every second, until [`Reporting::finish`].
///
/// Reports are for onlookers: they have a Kafka client of their own, so that they never wait behind data and data never
/// behind them, and one that can't be delivered is dropped.
///
/// # Errors
///
/// When the Kafka settings are wrong.
pub fn spawn(health: &Arc<Health>, config: &Config) -> KafkaResult<Reporting> {
    let told = Arc::clone(health);
    let reporter = Reporter::new(config, health.component(), move || Some(told.report()))?;
    Ok(reporter.spawn())
}

/// The same for a program that does not look after Kafka in another way: what becomes of its reports tells whether
/// Kafka is there, and `health` says so.
///
/// # Errors
///
/// When the Kafka settings are wrong.
pub fn spawn_watching(health: &Arc<Health>, config: &Config) -> KafkaResult<Reporting> {
    let told = Arc::clone(health);
    let context = Context { watching: Some(Arc::clone(health)), log: ClientLog::default() };
    let report = move || Some(told.report());
    let reporter = Reporter::with_context(config, health.component(), report, context)?;
    Ok(reporter.spawn())
}

/// Hears what becomes of reports.
#[derive(Default)]
struct Context {
    log: ClientLog,
    watching: Option<Arc<Health>>,
}

impl Context {
    fn waits(&self, reason: &str) {
        if let Some(health) = &self.watching {
            health.wait_for(KAFKA, &format!("Kafka: {reason}"));
        }
    }

    /// A refusal is an answer, too.
    fn answered(&self) {
        if let Some(health) = &self.watching {
            health.no_longer_waits_for(KAFKA);
        }
    }
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.log.line(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        ClientLog::failure(&error, reason);
        if error.rdkafka_error_code() == Some(RDKafkaErrorCode::AllBrokersDown) {
            self.waits("no broker can be reached");
        }
    }
}

impl ProducerContext for Context {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        match result {
            Ok(_) => self.answered(),
            Err((error, _)) => {
                tracing::debug!(%error, "a health report was not delivered");
                if error.rdkafka_error_code() == Some(RDKafkaErrorCode::MessageTimedOut) {
                    self.waits("no broker takes a health report in time");
                } else {
                    self.answered();
                }
            }
        }
    }
}

/// Sends what a component has to report to the topic `health`, with a Kafka client of its own.
pub struct Reporter<F> {
    report: F,
    producer: ThreadedProducer<Context>,
    topic: String,
}

impl<F: Fn() -> Option<HealthReport> + Send + 'static> Reporter<F> {
    fn spawn(self) -> Reporting {
        let end = Shutdown::new();
        Reporting { task: tokio::spawn(self.run(end.clone())), end }
    }
}

impl<F: Fn() -> Option<HealthReport>> Reporter<F> {
    /// A reporter of what `report` gives, if there is something to report.
    ///
    /// # Errors
    ///
    /// When the Kafka settings are wrong.
    pub fn new(config: &Config, component: Component, report: F) -> KafkaResult<Self> {
        Self::with_context(config, component, report, Context::default())
    }

    fn with_context(
        config: &Config,
        component: Component,
        report: F,
        context: Context,
    ) -> KafkaResult<Self> {
        let mut client = client_config(&config.kafka, component.name());
        client
            .set("message.timeout.ms", "10000")
            .set("queue.buffering.max.messages", "100")
            .set("partitioner", "murmur2_random");
        let producer = ThreadedProducer::from_config_and_context(&client, context)?;
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

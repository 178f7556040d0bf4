//! Kafka: a bounded queue that makes sources wait, and a count of what has arrived.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use freshet_core::config::Kafka;
use freshet_core::wire::{Component, ErrorKind, Header as HeaderName};
use freshet_service::Health;
use freshet_service::kafka::{ClientLog, producer_config};
use freshet_service::log_limit::LogLimit;
use rdkafka::client::ClientContext;
use rdkafka::config::{FromClientConfigAndContext, RDKafkaLogLevel};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer, ProducerContext, ThreadedProducer};
use thiserror::Error;

use crate::sources::Record;

/// librdkafka's queue sends what it has every 20 ms, so that there is room again about then.
const FULL_QUEUE_PAUSE: Duration = Duration::from_millis(20);

const COMPLAINT_INTERVAL: Duration = Duration::from_secs(10);

/// Why nothing can be sent any more.
#[derive(Debug, Error)]
#[error("Kafka's client failed for good: {0}; start the producer again")]
pub(crate) struct SinkError(#[source] KafkaError);

/// The way into Kafka.
pub(crate) struct Sink {
    producer: ThreadedProducer<Deliveries>,
    deliveries: Arc<Counts>,
}

/// Where a source's records go, and what they are marked with.
#[derive(Debug, Clone)]
pub(crate) struct Destination {
    pub(crate) topic: String,
    pub(crate) source: &'static str,
}

#[derive(Debug)]
struct Counts {
    health: Arc<Health>,
    complaints: LogLimit,
    /// Records that Kafka refused, or that were still waiting when the producer was closed.
    undelivered: AtomicU64,
}

/// Takes librdkafka's word on each record.
struct Deliveries {
    counts: Arc<Counts>,
    log: ClientLog,
}

impl Counts {
    fn lost(&self, error: &KafkaError) {
        self.undelivered.fetch_add(1, Ordering::Relaxed);
        count_error(&self.health, error);
        if let Some(held_back) = self.complaints.permit() {
            tracing::error!(%error, held_back, "a record was not delivered");
        }
    }
}

impl ClientContext for Deliveries {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.log.line(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        ClientLog::failure(&error, reason);
    }
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        match result {
            Ok(message) => self.counts.health.records_out(1, message.payload_len()),
            Err((error, _)) => self.counts.lost(error),
        }
    }
}

impl Sink {
    /// Opens a producer that never gives a record up by itself.
    pub(crate) fn open(kafka: &Kafka, health: Arc<Health>) -> KafkaResult<Self> {
        let mut client = producer_config(kafka, Component::Producer.name());
        client
            .set("queue.buffering.max.messages", "100000")
            .set("queue.buffering.max.kbytes", "65536");
        let deliveries = Arc::new(Counts {
            health,
            complaints: LogLimit::every(COMPLAINT_INTERVAL),
            undelivered: AtomicU64::new(0),
        });
        let context = Deliveries { counts: Arc::clone(&deliveries), log: ClientLog::default() };
        Ok(Self {
            producer: ThreadedProducer::from_config_and_context(&client, context)?,
            deliveries,
        })
    }

    /// Puts a record into the queue, waiting while the queue is full. That it arrives is seen to
    /// later; a record that can't be sent at all (because it is too large, say) is counted as lost.
    pub(crate) async fn send(&self, to: &Destination, record: &Record) -> Result<(), SinkError> {
        loop {
            match self.enqueue(to, record) {
                Ok(()) => return Ok(()),
                Err(KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull)) => {
                    tokio::time::sleep(FULL_QUEUE_PAUSE).await;
                }
                Err(error) if is_fatal(&error) => return Err(SinkError(error)),
                Err(error) => {
                    self.deliveries.lost(&error);
                    return Ok(());
                }
            }
        }
    }

    /// Counts records as lost that the stop has left no time for.
    pub(crate) fn give_up(&self, records: usize) {
        self.deliveries.undelivered.fetch_add(records as u64, Ordering::Relaxed);
        self.deliveries.health.errors(ErrorKind::NoTimeToSend, records as u64);
    }

    /// Sends what is queued, for at most `patience`, and tells how many records of this run have
    /// not arrived, for whatever reason.
    pub(crate) fn close(&self, patience: Duration) -> u64 {
        if let Err(error) = self.producer.flush(patience) {
            tracing::warn!(%error, "Kafka did not take the rest in time");
        }
        let queued = u64::try_from(self.producer.in_flight_count()).unwrap_or(0);
        queued + self.deliveries.undelivered.load(Ordering::Relaxed)
    }

    fn enqueue(&self, to: &Destination, record: &Record) -> Result<(), KafkaError> {
        let mut message = BaseRecord::<str, [u8]>::to(&to.topic)
            .payload(&record.payload)
            .headers(headers(to.source, record.cursor.as_deref()));
        if let Some(key) = &record.key {
            message = message.key(key);
        }
        self.producer.send(message).map_err(|(error, _)| error)
    }
}

fn headers(source: &str, cursor: Option<&str>) -> OwnedHeaders {
    let headers = OwnedHeaders::new_with_capacity(2)
        .insert(Header { key: HeaderName::Source.name(), value: Some(source) });
    match cursor {
        None => headers,
        Some(cursor) => {
            headers.insert(Header { key: HeaderName::Cursor.name(), value: Some(cursor) })
        }
    }
}

/// An idempotent producer that can't go on without a gap or a repetition says so and stops.
fn is_fatal(error: &KafkaError) -> bool {
    error.rdkafka_error_code() == Some(RDKafkaErrorCode::Fatal)
}

/// Counts an error under librdkafka's name of it.
fn count_error(health: &Health, error: &KafkaError) {
    match error.rdkafka_error_code() {
        Some(code) => health.kafka_error(&format!("{code:?}")),
        None => health.error(ErrorKind::OtherDelivery),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rdkafka::message::Headers;

    #[test]
    fn a_record_is_marked_with_its_source_and_cursor() {
        let headers = headers("sse", Some("42"));
        let pairs: Vec<(&str, &str)> = headers
            .iter()
            .map(|header| (header.key, std::str::from_utf8(header.value.unwrap()).unwrap()))
            .collect();
        assert_eq!(pairs, [("freshet-source", "sse"), ("freshet-cursor", "42")]);
        assert_eq!(super::headers("host", None).count(), 1);
    }

    #[test]
    fn an_error_is_counted_under_librdkafkas_name() {
        let health = Health::new(Component::Producer);
        count_error(&health, &KafkaError::MessageProduction(RDKafkaErrorCode::MessageSizeTooLarge));
        count_error(&health, &KafkaError::Canceled);
        let kinds: Vec<String> = health.report().errors.unwrap().into_keys().collect();
        assert_eq!(kinds, ["MessageSizeTooLarge", "other"]);
    }
}

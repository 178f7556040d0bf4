//! A source's own client of Kafka: a bounded queue that makes its user wait, and what became of each record.

use std::sync::Arc;
use std::time::Duration;

use freshet_core::config::Kafka;
use freshet_core::wire::{Component, Header as HeaderName, MAX_LETTER_BYTES};
use freshet_service::kafka::{ClientLog, producer_config};
use rdkafka::ClientConfig;
use rdkafka::client::ClientContext;
use rdkafka::config::{FromClientConfigAndContext, RDKafkaLogLevel};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, ProducerContext, ThreadedProducer};

/// librdkafka's queue sends what it has every 20 ms, so that there is room again about then.
const FULL_QUEUE_PAUSE: Duration = Duration::from_millis(20);
/// What librdkafka holds of one source at most, in KiB of keys and values.
const QUEUE_KIBIBYTES: &str = "16384";
/// The same as a number of records: with its header and what librdkafka keeps beside it, one of 130 bytes takes about
/// 1.2 KB, so that many small ones stay below 40 MB. At full speed they last for a twentieth of a second, more than
/// twice as long as they wait to be sent.
const QUEUE_RECORDS: &str = "30000";

/// Hears what became of each record, on a thread of the client.
pub(crate) trait Deliveries: Send + Sync + 'static {
    /// Kafka has it, as durably as the topic keeps it. `tag` is what it was sent with.
    fn delivered(&self, tag: usize, bytes: usize);

    /// Kafka will not have it.
    fn refused(&self, tag: usize, record: Refused<'_>, error: &KafkaError);
}

/// What was refused.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Refused<'a> {
    pub(crate) key: Option<&'a [u8]>,
    pub(crate) payload: &'a [u8],
}

/// The client.
pub(crate) type Client = ThreadedProducer<Callbacks>;

/// What librdkafka tells, on its way.
pub(crate) struct Callbacks {
    deliveries: Arc<dyn Deliveries>,
    log: ClientLog,
}

impl ClientContext for Callbacks {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.log.line(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        ClientLog::failure(&error, reason);
    }
}

impl ProducerContext for Callbacks {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, tag: usize) {
        use rdkafka::message::Message as _;
        match result {
            Ok(message) => self.deliveries.delivered(tag, message.payload_len()),
            Err((error, message)) => {
                let payload = message.payload().unwrap_or_default();
                self.deliveries.refused(tag, Refused { key: message.key(), payload }, error);
            }
        }
    }
}

/// The settings of a source's client.
pub(crate) fn settings(kafka: &Kafka) -> ClientConfig {
    let mut client = producer_config(kafka, Component::Producer.name());
    client
        .set("queue.buffering.max.messages", QUEUE_RECORDS)
        .set("queue.buffering.max.kbytes", QUEUE_KIBIBYTES)
        // What a topic takes is the brokers' business, and dead letters are larger than records.
        .set("message.max.bytes", MAX_LETTER_BYTES.to_string());
    client
}

/// Opens a client.
pub(crate) fn open(
    settings: &ClientConfig,
    deliveries: Arc<dyn Deliveries>,
) -> KafkaResult<Client> {
    let context = Callbacks { deliveries, log: ClientLog::default() };
    ThreadedProducer::from_config_and_context(settings, context)
}

/// What is put into the queue.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Outgoing<'a> {
    pub(crate) topic: &'a str,
    pub(crate) key: Option<&'a [u8]>,
    pub(crate) payload: &'a [u8],
    /// By which [`Deliveries`] knows it.
    pub(crate) tag: usize,
    /// Its time, in epoch milliseconds; that of its sending where there is none.
    pub(crate) timestamp: Option<i64>,
}

/// Puts a record into the queue, waiting while the queue is full.
///
/// # Errors
///
/// When the client does not take it: for good, or this record.
pub(crate) async fn send(
    client: &Client,
    outgoing: Outgoing<'_>,
    headers: &OwnedHeaders,
) -> KafkaResult<()> {
    loop {
        let mut record =
            BaseRecord::<[u8], [u8], usize>::with_opaque_to(outgoing.topic, outgoing.tag)
                .payload(outgoing.payload)
                .headers(headers.clone());
        if let Some(key) = outgoing.key {
            record = record.key(key);
        }
        if let Some(timestamp) = outgoing.timestamp {
            record = record.timestamp(timestamp);
        }
        match client.send(record) {
            Ok(()) => return Ok(()),
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), _)) => {
                tokio::time::sleep(FULL_QUEUE_PAUSE).await;
            }
            Err((error, _)) => return Err(error),
        }
    }
}

/// The headers of a source's records.
pub(crate) fn headers(source: &str) -> OwnedHeaders {
    OwnedHeaders::new_with_capacity(1)
        .insert(Header { key: HeaderName::Source.name(), value: Some(source) })
}

/// Whether this record cannot be sent, while others can.
pub(crate) fn is_too_large(error: &KafkaError) -> bool {
    error.rdkafka_error_code() == Some(RDKafkaErrorCode::MessageSizeTooLarge)
}

/// An idempotent producer that can't go on without a gap or a repetition says so and stops.
pub(crate) fn is_fatal(error: &KafkaError) -> bool {
    error.rdkafka_error_code() == Some(RDKafkaErrorCode::Fatal)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rdkafka::message::Headers;

    #[test]
    fn a_record_is_marked_with_its_source() {
        let headers = headers("station-7");
        let pairs: Vec<(&str, &str)> = headers
            .iter()
            .map(|header| (header.key, std::str::from_utf8(header.value.unwrap()).unwrap()))
            .collect();
        assert_eq!(pairs, [("freshet-source", "station-7")]);
    }
}

//! Messages that can't be written, kept for somebody to look at.

use std::time::Duration;

use freshet_core::config::Kafka;
use freshet_core::wire::{ReasonCode, Stage, header};
use freshet_service::Backoff;
use freshet_service::kafka::{LoggingContext, producer_config};
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::error::{KafkaResult, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::util::Timeout;

use crate::plan::Origin;

const FIRST_DELAY: Duration = Duration::from_millis(100);
const MAX_DELAY: Duration = Duration::from_secs(10);

/// The dead-letter topic.
pub(crate) struct DeadLetters {
    producer: FutureProducer<LoggingContext>,
    topic: String,
}

impl DeadLetters {
    /// A producer of its own: a dead letter is as safe as a window.
    pub(crate) fn open(kafka: &Kafka) -> KafkaResult<Self> {
        let client = producer_config(kafka, "freshet-cassandra-writer-dead-letters");
        let producer = FutureProducer::from_config_and_context(&client, LoggingContext::default())?;
        Ok(Self { producer, topic: kafka.dead_letters_topic() })
    }

    /// Sends the message's own bytes with the reason, and returns when Kafka has confirmed. Tries
    /// again as long as it takes.
    pub(crate) async fn send(&self, origin: &Origin, detail: &str) {
        let key = format!("{}-{}-{}", origin.topic, origin.partition, origin.offset);
        let mut payload = origin.payload.as_slice();
        let mut backoff = Backoff::new(FIRST_DELAY, MAX_DELAY);
        loop {
            let record = FutureRecord::to(&self.topic)
                .key(&key)
                .payload(payload)
                .headers(headers(origin, detail));
            let Err((error, _)) = self.producer.send(record, Timeout::Never).await else {
                return;
            };
            if error.rdkafka_error_code() == Some(RDKafkaErrorCode::MessageSizeTooLarge) {
                // The headers have put it over the limit: its beginning is better than nothing.
                payload = &payload[..payload.len() / 2];
            }
            tracing::warn!(%error, key, "a dead letter was not delivered; trying again");
            tokio::time::sleep(backoff.next_delay()).await;
        }
    }
}

fn headers(origin: &Origin, detail: &str) -> OwnedHeaders {
    let partition = origin.partition.to_string();
    let offset = origin.offset.to_string();
    [
        (header::STAGE, Stage::Write.name()),
        (header::REASON, ReasonCode::Unwritable.code()),
        (header::DETAIL, detail),
        (header::TOPIC, &origin.topic),
        (header::PARTITION, &partition),
        (header::OFFSET, &offset),
    ]
    .into_iter()
    .fold(OwnedHeaders::new_with_capacity(6), |headers, (key, value)| {
        headers.insert(Header { key, value: Some(value) })
    })
}

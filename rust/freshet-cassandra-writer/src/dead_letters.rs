//! Messages that can't be written, kept for somebody to look at.

use std::sync::Arc;
use std::time::{Duration, Instant};

use freshet_core::config::Config;
use freshet_core::wire::{ErrorKind, LetterRecord, MAX_LETTER_BYTES, ReasonCode};
use freshet_runtime::{Backoff, Health, Shutdown};
use freshet_service::dead_letters::{self, Letter};
use freshet_service::kafka::{LoggingContext, producer_config};
use freshet_service::topics;
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::OwnedHeaders;
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::util::Timeout;
use thiserror::Error;

use crate::plan::Origin;

const FIRST_DELAY: Duration = Duration::from_millis(100);
const MAX_DELAY: Duration = Duration::from_secs(5);
/// How long Kafka may refuse a letter. An outage is waited for without end; this is about a topic that cannot be had.
const REFUSAL_LIMIT: Duration = Duration::from_mins(1);
/// How long an attempt to create the topic may take.
const CREATION_LIMIT: Duration = Duration::from_secs(10);
/// What [`Health::wait_for`] says of the topic.
const DEAD_LETTERS: &str = "dead_letters";

/// Kafka does not take a dead letter.
#[derive(Debug, Error)]
#[error(
    "Kafka refuses dead letters in topic {topic} ({reason}); create the topic, or grant the right to write to it, and \
     start the writer again: it has lost nothing"
)]
pub(crate) struct Refused {
    topic: String,
    reason: KafkaError,
}

/// The dead-letter topic.
pub(crate) struct DeadLetters {
    producer: FutureProducer<LoggingContext>,
    topic: String,
    config: Config,
    health: Arc<Health>,
    shutdown: Shutdown,
}

impl DeadLetters {
    /// A producer of its own: a dead letter is as safe as a window.
    pub(crate) fn open(
        config: &Config,
        health: &Arc<Health>,
        shutdown: &Shutdown,
    ) -> KafkaResult<Self> {
        let mut client = producer_config(&config.kafka, "freshet-cassandra-writer-dead-letters");
        client
            .set("message.max.bytes", MAX_LETTER_BYTES.to_string())
            // Kafka refuses a batch as a whole: a large letter must not shorten its neighbours.
            .set("batch.num.messages", "1")
            .set("linger.ms", "0")
            // How long a missing topic is waited for before the letter comes back.
            .set("topic.metadata.propagation.max.ms", "2000");
        Ok(Self {
            producer: FutureProducer::from_config_and_context(&client, LoggingContext::default())?,
            topic: config.kafka.dead_letters_topic(),
            config: config.clone(),
            health: Arc::clone(health),
            shutdown: shutdown.clone(),
        })
    }

    /// Sends the message's own bytes with the reason, and returns when Kafka has confirmed. What Kafka does not take as
    /// a whole is shortened.
    ///
    /// Tries again as long as Kafka is away; fails when Kafka is there and has refused for [`REFUSAL_LIMIT`].
    pub(crate) async fn send(&self, origin: &Origin, detail: &str) -> Result<(), Refused> {
        let mut letter = LetterRecord::whole(origin.key.as_deref(), &origin.payload);
        let mut backoff = Backoff::new(FIRST_DELAY, MAX_DELAY);
        let mut refused_since = None;
        while let Err(error) = self.attempt(origin, detail, letter).await {
            if error.rdkafka_error_code() == Some(RDKafkaErrorCode::MessageSizeTooLarge)
                && let Some(shorter) = letter.shortened()
            {
                letter = shorter;
                continue;
            }
            self.say_refused(&error);
            if refused_since.get_or_insert_with(Instant::now).elapsed() > REFUSAL_LIMIT {
                return Err(Refused { topic: self.topic.clone(), reason: error });
            }
            if is_missing_topic(&error) {
                self.create_topic().await;
            }
            tokio::time::sleep(backoff.next_delay()).await;
        }
        self.health.no_longer_waits_for(DEAD_LETTERS);
        Ok(())
    }

    async fn attempt(
        &self,
        origin: &Origin,
        detail: &str,
        letter: LetterRecord<'_>,
    ) -> KafkaResult<()> {
        let key = format!("{}-{}-{}", origin.topic, origin.partition, origin.offset);
        let record = FutureRecord::to(&self.topic)
            .key(&key)
            // Never without a payload: that would be a tombstone, and compaction would make the letter vanish.
            .payload(letter.value)
            .headers(headers(origin, detail, letter));
        self.producer.send(record, Timeout::Never).await.map(drop).map_err(|(error, _)| error)
    }

    fn say_refused(&self, error: &KafkaError) {
        let topic = &self.topic;
        self.health.failed(ErrorKind::DeadLetters, &format!("topic {topic}: {error}"));
        self.health.wait_for(DEAD_LETTERS, &format!("topic {topic} to take dead letters: {error}"));
        tracing::warn!(%error, topic, "a dead letter was not delivered; trying again");
    }

    /// As at the start: somebody has deleted the topic since.
    async fn create_topic(&self) {
        let created = topics::ensure(&self.config, &self.health, &self.shutdown);
        match tokio::time::timeout(CREATION_LIMIT, created).await {
            Ok(Ok(())) => (),
            Ok(Err(error)) => tracing::warn!(%error, "the topic was not created"),
            Err(_) => tracing::warn!(topic = self.topic, "the topic was not created in time"),
        }
    }
}

fn is_missing_topic(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(
            RDKafkaErrorCode::UnknownTopic
                | RDKafkaErrorCode::UnknownTopicOrPartition
                | RDKafkaErrorCode::UnknownPartition
        )
    )
}

fn headers(from: &Origin, detail: &str, record: LetterRecord<'_>) -> OwnedHeaders {
    let origin = dead_letters::Origin::Topic { partition: from.partition, offset: from.offset };
    let reason = ReasonCode::Unwritable;
    Letter { reason, detail, topic: &from.topic, origin, record }.headers()
}

//! The topic `cursors`: where each source goes on, written in the transaction of the records before it.
//!
//! A source's newest cursor is the last one that was committed. That is only sure once no transaction is open in front
//! of it: other sources write into the same topic, and a reader of committed records sees nothing behind an open one.
//! So [`read`] first waits until all that was written by now is decided.

use std::sync::Arc;
use std::time::Duration;

use freshet_core::config::Kafka;
use freshet_service::kafka::{LoggingContext, client_config};
use freshet_sources::Cursor;
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::metadata::{MetadataPartition, MetadataTopic};
use rdkafka::{Message, Offset, TopicPartitionList};
use serde::{Deserialize, Serialize};

/// How long a question to the brokers may take.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// How often it is looked whether open transactions are decided.
const UNDECIDED_PAUSE: Duration = Duration::from_millis(50);

/// What the topic says of a source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CursorRecord {
    /// Where it goes on; `None` at its beginning.
    pub(crate) cursor: Option<Cursor>,
    /// The number of the transaction: one more than that of the one before.
    pub(crate) sequence: u64,
    /// Which producer has written it.
    pub(crate) instance: String,
    /// When, epoch milliseconds.
    pub(crate) time: i64,
}

/// The last committed record of a source; `None` when there is none. Waits for transactions that are open now.
///
/// # Errors
///
/// When the brokers do not answer, or not the way they should.
pub(crate) async fn read(kafka: &Arc<Kafka>, source: &str) -> KafkaResult<Option<CursorRecord>> {
    let (kafka, source) = (Arc::clone(kafka), source.to_owned());
    // The consumer's calls block.
    let reading = tokio::task::spawn_blocking(move || read_blocking(&kafka, &source));
    reading.await.unwrap_or(Err(KafkaError::Canceled))
}

fn read_blocking(kafka: &Kafka, source: &str) -> KafkaResult<Option<CursorRecord>> {
    let topic = kafka.cursors_topic();
    let everything = consumer(kafka, "read_uncommitted")?;
    let committed = consumer(kafka, "read_committed")?;
    let partitions = partitions(&everything, &topic)?;
    let mut assignment = TopicPartitionList::new();
    for partition in partitions {
        let (_, end) = everything.fetch_watermarks(&topic, partition, REQUEST_TIMEOUT)?;
        // Of committed records the end is where the first open transaction begins.
        while committed.fetch_watermarks(&topic, partition, REQUEST_TIMEOUT)?.1 < end {
            std::thread::sleep(UNDECIDED_PAUSE);
        }
        assignment.add_partition_offset(&topic, partition, Offset::Beginning)?;
    }
    committed.assign(&assignment)?;
    last(&committed, source, assignment.count())
}

fn consumer(kafka: &Kafka, isolation: &str) -> KafkaResult<BaseConsumer<LoggingContext>> {
    let mut client = client_config(kafka, "freshet-producer-cursors");
    client
        .set("group.id", "freshet-producer-cursors")
        .set("enable.auto.commit", "false")
        .set("enable.partition.eof", "true")
        .set("auto.offset.reset", "earliest")
        .set("isolation.level", isolation);
    BaseConsumer::from_config_and_context(&client, LoggingContext::default())
}

fn partitions(consumer: &BaseConsumer<LoggingContext>, topic: &str) -> KafkaResult<Vec<i32>> {
    let metadata = consumer.fetch_metadata(Some(topic), REQUEST_TIMEOUT)?;
    let found = metadata.topics().iter().find(|found| found.name() == topic);
    let partitions = found.into_iter().flat_map(MetadataTopic::partitions);
    Ok(partitions.map(MetadataPartition::id).collect())
}

/// Reads every partition to its end.
fn last(
    consumer: &BaseConsumer<LoggingContext>,
    source: &str,
    mut partitions: usize,
) -> KafkaResult<Option<CursorRecord>> {
    let mut newest: Option<CursorRecord> = None;
    while partitions > 0 {
        match consumer.poll(REQUEST_TIMEOUT) {
            None => return Err(KafkaError::NoMessageReceived),
            Some(Err(KafkaError::PartitionEOF(_))) => partitions -= 1,
            Some(Err(error)) => return Err(error),
            Some(Ok(message)) if message.key() == Some(source.as_bytes()) => {
                let record = message.payload().map(serde_json::from_slice::<CursorRecord>);
                newest = match record {
                    Some(Ok(record)) => Some(record),
                    // Somebody has deleted it, or put something else there: the source begins anew.
                    Some(Err(_)) | None => None,
                };
            }
            Some(Ok(_)) => {}
        }
    }
    Ok(newest)
}

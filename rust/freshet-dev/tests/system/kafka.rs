//! The tests' own Kafka client.

use std::collections::BTreeMap;
use std::time::Duration;

use libtest_mimic::Failed;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Headers, Message};
use rdkafka::metadata::{MetadataPartition, MetadataTopic};
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::types::RDKafkaErrorCode;

use crate::feed::Record;
use crate::stack::TestStack;
use crate::waiting::ensure;

const LIMIT: Duration = Duration::from_secs(30);
const QUEUE_POLL: Duration = Duration::from_millis(20);
/// An outage may last minutes: the test's records must survive it.
const DELIVERY_LIMIT: Duration = Duration::from_mins(10);

/// Sends records to a raw topic.
pub(crate) struct Sender {
    producer: ThreadedProducer<DefaultProducerContext>,
    topic: String,
}

impl Sender {
    pub(crate) fn new(stack: &TestStack, stream: &str) -> Result<Self, Failed> {
        Self::to_topic(stack, &format!("raw.{stream}"))
    }

    pub(crate) fn to_topic(brokers: &impl Brokers, topic: &str) -> Result<Self, Failed> {
        let producer = brokers
            .client()
            .set("linger.ms", "5")
            .set("compression.type", "lz4")
            .set("enable.idempotence", "true")
            .set("message.max.bytes", "4000000")
            .set("delivery.timeout.ms", DELIVERY_LIMIT.as_millis().to_string())
            .create()?;
        Ok(Self { producer, topic: topic.to_owned() })
    }

    /// Hands records over; [`Sender::flush`] waits for them.
    pub(crate) fn send(&self, records: &[Record]) -> Result<(), Failed> {
        for record in records {
            let message: BaseRecord<'_, (), [u8]> =
                BaseRecord::to(&self.topic).payload(&record.value);
            self.producer.send(message).map_err(|(error, _)| error)?;
        }
        Ok(())
    }

    /// Hands over a message with a key for a partition.
    pub(crate) fn send_to_partition(
        &self,
        partition: i32,
        key: &str,
        value: &[u8],
    ) -> Result<(), Failed> {
        let message = BaseRecord::to(&self.topic).partition(partition).key(key).payload(value);
        Ok(self.producer.send(message).map_err(|(error, _)| error)?)
    }

    /// Hands over one of very many records: waits while the client's queue is full.
    pub(crate) fn send_patiently(&self, record: &Record) -> Result<(), Failed> {
        loop {
            let message: BaseRecord<'_, (), [u8]> =
                BaseRecord::to(&self.topic).payload(&record.value);
            match self.producer.send(message) {
                Ok(()) => return Ok(()),
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), _)) => {
                    self.producer.poll(QUEUE_POLL);
                }
                Err((error, _)) => return Err(error.into()),
            }
        }
    }

    /// Waits until the broker has everything.
    pub(crate) fn flush(&self) -> Result<(), Failed> {
        Ok(self.producer.flush(DELIVERY_LIMIT)?)
    }
}

/// Brokers that a test's own clients connect to.
pub(crate) trait Brokers {
    /// The settings of a client: where they are and how to be let in.
    fn client(&self) -> ClientConfig;
}

impl Brokers for TestStack {
    fn client(&self) -> ClientConfig {
        let mut client = ClientConfig::new();
        client.set("bootstrap.servers", self.kafka());
        client
    }
}

/// What the tests look at in a message.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) key: Vec<u8>,
    pub(crate) value: Vec<u8>,
    pub(crate) headers: BTreeMap<String, String>,
}

/// How many offsets a topic has given out, in all partitions: those of records that are not committed, too.
pub(crate) fn end_of(brokers: &impl Brokers, topic: &str) -> Result<i64, Failed> {
    let consumer: BaseConsumer = brokers
        .client()
        .set("group.id", "system-test")
        .set("isolation.level", "read_uncommitted")
        .create()?;
    let ends = partitions(&consumer, topic)?
        .into_iter()
        .map(|partition| Ok(consumer.fetch_watermarks(topic, partition, LIMIT)?.1))
        .collect::<Result<Vec<i64>, Failed>>()?;
    Ok(ends.into_iter().sum())
}

/// The broker that leads a partition.
pub(crate) fn leader_of(
    brokers: &impl Brokers,
    topic: &str,
    partition: i32,
) -> Result<i32, Failed> {
    let consumer: BaseConsumer = brokers.client().create()?;
    let metadata = consumer.fetch_metadata(Some(topic), LIMIT)?;
    let mut partitions = metadata.topics().iter().flat_map(MetadataTopic::partitions);
    let found = partitions.find(|found| found.id() == partition);
    Ok(found.map(MetadataPartition::leader).ok_or("there is no such partition")?)
}

/// How many brokers have a copy of each partition of a topic that is in sync; the least of them.
pub(crate) fn copies_of(brokers: &impl Brokers, topic: &str) -> Result<usize, Failed> {
    let consumer: BaseConsumer = brokers.client().create()?;
    let metadata = consumer.fetch_metadata(Some(topic), LIMIT)?;
    let partitions = metadata.topics().iter().flat_map(MetadataTopic::partitions);
    Ok(partitions.map(|partition| partition.isr().len()).min().unwrap_or(0))
}

fn partitions(consumer: &BaseConsumer, topic: &str) -> Result<Vec<i32>, Failed> {
    let metadata = consumer.fetch_metadata(Some(topic), LIMIT)?;
    let partitions = metadata.topics().iter().flat_map(MetadataTopic::partitions);
    let partitions: Vec<i32> = partitions.map(MetadataPartition::id).collect();
    ensure(!partitions.is_empty(), || format!("there is no topic {topic}"))?;
    Ok(partitions)
}

/// Everything that a topic holds right now, as far as it is committed.
pub(crate) fn read_all(brokers: &impl Brokers, topic: &str) -> Result<Vec<Received>, Failed> {
    let consumer: BaseConsumer = brokers
        .client()
        .set("group.id", "system-test")
        .set("enable.auto.commit", "false")
        .set("enable.partition.eof", "true")
        .set("isolation.level", "read_committed")
        .set("fetch.message.max.bytes", "4000000")
        .create()?;
    let mut received = Vec::new();
    for partition in partitions(&consumer, topic)? {
        read_partition(&consumer, topic, partition, &mut received)?;
    }
    Ok(received)
}

fn read_partition(
    consumer: &BaseConsumer,
    topic: &str,
    partition: i32,
    received: &mut Vec<Received>,
) -> Result<(), Failed> {
    let (_, end) = consumer.fetch_watermarks(topic, partition, LIMIT)?;
    let mut assignment = TopicPartitionList::new();
    assignment.add_partition_offset(topic, partition, Offset::Beginning)?;
    consumer.assign(&assignment)?;
    // A topic that is written all the time has no end, and the last offset may have no record, such as that of a
    // commit.
    let mut next = 0;
    while next < end {
        match consumer.poll(LIMIT).ok_or("the topic cannot be read to its end")? {
            Ok(message) => {
                next = message.offset() + 1;
                received.push(receive(&message));
            }
            Err(KafkaError::PartitionEOF(at)) if at == partition => return Ok(()),
            // That of the partition before.
            Err(KafkaError::PartitionEOF(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

fn receive(message: &BorrowedMessage<'_>) -> Received {
    let headers = message.headers().into_iter().flat_map(Headers::iter);
    let text =
        |bytes: Option<&[u8]>| String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned();
    Received {
        key: message.key().unwrap_or_default().to_vec(),
        value: message.payload().unwrap_or_default().to_vec(),
        headers: headers.map(|header| (header.key.to_owned(), text(header.value))).collect(),
    }
}

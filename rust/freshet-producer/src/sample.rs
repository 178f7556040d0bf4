//! `--sample`: the newest records of a topic, for `./freshet infer`.

use std::collections::HashSet;
use std::io::{self, Write as _};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use freshet_core::config::Kafka;
use freshet_core::infer::SampleRecord;
use freshet_service::kafka::client_config;
use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::message::Message as _;
use rdkafka::topic_partition_list::{Offset, TopicPartitionListElem};

const CLIENT_ID: &str = "freshet-sample";
/// How long Kafka may take to say something.
const LIMIT: Duration = Duration::from_secs(15);

/// Prints the newest records of all partitions, one JSON object a line, in the order of their timestamps.
pub(crate) fn print(kafka: &Kafka, topic: &str, most: usize) -> anyhow::Result<()> {
    let mut output = io::stdout().lock();
    for record in newest(kafka, topic, most)? {
        serde_json::to_writer(&mut output, &record)?;
        output.write_all(b"\n")?;
    }
    Ok(output.flush()?)
}

fn newest(kafka: &Kafka, topic: &str, most: usize) -> anyhow::Result<Vec<SampleRecord>> {
    let mut config = client_config(kafka, CLIENT_ID);
    // No group is joined and no offset stored: the name is asked for all the same.
    config.set("group.id", CLIENT_ID).set("enable.auto.commit", "false");
    config.set("enable.partition.eof", "true").set("isolation.level", "read_committed");
    let consumer: BaseConsumer = config.create().context("cannot create a Kafka client")?;
    let starts = starts(&consumer, topic, most)?;
    let mut open: HashSet<i32> =
        starts.elements().iter().map(TopicPartitionListElem::partition).collect();
    consumer.assign(&starts)?;
    let mut records = Vec::new();
    let mut heard = Instant::now();
    while !open.is_empty() {
        ensure!(heard.elapsed() < LIMIT, "Kafka has not answered for {} s", LIMIT.as_secs());
        match consumer.poll(Duration::from_millis(200)) {
            None => continue,
            Some(Ok(message)) => records.push(SampleRecord {
                key: message.key().map(<[u8]>::to_vec),
                value: message.payload().map(<[u8]>::to_vec),
                timestamp_ms: message.timestamp().to_millis(),
            }),
            Some(Err(KafkaError::PartitionEOF(partition))) => {
                open.remove(&partition);
            }
            Some(Err(error)) => return Err(error).context("cannot read the topic"),
        }
        heard = Instant::now();
    }
    records.sort_by_key(|record| record.timestamp_ms);
    Ok(records.split_off(records.len().saturating_sub(most)))
}

/// Where the newest records of each partition begin.
fn starts(consumer: &BaseConsumer, topic: &str, most: usize) -> anyhow::Result<TopicPartitionList> {
    let metadata = consumer.fetch_metadata(Some(topic), LIMIT).context("cannot reach Kafka")?;
    let partitions =
        metadata.topics().iter().flat_map(rdkafka::metadata::MetadataTopic::partitions);
    let mut starts = TopicPartitionList::new();
    for partition in partitions {
        let (low, high) = consumer
            .fetch_watermarks(topic, partition.id(), LIMIT)
            .with_context(|| format!("cannot reach partition {} of {topic}", partition.id()))?;
        let start = (high - i64::try_from(most)?).max(low);
        starts.add_partition_offset(topic, partition.id(), Offset::Offset(start))?;
    }
    ensure!(starts.count() > 0, "there is no topic '{topic}': name one that is there");
    Ok(starts)
}

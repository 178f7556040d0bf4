//! The Kafka consumer: settings, and what librdkafka tells on its way.
//!
//! Offsets are stored by the pipeline, and only for messages that are done. librdkafka commits
//! what is stored: every second, when partitions are taken away, and when the consumer closes.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use freshet_core::config::Config;
use freshet_service::Health;
use freshet_service::kafka::{ClientLog, client_config};
use rdkafka::client::ClientContext;
use rdkafka::config::{FromClientConfigAndContext, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext, Rebalance, StreamConsumer};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::{Statistics, TopicPartitionList};

use crate::offsets::{Offsets, Storable};

/// The consumer group, after the topic prefix.
const GROUP: &str = "freshet-cassandra-writer";

/// A consumer of the windows topics.
pub(crate) type WindowsConsumer = StreamConsumer<Context>;

/// What librdkafka's callbacks and the pipeline share.
#[derive(Debug)]
pub(crate) struct Context {
    offsets: Mutex<Offsets>,
    health: Arc<Health>,
    log: ClientLog,
}

impl Context {
    /// The messages that are not done yet. Never held across an await or a call of librdkafka.
    pub(crate) fn offsets(&self) -> MutexGuard<'_, Offsets> {
        self.offsets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.log.line(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        ClientLog::failure(&error, reason);
    }

    fn stats(&self, statistics: Statistics) {
        self.health.set_lag(lag(&statistics));
    }
}

impl ConsumerContext for Context {
    fn pre_rebalance(&self, _: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        match rebalance {
            Rebalance::Assign(partitions) => {
                tracing::info!(partitions = partitions.count(), "partitions assigned");
            }
            Rebalance::Revoke(partitions) => {
                tracing::info!(partitions = partitions.count(), "partitions revoked");
                let mut offsets = self.offsets();
                for element in partitions.elements() {
                    offsets.revoke(element.topic(), element.partition());
                }
            }
            Rebalance::Error(error) => tracing::warn!(%error, "a rebalance failed"),
        }
    }

    fn commit_callback(&self, result: KafkaResult<()>, _: &TopicPartitionList) {
        if let Err(error) = result {
            // What was not committed is read and written again: no harm but the work.
            self.health.error("commit");
            tracing::warn!(%error, "offsets were not committed");
        }
    }
}

/// Subscribes to the windows of all configured streams.
pub(crate) fn subscribe(config: &Config, health: &Arc<Health>) -> KafkaResult<WindowsConsumer> {
    let mut client = client_config(&config.kafka, GROUP);
    client
        .set("group.id", format!("{}{GROUP}", config.kafka.topic_prefix))
        .set("auto.offset.reset", "earliest")
        .set("enable.auto.offset.store", "false")
        .set("enable.auto.commit", "true")
        .set("auto.commit.interval.ms", "1000")
        .set("isolation.level", "read_committed")
        // How long the partitions of a writer that was killed lie idle; librdkafka waits 45 s.
        .set("session.timeout.ms", "10000")
        // A rebalance takes away only what somebody else gets.
        .set("partition.assignment.strategy", "cooperative-sticky")
        // Topics that are created later are noticed within seconds.
        .set("topic.metadata.refresh.interval.ms", "5000")
        .set("queued.min.messages", "10000")
        .set("queued.max.messages.kbytes", "16384")
        // A fetcher that finds the queue full looks again this soon; by default it sleeps a second,
        // in which the queue runs empty.
        .set("fetch.queue.backoff.ms", "20")
        .set("statistics.interval.ms", "1000");
    let context = Context {
        offsets: Mutex::default(),
        health: Arc::clone(health),
        log: ClientLog::default(),
    };
    let consumer = WindowsConsumer::from_config_and_context(&client, context)?;
    let topics: Vec<String> =
        config.streams.iter().map(|stream| config.kafka.windows_topic(&stream.name)).collect();
    consumer.subscribe(&topics.iter().map(String::as_str).collect::<Vec<_>>())?;
    Ok(consumer)
}

/// Hands storable offsets to librdkafka, which commits them.
pub(crate) fn store(consumer: &WindowsConsumer, storable: Vec<Storable>) {
    for Storable { topic, partition, next_offset } in storable {
        let mut list = TopicPartitionList::with_capacity(1);
        let stored = list
            .add_partition_offset(&topic, partition, rdkafka::Offset::Offset(next_offset))
            .and_then(|()| consumer.store_offsets(&list));
        if let Err(error) = stored {
            // The partition was taken away a moment ago; its next owner starts further back.
            tracing::debug!(%error, topic, partition, "an offset was not stored");
        }
    }
}

/// How many messages wait in all assigned partitions, as far as that is known.
fn lag(statistics: &Statistics) -> Option<u64> {
    statistics
        .topics
        .values()
        .flat_map(|topic| topic.partitions.values())
        .filter_map(|partition| u64::try_from(partition.consumer_lag).ok())
        .reduce(u64::saturating_add)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rdkafka::statistics::{Partition, Topic};

    fn statistics(lags: &[i64]) -> Statistics {
        let partitions = (0..)
            .zip(lags)
            .map(|(number, lag)| (number, Partition { consumer_lag: *lag, ..Partition::default() }))
            .collect();
        let topic = Topic { partitions, ..Topic::default() };
        Statistics { topics: [("windows.host".to_owned(), topic)].into(), ..Statistics::default() }
    }

    #[test]
    fn the_lag_is_the_sum_over_the_partitions_that_know_theirs() {
        assert_eq!(lag(&statistics(&[3, -1, 4])), Some(7));
        assert_eq!(lag(&statistics(&[-1])), None);
        assert_eq!(lag(&statistics(&[])), None);
    }
}

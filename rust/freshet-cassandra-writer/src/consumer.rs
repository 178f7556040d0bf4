//! The Kafka consumer: settings, and what librdkafka tells on its way.
//!
//! Offsets are stored by the pipeline, and only for messages that are done. librdkafka commits
//! what is stored: every second, when partitions are taken away, and when the consumer closes.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use freshet_core::config::Config;
use freshet_core::wire::{Component, ErrorKind};
use freshet_runtime::Health;
use freshet_runtime::clock::{epoch_ms, host_name};
use freshet_service::kafka::{ClientLog, client_config};
use rdkafka::client::ClientContext;
use rdkafka::config::{FromClientConfigAndContext, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext, Rebalance, StreamConsumer};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::{Statistics, TopicPartitionList};

use crate::offsets::{Offsets, Storable};
use crate::topic_ids::TopicIds;
use crate::watch::{Seen, TopicPartition};

/// How long an assignment waits for what was committed.
const COMMITTED_TIMEOUT: Duration = Duration::from_secs(5);

/// How long leaving the group may take.
const LEAVE_TIMEOUT: Duration = Duration::from_secs(3);

/// How long the end of a consumer may take. One whose brokers answer ends within a second.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// How often it is looked whether the group is left.
const LEAVE_INTERVAL: Duration = Duration::from_millis(20);

/// How long the partitions of a writer that was killed lie idle. Longer than a restart of the broker, so that the
/// consumer need not join the group anew after it.
const SESSION_TIMEOUT_MS: &str = "8000";

/// The same of a writer that is started again under its name, wherever that takes: its partitions wait for it.
const NAMED_SESSION_TIMEOUT_MS: &str = "30000";

/// What librdkafka's statistics call a consumer that has left its group.
const OUTSIDE: &str = "init";

/// A consumer of the windows topics.
pub(crate) type WindowsConsumer = StreamConsumer<Context>;

/// What librdkafka's callbacks and the pipeline share. One consumer may take it over from another.
#[derive(Debug, Clone)]
pub(crate) struct Context {
    shared: Arc<Shared>,
    log: Arc<ClientLog>,
}

#[derive(Debug)]
struct Shared {
    /// The name among the members of the group where the configuration gives none.
    own_instance_id: String,
    offsets: Mutex<Offsets>,
    ids: Mutex<TopicIds>,
    fetched: Mutex<HashMap<TopicPartition, Fetched>>,
    /// Whether the consumer is no member of the group, nor about to be one.
    is_outside: AtomicBool,
    health: Arc<Health>,
}

/// What librdkafka knows of an assigned partition.
#[derive(Debug, Clone, Copy, Default)]
struct Fetched {
    /// The offset that was committed when the partition was assigned.
    committed: Option<i64>,
    /// The next offset to fetch.
    next: Option<i64>,
    /// Whether fetched messages wait to be received.
    is_queued: bool,
}

impl Context {
    pub(crate) fn new(health: &Arc<Health>) -> Self {
        let shared = Shared {
            own_instance_id: own_instance_id(&host_name(), std::process::id(), epoch_ms()),
            offsets: Mutex::default(),
            ids: Mutex::default(),
            fetched: Mutex::default(),
            is_outside: AtomicBool::new(true),
            health: Arc::clone(health),
        };
        Self { shared: Arc::new(shared), log: Arc::default() }
    }

    /// The messages that are not done yet. Like the other locks never held across an await or a call of librdkafka.
    pub(crate) fn offsets(&self) -> MutexGuard<'_, Offsets> {
        lock(&self.shared.offsets)
    }

    /// The topics that the offsets of the assigned partitions were counted in.
    pub(crate) fn ids(&self) -> MutexGuard<'_, TopicIds> {
        lock(&self.shared.ids)
    }

    /// An assigned partition as the consumer sees it.
    pub(crate) fn seen(&self, at: &TopicPartition) -> Seen {
        let fetched = lock(&self.shared.fetched).get(at).copied().unwrap_or_default();
        let progress = self.offsets().progress(&at.0, at.1);
        Seen {
            fetched: fetched.next,
            received: progress.map(|progress| progress.received).or(fetched.committed),
            written: progress.map(|progress| progress.next_offset).or(fetched.committed),
            is_busy: fetched.is_queued || progress.is_some_and(|progress| !progress.is_idle),
            ..Seen::default()
        }
    }

    /// Forgets how far a partition was read: it is read anew.
    pub(crate) fn start_over(&self, topic: &str, partition: i32) {
        self.offsets().revoke(topic, partition);
        self.ids().counts_anew(topic, partition);
        let at = (topic.to_owned(), partition);
        lock(&self.shared.fetched).insert(at, Fetched::default());
    }

    fn revoke(&self, partitions: &TopicPartitionList) {
        for element in partitions.elements() {
            let (topic, partition) = (element.topic(), element.partition());
            self.offsets().revoke(topic, partition);
            self.ids().revoked(topic, partition);
            lock(&self.shared.fetched).remove(&(topic.to_owned(), partition));
        }
    }

    fn note_committed(&self, committed: &TopicPartitionList) {
        for element in committed.elements() {
            let (topic, partition) = (element.topic(), element.partition());
            self.ids().assigned(topic, partition, element.metadata());
            let committed = match element.offset() {
                rdkafka::Offset::Offset(offset) => Some(offset),
                _ => None,
            };
            let fetched = Fetched { committed, ..Fetched::default() };
            lock(&self.shared.fetched).insert((topic.to_owned(), partition), fetched);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.ids().learn(message);
        self.log.line(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        ClientLog::failure(&error, reason);
    }

    fn stats(&self, statistics: Statistics) {
        let is_outside = statistics.cgrp.is_some_and(|group| group.join_state == OUTSIDE);
        self.shared.is_outside.store(is_outside, Ordering::Relaxed);
        let mut fetched = lock(&self.shared.fetched);
        for (topic, partition) in statistics.topics.iter().flat_map(|(name, topic)| {
            topic.partitions.values().map(move |partition| (name, partition))
        }) {
            if let Some(fetched) = fetched.get_mut(&(topic.clone(), partition.partition)) {
                fetched.next = (partition.next_offset >= 0).then_some(partition.next_offset);
                fetched.is_queued = partition.fetchq_cnt > 0;
            }
        }
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
                self.revoke(partitions);
            }
            Rebalance::Error(error) => tracing::warn!(%error, "a rebalance failed"),
        }
    }

    fn post_rebalance(&self, consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        let Rebalance::Assign(partitions) = rebalance else { return };
        match consumer.committed_offsets((*partitions).clone(), COMMITTED_TIMEOUT) {
            Ok(committed) => self.note_committed(&committed),
            Err(error) => {
                // Only a topic that was made anew meanwhile is not noticed by this.
                tracing::warn!(%error, "what was committed is not known");
                self.note_committed(partitions);
            }
        }
    }

    fn commit_callback(&self, result: KafkaResult<()>, _: &TopicPartitionList) {
        if let Err(error) = result {
            // What was not committed is read and written again: no harm but the work.
            self.shared.health.error(ErrorKind::Commit);
            tracing::warn!(%error, "offsets were not committed");
        }
    }
}

/// Subscribes to the windows of all configured streams.
pub(crate) fn subscribe(config: &Config, context: Context) -> KafkaResult<WindowsConsumer> {
    let mut client = client_config(&config.kafka, Component::CassandraWriter.name());
    let (instance_id, session_timeout_ms) = match &config.writer.instance_id {
        Some(instance_id) => (instance_id.clone(), NAMED_SESSION_TIMEOUT_MS),
        None => (context.shared.own_instance_id.clone(), SESSION_TIMEOUT_MS),
    };
    client
        .set("group.id", config.kafka.writer_group())
        .set("group.instance.id", instance_id)
        .set("auto.offset.reset", "earliest")
        .set("enable.auto.offset.store", "false")
        .set("enable.auto.commit", "true")
        .set("auto.commit.interval.ms", "1000")
        .set("isolation.level", "read_committed")
        .set("session.timeout.ms", session_timeout_ms)
        .set("heartbeat.interval.ms", "2000")
        // A rebalance takes away only what somebody else gets.
        .set("partition.assignment.strategy", "cooperative-sticky")
        // Topics that are created later are noticed within seconds.
        .set("topic.metadata.refresh.interval.ms", "5000")
        .set("queued.min.messages", "10000")
        .set("queued.max.messages.kbytes", "16384")
        // A fetcher that finds the queue full looks again this soon; by default it sleeps a second,
        // in which the queue runs empty.
        .set("fetch.queue.backoff.ms", "20")
        // Also how soon it is noticed that the group is left.
        .set("statistics.interval.ms", "500")
        // The ids of topics are told there and nowhere else; see `topic_ids`.
        .set("debug", "topic")
        .set_log_level(RDKafkaLogLevel::Debug);
    let consumer = WindowsConsumer::from_config_and_context(&client, context)?;
    let topics: Vec<String> =
        config.streams.iter().map(|stream| config.kafka.windows_topic(&stream.name)).collect();
    consumer.subscribe(&topics.iter().map(String::as_str).collect::<Vec<_>>())?;
    Ok(consumer)
}

/// A name for the consumers of this process, one after the other, among the members of the group.
///
/// A member with a name takes its own place again after an outage of the broker, and so does the successor of one that
/// was fenced, instead of waiting until the broker has missed its former self for a whole session. It is of no use to
/// the next process: that may run beside this one. Who runs writers that never do so gives them names that stay,
/// `writer.instance_id`.
fn own_instance_id(host: &str, process: u32, since_ms: i64) -> String {
    let host = host.replace(|char: char| !char.is_ascii_alphanumeric() && char != '-', "-");
    format!("{host}-{process}-{since_ms}")
}

/// Leaves the group, so that others get the partitions at once: a member with a name is else waited for.
pub(crate) async fn leave(consumer: &WindowsConsumer) {
    let is_outside = &consumer.context().shared.is_outside;
    is_outside.store(false, Ordering::Relaxed);
    consumer.unsubscribe();
    let left = tokio::time::timeout(LEAVE_TIMEOUT, async {
        while !is_outside.load(Ordering::Relaxed) {
            // Callbacks run while it is polled. What still comes is read again by whoever gets the partition.
            drop(tokio::time::timeout(LEAVE_INTERVAL, consumer.recv()).await);
        }
    });
    if left.await.is_err() {
        tracing::warn!("the consumer group was not left; its partitions lie idle for a while");
    }
}

/// Ends a consumer. One that no broker answers waits for answers that never come: it is left to itself after a while.
pub(crate) async fn close(consumer: Arc<WindowsConsumer>) {
    let (closed, is_closed) = tokio::sync::oneshot::channel();
    // Not a task of the runtime, which would wait for it at the end of the process.
    std::thread::spawn(move || {
        drop(consumer);
        // Fails where nobody waits any more.
        closed.send(()).ok();
    });
    if tokio::time::timeout(CLOSE_TIMEOUT, is_closed).await.is_err() {
        tracing::warn!("a consumer that no broker answers does not end, and is left to itself");
    }
}

/// Hands storable offsets to librdkafka, which commits them.
pub(crate) fn store(consumer: &WindowsConsumer, storable: Vec<Storable>) {
    for Storable { topic, partition, next_offset } in storable {
        let metadata = {
            let ids = consumer.context().ids();
            if ids.is_foreign(&topic, partition) {
                // It counts in a topic that is gone.
                continue;
            }
            ids.metadata(&topic)
        };
        let mut list = TopicPartitionList::with_capacity(1);
        let mut element = list.add_partition(&topic, partition);
        element.set_metadata(metadata);
        let stored = element
            .set_offset(rdkafka::Offset::Offset(next_offset))
            .and_then(|()| consumer.store_offsets(&list));
        if let Err(error) = stored {
            // The partition was taken away a moment ago; its next owner starts further back.
            tracing::debug!(%error, topic, partition, "an offset was not stored");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_in_the_group_has_only_characters_that_kafka_takes() {
        assert_eq!(own_instance_id("laptop-7", 12, 1_700), "laptop-7-12-1700");
        assert_eq!(own_instance_id("höst.local", 12, 1_700), "h-st-local-12-1700");
    }
}

//! The topics of a pipeline, as the components create them when they are missing.

use serde::Serialize;

use crate::config::Config;

/// A topic to create.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TopicSpec {
    /// The full name.
    pub name: String,
    /// Number of partitions.
    pub partitions: i32,
    /// Number of replicas.
    pub replication_factor: i32,
    /// Topic settings in Kafka's names.
    pub settings: Vec<(String, String)>,
}

const DAY_MS: u64 = 86_400_000;
const HOUR_MS: u64 = 3_600_000;

/// The largest dead letter, in bytes; neither the writer nor `DeadLetters.java` sends a larger one.
pub const DEAD_LETTER_BYTES: u32 = 16 << 20;

/// All topics of the pipeline: raw and windows of every stream, dead letters, health.
pub fn all(config: &Config) -> Vec<TopicSpec> {
    let kafka = &config.kafka;
    let topic = |name, partitions, settings: &[(&str, String)]| TopicSpec {
        name,
        partitions,
        replication_factor: kafka.replication_factor,
        settings: settings.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect(),
    };
    let retention = |ms: u64| ("retention.ms", ms.to_string());
    let mut topics = Vec::new();
    for stream in &config.streams {
        let name = &stream.name;
        topics.push(topic(kafka.raw_topic(name), kafka.partitions, &[retention(7 * DAY_MS)]));
        // Only the newest version of a window counts, and Cassandra keeps the history.
        let settings = [("cleanup.policy", "compact,delete".to_owned()), retention(2 * DAY_MS)];
        topics.push(topic(kafka.windows_topic(name), kafka.partitions, &settings));
    }
    let settings = [
        // A repeated task's letters replace the ones that it has sent before.
        ("cleanup.policy", "compact,delete".to_owned()),
        retention(30 * DAY_MS),
        // A record that is too large for anything else still has to fit here.
        ("max.message.bytes", DEAD_LETTER_BYTES.to_string()),
    ];
    topics.push(topic(kafka.dead_letters_topic(), 1, &settings));
    topics.push(topic(kafka.health_topic(), 1, &[retention(HOUR_MS)]));
    topics
}

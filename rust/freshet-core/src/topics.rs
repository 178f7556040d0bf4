//! The topics of a pipeline: their names, and how the components create them when they are missing.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::config::{Config, Kafka};
use crate::record::Stream;
use crate::text::declare_names;
use crate::wire::{Component, MAX_LETTER_BYTES};

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

declare_names! {
    /// What a topic carries. Its name is this one after the configured prefix, with [`STREAM`] replaced.
    pub enum Topic as "topic" {
        /// The sources' own bytes.
        Raw = "raw.<stream>",
        /// The windows, one message each time that one has changed.
        Windows = "windows.<stream>",
        /// Rejected records, byte for byte, with the reason in their headers.
        DeadLetters = "dead-letters",
        /// What every component says of itself once a second.
        Health = "health",
        /// Where each source that can resume goes on: written in the transaction of its records.
        Cursors = "cursors",
    }
}

/// What stands in a topic's name for the stream.
pub const STREAM: &str = "<stream>";

/// The largest batch of a raw topic: a value of 1 MiB, and as much as a sixteenth of that around it.
const MAX_RAW_BATCH_BYTES: u32 = (1 << 20) + (1 << 16);

const DAY_MS: u64 = 86_400_000;
const HOUR_MS: u64 = 3_600_000;

impl Topic {
    /// Whether each stream has one of its own.
    pub fn is_per_stream(self) -> bool {
        self.name().contains(STREAM)
    }

    /// What the keys of its messages are, in one sentence.
    pub const fn keys(self) -> &'static str {
        match self {
            Self::Raw => "The series, where the source knows it.",
            Self::Windows => {
                "`series|metric|window|start`, so that compaction keeps the newest version."
            }
            Self::DeadLetters => {
                "`topic-partition-offset` of the record, so that a replay overwrites its letters."
            }
            Self::Health => "The component, or `component/stream`.",
            Self::Cursors => "The name of the source.",
        }
    }

    /// How long messages are kept, in milliseconds; `None` for ever.
    pub const fn retention_ms(self) -> Option<u64> {
        match self {
            Self::Raw => Some(7 * DAY_MS),
            // Cassandra keeps the history.
            Self::Windows => Some(2 * DAY_MS),
            Self::DeadLetters => Some(30 * DAY_MS),
            Self::Health => Some(HOUR_MS),
            Self::Cursors => None,
        }
    }

    /// Whether only the newest message of each key counts.
    pub const fn is_compacted(self) -> bool {
        matches!(self, Self::Windows | Self::DeadLetters | Self::Cursors)
    }

    /// The largest batch that it takes, in bytes; `None` for Kafka's own limit.
    const fn largest(self) -> Option<u32> {
        match self {
            // A record that the parser takes fits in, with its key and its headers.
            Self::Raw => Some(MAX_RAW_BATCH_BYTES),
            // A record that is too large for anything else still has to fit here.
            Self::DeadLetters => Some(MAX_LETTER_BYTES),
            Self::Windows | Self::Health | Self::Cursors => None,
        }
    }

    /// The name in a cluster whose topics have a prefix; `stream` matters where each stream has a topic of its own.
    fn full_name(self, prefix: &str, stream: &str) -> String {
        format!("{prefix}{}", self.name().replace(STREAM, stream))
    }

    /// Topic settings in Kafka's names.
    fn settings(self) -> Vec<(String, String)> {
        let policy = match (self.is_compacted(), self.retention_ms()) {
            (true, Some(_)) => Some("compact,delete"),
            (true, None) => Some("compact"),
            (false, _) => None,
        };
        let policy = policy.map(|policy| ("cleanup.policy", policy.to_owned()));
        let retention = self.retention_ms().map(|limit| ("retention.ms", limit.to_string()));
        let largest = self.largest().map(|bytes| ("max.message.bytes", bytes.to_string()));
        let settings = policy.into_iter().chain(retention).chain(largest);
        settings.map(|(key, value)| (key.to_owned(), value)).collect()
    }
}

impl Kafka {
    /// The topics that carry the source's own bytes, at least one: those that the stream names, also by patterns, or
    /// one of its own.
    pub fn raw_topics(&self, stream: &Stream) -> Vec<String> {
        if stream.topics.is_empty() {
            vec![Topic::Raw.full_name(&self.topic_prefix, &stream.name)]
        } else {
            stream.topics.clone()
        }
    }

    /// The topic that carries the updated windows.
    pub fn windows_topic(&self, stream: &str) -> String {
        Topic::Windows.full_name(&self.topic_prefix, stream)
    }

    /// The topic that keeps rejected records.
    pub fn dead_letters_topic(&self) -> String {
        Topic::DeadLetters.full_name(&self.topic_prefix, "")
    }

    /// The topic that every component reports to.
    pub fn health_topic(&self) -> String {
        Topic::Health.full_name(&self.topic_prefix, "")
    }

    /// The topic that keeps where the sources go on.
    pub fn cursors_topic(&self) -> String {
        Topic::Cursors.full_name(&self.topic_prefix, "")
    }

    /// The id under which the producer's transactions of a source are known: whoever uses it last has fenced the
    /// others.
    pub fn transactional_id(&self, source: &str) -> String {
        format!("{}{}-{source}", self.topic_prefix, Component::Producer)
    }

    /// The consumer group in which Cassandra writers share the partitions: the component's name, with the topics'
    /// prefix.
    pub fn writer_group(&self) -> String {
        format!("{}{}", self.topic_prefix, Component::CassandraWriter)
    }
}

impl Config {
    /// The topic that the sources of the stream of that name send to: the first one that it reads.
    pub fn raw_topic(&self, stream: &str) -> String {
        let usual = || Topic::Raw.full_name(&self.kafka.topic_prefix, stream);
        let named = self.stream(stream).and_then(|stream| stream.topics.first());
        named.cloned().unwrap_or_else(usual)
    }
}

/// The topics of one stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StreamTopics {
    /// The topics that carry the source's own bytes, at least one; also patterns.
    pub raw: Vec<String>,
    /// The topic that carries the updated windows.
    pub windows: String,
}

impl StreamTopics {
    /// The topics of a stream in a cluster whose topics have a prefix.
    pub fn new(prefix: &str, stream: &str) -> Self {
        Self {
            raw: vec![Topic::Raw.full_name(prefix, stream)],
            windows: Topic::Windows.full_name(prefix, stream),
        }
    }
}

/// The names of a pipeline's topics.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TopicNames {
    /// The topic that keeps rejected records.
    pub dead_letters: String,
    /// The topic that every component reports to.
    pub health: String,
    /// The topic that keeps where the sources go on.
    pub cursors: String,
    /// By stream, its topics.
    pub streams: BTreeMap<String, StreamTopics>,
}

/// The names of the pipeline's topics.
pub fn names(config: &Config) -> TopicNames {
    let kafka = &config.kafka;
    let topics = |stream: &Stream| StreamTopics {
        raw: kafka.raw_topics(stream),
        windows: kafka.windows_topic(&stream.name),
    };
    TopicNames {
        dead_letters: kafka.dead_letters_topic(),
        health: kafka.health_topic(),
        cursors: kafka.cursors_topic(),
        streams: config
            .streams
            .iter()
            .map(|stream| (stream.name.clone(), topics(stream)))
            .collect(),
    }
}

/// The topics that the pipeline creates: those of every stream, and those of all together. A topic that a stream names
/// is somebody else's: it is created only for a source of this configuration that sends to it.
pub fn all(config: &Config) -> Vec<TopicSpec> {
    let kafka = &config.kafka;
    let spec = |topic: Topic, name: String, partitions| TopicSpec {
        name,
        partitions,
        replication_factor: kafka.replication_factor,
        settings: topic.settings(),
    };
    let is_fed = |stream: &Stream| config.sources.iter().any(|source| source.stream == stream.name);
    let of_streams = config.streams.iter().flat_map(|stream| {
        let is_ours = stream.topics.is_empty() || is_fed(stream);
        let raw =
            is_ours.then(|| spec(Topic::Raw, config.raw_topic(&stream.name), kafka.partitions));
        let windows = kafka.windows_topic(&stream.name);
        raw.into_iter().chain([spec(Topic::Windows, windows, kafka.partitions)])
    });
    let shared = Topic::ALL.iter().copied().filter(|topic| !topic.is_per_stream());
    let shared = shared.map(|topic| spec(topic, topic.full_name(&kafka.topic_prefix, ""), 1));
    of_streams.chain(shared).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    const CONFIG: &str = "[kafka]\ntopic_prefix = \"a.\"\npartitions = 3\nreplication_factor = 2\n[[stream]]\n\
        name = \"s\"\nvalues = { v = \"v\" }\nwindows = [\"10s\"]\n";

    fn config() -> Config {
        Config::parse(CONFIG, Path::new("freshet.toml"), [].into()).unwrap()
    }

    type Settings<'a> = &'a [(&'a str, &'a str)];

    #[test]
    fn topics_are_created_under_their_names_with_what_they_need() {
        let compacted = ("cleanup.policy", "compact,delete");
        let expected: [(&str, i32, Settings<'_>); 5] = [
            ("a.raw.s", 3, &[("retention.ms", "604800000"), ("max.message.bytes", "1114112")]),
            ("a.windows.s", 3, &[compacted, ("retention.ms", "172800000")]),
            (
                "a.dead-letters",
                1,
                &[compacted, ("retention.ms", "2592000000"), ("max.message.bytes", "16777216")],
            ),
            ("a.health", 1, &[("retention.ms", "3600000")]),
            ("a.cursors", 1, &[("cleanup.policy", "compact")]),
        ];
        let topics = all(&config());
        assert_eq!(topics.len(), expected.len());
        for (topic, (name, partitions, settings)) in topics.iter().zip(expected) {
            let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
            assert_eq!(topic.name, name);
            assert_eq!((topic.partitions, topic.replication_factor), (partitions, 2), "{name}");
            assert_eq!(topic.settings, settings.iter().map(owned).collect::<Vec<_>>(), "{name}");
        }
    }

    #[test]
    fn a_topic_of_somebody_else_is_created_only_for_a_source_that_sends_to_it() {
        let config = |more: &str| {
            let text =
                CONFIG.replace("name = \"s\"\n", "name = \"s\"\ntopic = \"sensors.eu\"\n") + more;
            Config::parse(&text, Path::new("freshet.toml"), [].into()).unwrap()
        };
        let is_created =
            |config: &Config| all(config).iter().any(|topic| topic.name == "sensors.eu");
        let alone = config("");
        assert_eq!(names(&alone).streams["s"].raw, ["sensors.eu"]);
        assert_eq!(names(&alone).streams["s"].windows, "a.windows.s");
        assert!(!is_created(&alone) && all(&alone).iter().all(|topic| topic.name != "a.raw.s"));
        assert!(is_created(&config("[[source]]\nkind = \"synthetic\"\nstream = \"s\"\n")));
    }

    #[test]
    fn a_source_sends_to_the_first_of_several_topics() {
        let several = "name = \"s\"\ntopics = [\"sensors.eu\", \"a.raw.s\"]\n";
        let source = "[[source]]\nkind = \"synthetic\"\nstream = \"s\"\n";
        let config = |more: &str| {
            let text = CONFIG.replace("name = \"s\"\n", several) + more;
            Config::parse(&text, Path::new("freshet.toml"), [].into()).unwrap()
        };
        let created = |config: &Config| -> Vec<String> {
            let topics = all(config).into_iter().map(|topic| topic.name);
            topics.filter(|name| name.starts_with("sensors") || name.starts_with("a.raw")).collect()
        };
        let alone = config("");
        assert_eq!(names(&alone).streams["s"].raw, ["sensors.eu", "a.raw.s"]);
        assert!(created(&alone).is_empty());
        assert_eq!(created(&config(source)), ["sensors.eu"]);
        assert_eq!(alone.raw_topic("s"), "sensors.eu");
        let text =
            CONFIG.replace("name = \"s\"\n", "name = \"s\"\ntopics = [\"sensors.*\"]\n") + source;
        let error = Config::parse(&text, Path::new("freshet.toml"), [].into()).unwrap_err();
        assert!(
            error.to_string().contains("reads 'sensors.*', which is no topic to send to"),
            "{error}"
        );
    }

    #[test]
    fn a_topic_is_read_by_one_stream_and_not_written_by_the_pipeline() {
        let refused = |topic: &str| {
            let other = "[[stream]]\nname = \"t\"\nvalues = { v = \"v\" }\nwindows = [\"10s\"]\n";
            let text = format!("{CONFIG}{other}topic = \"{topic}\"\n");
            Config::parse(&text, Path::new("freshet.toml"), [].into()).unwrap_err().to_string()
        };
        let list = |topics: &str| {
            let text = CONFIG.replace("name = \"s\"\n", &format!("name = \"s\"\n{topics}\n"));
            Config::parse(&text, Path::new("freshet.toml"), [].into()).unwrap_err().to_string()
        };
        for (topics, message) in [
            ("topics = []", "stream.topics: name at least one, such as \"sensors.eu\""),
            ("topics = [\"a\", \"a b\"]", "stream.topics: a topic's name has up to 249 letters"),
            ("topics = [\"a\", \"b\", \"a\"]", "stream.topics: 'a' is there twice"),
            (
                "topics = [\"a\", \"a.h*\"]",
                "stream.topics: 'a.h*' also means 'a.health', and that is what the pipeline",
            ),
            (
                "topics = [\"a\", \"a.health\"]",
                "stream.topics: 'a.health' is what the pipeline itself",
            ),
            (
                "topic = \"a\"\ntopics = [\"b\"]",
                "stream.topics: stands beside 'topic': name all topics",
            ),
        ] {
            let found = list(topics);
            let (_, found) = found.split_once(": ").unwrap();
            assert!(found.starts_with(message), "{found}");
        }
        for (topic, message) in [
            ("a.raw.s", "stream.topic: 'a.raw.s' would be read by 's' and 't': let one stream"),
            ("a.windows.s", "stream.topic: 'a.windows.s' is what the pipeline itself writes"),
            ("a.health", "stream.topic: 'a.health' is what the pipeline itself writes"),
            ("a b", "stream.topic: a topic's name has up to 249 letters"),
        ] {
            let found = refused(topic);
            assert!(found.starts_with(&format!("freshet.toml:13: {message}")), "{found}");
        }
    }

    #[test]
    fn the_names_are_those_of_the_topics_that_are_created() {
        let config = config();
        let names = names(&config);
        let topics =
            StreamTopics { raw: vec!["a.raw.s".to_owned()], windows: "a.windows.s".to_owned() };
        assert_eq!(names.streams, BTreeMap::from([("s".to_owned(), topics)]));
        let of_stream =
            names.streams.values().flat_map(|topics| topics.raw.iter().chain([&topics.windows]));
        let expected: Vec<&String> =
            of_stream.chain([&names.dead_letters, &names.health, &names.cursors]).collect();
        let created = all(&config);
        assert_eq!(expected, created.iter().map(|topic| &topic.name).collect::<Vec<_>>());
        assert_eq!(config.kafka.writer_group(), "a.freshet-cassandra-writer");
    }
}

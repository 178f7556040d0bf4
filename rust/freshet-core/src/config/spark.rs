//! `[spark]`: how the streaming queries run.

use std::time::Duration;

use serde::Serialize;

use super::error::ConfigError;
use super::key::{Key, Kind, Presence, Table};
use super::section::Section;

/// `[spark]`.
pub(super) const TABLE: Table = Table {
    path: "spark",
    is_repeated: false,
    is_list: false,
    meaning: "how the streaming queries run",
    keys: &[
        Key {
            name: "trigger",
            // Spark takes milliseconds of 64 bits; more than a day between two micro-batches is a mistake.
            kind: Kind::Duration(Duration::from_hours(24)),
            presence: Presence::Default("1s"),
            meaning: "time between micro-batches; `0s` as fast as possible; each costs some 60 to 100 ms of a core, \
                      however few records it has",
            example: r#""5s""#,
            ..Key::NEW
        },
        Key {
            name: "shuffle_partitions",
            kind: Kind::Integer(1, 100_000),
            presence: Presence::Default("2"),
            meaning: "of the stateful merge; fixed by the first run, a later value has no effect on its checkpoint",
            example: "8",
            ..Key::NEW
        },
        Key {
            name: "max_offsets_per_trigger",
            kind: Kind::Integer(1, i64::MAX),
            presence: Presence::Optional("all there are"),
            meaning: "the most records of a micro-batch",
            example: "1000000",
            ..Key::NEW
        },
        Key {
            name: "checkpoint_location",
            presence: Presence::Default(".freshet/checkpoints"),
            meaning: "folder or URL below which each stream keeps its checkpoint; on a cluster one that all \
                      executors reach",
            example: r#""hdfs:///freshet/checkpoints""#,
            ..Key::NEW
        },
        Key {
            name: "state_store",
            kind: Kind::Choice(&StateStore::NAMES),
            presence: Presence::Default("memory"),
            meaning: "`rocksdb` is for more series than the heap holds",
            example: r#""rocksdb""#,
            ..Key::NEW
        },
    ],
};

/// Settings that all streaming queries share.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Spark {
    /// Time between the starts of two micro-batches; zero starts the next one at once.
    #[serde(serialize_with = "crate::duration::serialize_milliseconds")]
    pub trigger: Duration,
    /// Partitions of the stateful merge. It is fixed by the first run: the checkpoint remembers it.
    pub shuffle_partitions: u32,
    /// The most records a micro-batch takes per stream; `None` takes all there are.
    pub max_offsets_per_trigger: Option<u64>,
    /// Folder (or URL) below which each stream keeps its checkpoint.
    pub checkpoint_location: String,
    /// Where the windows that can still change are kept between two micro-batches.
    pub state_store: StateStore,
}

/// Spark's state stores.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StateStore {
    /// On the heap: the faster one while the state fits there.
    Memory,
    /// `RocksDB` with changelog checkpoints: for more series than the heap holds.
    Rocksdb,
}

impl Spark {
    pub(super) fn read(section: &Section<'_>) -> Result<Self, ConfigError> {
        let spark = Self {
            trigger: section.duration("trigger")?.value,
            shuffle_partitions: section.integer("shuffle_partitions")?,
            max_offsets_per_trigger: section.optional_integer("max_offsets_per_trigger")?,
            checkpoint_location: section.text("checkpoint_location")?.value,
            state_store: StateStore::ALL[section.choice("state_store")?],
        };
        section.finish()?;
        Ok(spark)
    }
}

impl StateStore {
    const ALL: [Self; 2] = [Self::Memory, Self::Rocksdb];
    const NAMES: [&str; 2] = names!(Self::ALL);

    const fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Rocksdb => "rocksdb",
        }
    }
}

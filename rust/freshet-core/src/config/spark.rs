//! `[spark]`: how the streaming queries run.

use std::time::Duration;

use serde::Serialize;

use super::error::ConfigError;
use super::section::Section;

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

/// Spark takes milliseconds of 64 bits; more than a day between two micro-batches is a mistake.
const LONGEST_TRIGGER: Duration = Duration::from_hours(24);

impl Spark {
    pub(super) fn read(section: &Section<'_>) -> Result<Self, ConfigError> {
        let spark = Self {
            trigger: section
                .duration_up_to("trigger", LONGEST_TRIGGER)?
                .map_or(Duration::from_secs(1), |found| found.value),
            shuffle_partitions: section
                .integer_within("shuffle_partitions", (1, 100_000))?
                .unwrap_or(2),
            max_offsets_per_trigger: section
                .integer_within("max_offsets_per_trigger", (1, i64::MAX))?,
            checkpoint_location: section
                .text("checkpoint_location")?
                .map_or_else(|| ".freshet/checkpoints".to_owned(), |found| found.value),
            state_store: section
                .choice("state_store", &StateStore::ALL, StateStore::name)?
                .unwrap_or(StateStore::Memory),
        };
        section.finish()?;
        Ok(spark)
    }
}

impl StateStore {
    const ALL: [Self; 2] = [Self::Memory, Self::Rocksdb];

    fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Rocksdb => "rocksdb",
        }
    }
}

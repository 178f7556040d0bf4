//! The `[[source]]` tables of `freshet.toml`: what all sources have, and what each kind has.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use freshet_core::config::{Config, ConfigError, Key, Kind, Loaded, Presence, Section, Source};

use crate::kinds::{self, KINDS};
use crate::record::{self, Transform};
use crate::source::Open;

/// What all sources have beside name, kind and stream.
pub const COMMON_KEYS: &[Key] = &[
    record::KEYS[0],
    record::KEYS[1],
    record::KEYS[2],
    Key {
        name: "commit_interval",
        kind: Kind::Duration(Duration::from_secs(10)),
        presence: Presence::Default("100ms"),
        meaning: "how long a Kafka transaction of a source that can resume stays open: readers wait for its end",
        example: r#""1s""#,
        ..Key::NEW
    },
    Key {
        name: "buffer",
        kind: Kind::Integer(1, 1024),
        presence: Presence::Default("8"),
        meaning: "MiB of messages that wait in memory for Kafka",
        example: "32",
        ..Key::NEW
    },
    Key {
        name: "when_full",
        kind: Kind::Choice(&WhenFull::NAMES),
        presence: Presence::Optional("`wait` where the source can, otherwise `drop_oldest`"),
        meaning: "what becomes of messages for which the buffer has no room; what is dropped is counted",
        example: r#""drop_newest""#,
        ..Key::NEW
    },
];

/// What becomes of messages for which there is no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenFull {
    /// The source waits.
    Wait,
    /// The oldest ones make room.
    DropOldest,
    /// The new ones are dropped.
    DropNewest,
}

impl WhenFull {
    const ALL: [Self; 3] = [Self::Wait, Self::DropOldest, Self::DropNewest];
    const NAMES: [&str; 3] = [Self::ALL[0].name(), Self::ALL[1].name(), Self::ALL[2].name()];

    const fn name(self) -> &'static str {
        match self {
            Self::Wait => "wait",
            Self::DropOldest => "drop_oldest",
            Self::DropNewest => "drop_newest",
        }
    }
}

/// How what a source sends gets to Kafka.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// How long a transaction stays open.
    pub commit_interval: Duration,
    /// Bytes of messages that wait in memory.
    pub buffer_bytes: usize,
    /// What becomes of messages beyond that.
    pub when_full: WhenFull,
}

/// A source of the configuration, ready to be opened.
#[derive(Debug)]
pub struct SourceConfig {
    /// Its name, its kind, and the stream that it feeds.
    pub source: Source,
    /// How what it sends gets to Kafka.
    pub delivery: Delivery,
    /// What becomes of what it sends.
    pub transform: Transform,
    /// The settings of its kind.
    pub open: Box<dyn Open>,
}

/// Reads and validates the file with the settings of all sources, with overrides from this process's environment.
///
/// # Errors
///
/// [`ConfigError`] for the first thing that is wrong.
pub fn load(path: &Path) -> Result<Loaded<SourceConfig>, ConfigError> {
    Config::load_with_sources(path, read)
}

/// Validates the text of a configuration; `path` only names it in errors, `variables` are those of an environment.
///
/// # Errors
///
/// [`ConfigError`] for the first thing that is wrong.
pub fn parse(
    text: &str,
    path: &Path,
    variables: BTreeMap<String, String>,
) -> Result<Loaded<SourceConfig>, ConfigError> {
    Config::parse_with_sources(text, path, variables, read)
}

fn read(source: &Source, section: &Section<'_>) -> Result<SourceConfig, ConfigError> {
    let Some(kind) = kinds::kind(&source.kind) else {
        let names: Vec<&str> = KINDS.iter().map(|kind| kind.name).collect();
        let message = format!("'{}' is not one of: {}", source.kind, names.join(", "));
        return Err(section.text("kind")?.error(message));
    };
    section.declare(COMMON_KEYS);
    section.declare(kind.keys);
    let open = (kind.read)(section)?;
    let delivery = read_delivery(section, open.as_ref())?;
    let transform = Transform::read(&source.name, section)?;
    Ok(SourceConfig { source: source.clone(), delivery, transform, open })
}

fn read_delivery(section: &Section<'_>, open: &dyn Open) -> Result<Delivery, ConfigError> {
    const MIB: usize = 1 << 20;
    let chosen = section.optional_choice("when_full")?.map(|index| WhenFull::ALL[index]);
    let default = if open.can_wait() { WhenFull::Wait } else { WhenFull::DropOldest };
    Ok(Delivery {
        commit_interval: section.positive_duration("commit_interval")?,
        buffer_bytes: section.integer::<usize>("buffer")? * MIB,
        when_full: chosen.unwrap_or(default),
    })
}

//! The `[[source]]` tables of `freshet.toml`: what all sources have, and what each kind has.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use freshet_core::config::{Config, ConfigError, Key, Kind, Loaded, Presence, Section, Source};

use crate::kinds::{self, KINDS};
use crate::record::{self, Transform};
use crate::source::{Open, Resume};

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
        meaning: "what becomes of messages for which the buffer has no room: the source waits, or they go to a bounded \
                  queue on disk, or some are dropped, with a count",
        example: r#""drop_newest""#,
        ..Key::NEW
    },
    Key {
        name: "spool_directory",
        kind: Kind::Path,
        presence: Presence::Default("spool"),
        meaning: "of `spool`: the folder with the queues, in which each source has one of its own under its name",
        example: r#""/var/lib/freshet/spool""#,
        ..Key::NEW
    },
    Key {
        name: "spool_size",
        kind: Kind::Integer(16, 1 << 20),
        presence: Presence::Default("1024"),
        meaning: "of `spool`: MiB of the source's queue on disk; when it is full what comes is dropped, with a count",
        example: "4096",
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
    /// They go to a queue on disk.
    Spool,
}

impl WhenFull {
    const ALL: [Self; 4] = [Self::Wait, Self::DropOldest, Self::DropNewest, Self::Spool];
    const NAMES: [&str; 4] =
        [Self::ALL[0].name(), Self::ALL[1].name(), Self::ALL[2].name(), Self::ALL[3].name()];

    const fn name(self) -> &'static str {
        match self {
            Self::Wait => "wait",
            Self::DropOldest => "drop_oldest",
            Self::DropNewest => "drop_newest",
            Self::Spool => "spool",
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
    /// The queue on disk of a source that has one.
    pub spool: Option<SpoolSettings>,
}

/// Where the queue of a source is, and how large it may become.
#[derive(Debug, Clone)]
pub struct SpoolSettings {
    /// The folder of this source.
    pub directory: PathBuf,
    /// What it may have.
    pub bytes: u64,
    /// Where the folder was written.
    place: ConfigError,
}

impl SpoolSettings {
    /// What is wrong with the folder, at the place where it was written.
    pub fn error(&self, message: impl Into<String>) -> ConfigError {
        self.place.with_message(message)
    }
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
    pub open: Arc<dyn Open>,
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
    let delivery = read_delivery(&source.name, section, open.as_ref())?;
    let transform = Transform::read(&source.name, section)?;
    Ok(SourceConfig { source: source.clone(), delivery, transform, open: open.into() })
}

fn read_delivery(
    name: &str,
    section: &Section<'_>,
    open: &dyn Open,
) -> Result<Delivery, ConfigError> {
    const MIB: usize = 1 << 20;
    let chosen = section.optional_choice("when_full")?.map(|index| WhenFull::ALL[index]);
    let default = if open.can_wait() { WhenFull::Wait } else { WhenFull::DropOldest };
    let when_full = chosen.unwrap_or(default);
    if open.resume() != Resume::Cursor {
        let why = "has no effect: a source of this kind has no transactions; leave it out";
        section.refuse("commit_interval", why)?;
    }
    Ok(Delivery {
        commit_interval: section.positive_duration("commit_interval")?,
        buffer_bytes: section.integer::<usize>("buffer")? * MIB,
        when_full,
        spool: read_spool(name, section, open.resume(), when_full)?,
    })
}

fn read_spool(
    name: &str,
    section: &Section<'_>,
    resume: Resume,
    when_full: WhenFull,
) -> Result<Option<SpoolSettings>, ConfigError> {
    if when_full != WhenFull::Spool {
        for key in ["spool_directory", "spool_size"] {
            section.refuse(key, "has an effect with `when_full = \"spool\"` only; leave it out")?;
        }
        return Ok(None);
    }
    let keeper = match resume {
        Resume::None => None,
        Resume::Cursor => Some("it goes on where it was"),
        Resume::Acknowledgement => Some("its server keeps what was not acknowledged"),
    };
    if let Some(keeper) = keeper {
        let when_full = section.text("when_full")?;
        return Err(when_full.error(format!(
            "a source of this kind can wait without a loss, since {keeper}; leave `when_full` out"
        )));
    }
    let directory = section.file_path("spool_directory")?;
    Ok(Some(SpoolSettings {
        directory: directory.value.join(name),
        bytes: section.integer::<u64>("spool_size")? << 20,
        place: directory.error(""),
    }))
}

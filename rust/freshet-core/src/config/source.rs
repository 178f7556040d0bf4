//! `[[source]]`: what the producer reads from. A new kind is one variant, its reader, and one line in `KINDS`.

use std::time::Duration;

use serde::Serialize;

use super::error::ConfigError;
use super::key::{Key, Kind, Presence, Table};
use super::section::Section;
use crate::record::Stream;

/// `[[source]]`.
pub(super) const TABLE: Table = Table {
    path: "source",
    is_repeated: true,
    meaning: "what the producer reads from",
    keys: &[
        Key {
            name: "kind",
            kind: Kind::Choice(&KIND_NAMES),
            meaning: "what it is",
            example: r#""host""#,
            ..Key::NEW
        },
        Key {
            name: "stream",
            meaning: "the stream that it feeds",
            example: r#""host""#,
            ..Key::NEW
        },
        Key {
            name: "every",
            kind: Kind::Duration(Duration::from_hours(366 * 24)),
            presence: Presence::Default("1s"),
            meaning: "time between two samples",
            example: r#""10s""#,
            ..Key::NEW
        },
        Key {
            name: "series",
            kind: Kind::Integer(1, 10_000_000),
            presence: Presence::Default("20"),
            meaning: "number of sensors (`synthetic`)",
            example: "1000",
            ..Key::NEW
        },
        Key {
            name: "seed",
            kind: Kind::Integer(0, i64::MAX),
            presence: Presence::Default("0"),
            meaning: "what makes the readings repeatable (`synthetic`)",
            example: "7",
            ..Key::NEW
        },
    ],
};

/// A live source that feeds one stream.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Source {
    /// Name of the stream it feeds.
    pub stream: String,
    /// What it is, with the settings of its kind.
    pub kind: SourceKind,
}

/// The kinds of sources and their settings.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "name")]
pub enum SourceKind {
    /// This machine's own load.
    Host {
        /// Time between two samples.
        #[serde(serialize_with = "crate::duration::serialize_milliseconds")]
        every: Duration,
    },
    /// A seeded fleet of sensors.
    Synthetic {
        /// Time between two readings of one sensor.
        #[serde(serialize_with = "crate::duration::serialize_milliseconds")]
        every: Duration,
        /// Number of sensors.
        series: u32,
        /// The same seed gives the same readings at the same times.
        seed: u64,
    },
}

type Reader = fn(&Section<'_>) -> Result<SourceKind, ConfigError>;

const KINDS: [(&str, Reader); 2] = [("host", read_host), ("synthetic", read_synthetic)];
const KIND_NAMES: [&str; 2] = [KINDS[0].0, KINDS[1].0];

impl SourceKind {
    /// The name in the configuration.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Host { .. } => "host",
            Self::Synthetic { .. } => "synthetic",
        }
    }

    /// The names of all kinds.
    pub fn names() -> impl Iterator<Item = &'static str> {
        KINDS.iter().map(|(name, _)| *name)
    }
}

impl Source {
    pub(super) fn read(section: &Section<'_>, streams: &[Stream]) -> Result<Self, ConfigError> {
        let (_, read) = KINDS[section.choice("kind")?];
        let stream = section.text("stream")?;
        if !streams.iter().any(|known| known.name == stream.value) {
            let names = streams.iter().map(|s| s.name.as_str()).collect::<Vec<_>>().join(", ");
            return Err(
                stream.error(format!("there is no stream '{}'; there are: {names}", stream.value))
            );
        }
        let source = Self { stream: stream.value, kind: read(section)? };
        section.finish()?;
        Ok(source)
    }
}

fn read_host(section: &Section<'_>) -> Result<SourceKind, ConfigError> {
    Ok(SourceKind::Host { every: read_every(section)? })
}

fn read_synthetic(section: &Section<'_>) -> Result<SourceKind, ConfigError> {
    Ok(SourceKind::Synthetic {
        every: read_every(section)?,
        series: section.integer("series")?,
        seed: section.integer("seed")?,
    })
}

fn read_every(section: &Section<'_>) -> Result<Duration, ConfigError> {
    section.positive_duration("every")
}

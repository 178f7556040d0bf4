//! `[[source]]`: what the producer reads from. A new kind is one variant, its reader, and one line in `KINDS`.

use std::time::Duration;

use serde::Serialize;

use super::error::ConfigError;
use super::section::Section;
use crate::record::Stream;

const LONGEST_EVERY: Duration = Duration::from_hours(366 * 24);
const SECOND: Duration = Duration::from_secs(1);

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
        let kind = section.required_text("kind")?;
        let Some((_, read)) = KINDS.iter().find(|(name, _)| *name == kind.value) else {
            let names = SourceKind::names().collect::<Vec<_>>().join(", ");
            return Err(kind.error(format!("'{}' is not one of: {names}", kind.value)));
        };
        let stream = section.required_text("stream")?;
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
        series: section.integer_within("series", (1, 10_000_000))?.unwrap_or(20),
        seed: section.integer_within("seed", (0, i64::MAX))?.unwrap_or(0),
    })
}

fn read_every(section: &Section<'_>) -> Result<Duration, ConfigError> {
    let Some(every) = section.duration_up_to("every", LONGEST_EVERY)? else {
        return Ok(SECOND);
    };
    if every.value.is_zero() {
        return Err(every.error("must be longer than zero"));
    }
    Ok(every.value)
}

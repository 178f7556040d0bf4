//! The settings of the kind `file`.

use std::path::PathBuf;
use std::{fs, io};

use freshet_core::config::{ConfigError, Section};
use freshet_core::record::{InvalidPath, InvalidTimeFormat, Path, TimeFormat};

use super::event_time::EventTime;
use super::open_file::Compression;
use super::replay::Speed;
use crate::source::SourceError;

#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub(super) path: PathBuf,
    /// Where the path was written.
    pub(super) place: ConfigError,
    pub(super) follows: bool,
    pub(super) starts_at_end: bool,
    /// What the file says of itself where there is none.
    pub(super) compression: Option<Compression>,
    pub(super) skip_lines: u64,
    /// How it is replayed; `None`: as fast as it goes.
    pub(super) speed: Option<Speed>,
}

impl Settings {
    pub(super) fn read(section: &Section<'_>) -> Result<Self, ConfigError> {
        let path = section.file_path("path")?;
        let settings = Self {
            place: path.error(""),
            path: path.value,
            follows: section.choice("mode")? == 0,
            starts_at_end: section.choice("start")? == 1,
            compression: match section.choice("compression")? {
                1 => Some(Compression::None),
                2 => Some(Compression::Gzip),
                3 => Some(Compression::Zstd),
                _ => None,
            },
            skip_lines: section.integer("skip_lines")?,
            speed: read_speed(section)?,
        };
        if settings.starts_at_end && !settings.follows {
            let start = section.text("start")?;
            return Err(start.error(
                "nothing would be read: write mode = \"follow\" for what comes after the end",
            ));
        }
        let is_compressed = settings.compression.is_some_and(|kind| kind != Compression::None);
        if is_compressed && settings.follows {
            let compression = section.text("compression")?;
            return Err(
                compression.error("a compressed file cannot be followed: write mode = \"once\"")
            );
        }
        Ok(settings)
    }

    /// Whether the path is that of a file, which one that is followed may become later.
    pub(super) fn examine(&self) -> Result<(), ConfigError> {
        let path = self.path.display();
        let wrong = match fs::metadata(&self.path) {
            Ok(found) if found.is_dir() => format!("{path} is a folder; name one of its files"),
            Err(error) if error.kind() == io::ErrorKind::NotFound && !self.follows => format!(
                "there is no file {path}; mode = \"once\" reads what is there, mode = \"follow\" \
                 waits for it"
            ),
            _ => return Ok(()),
        };
        Err(self.place.with_message(wrong))
    }

    pub(super) fn unreadable(&self, error: &io::Error) -> SourceError {
        let reason = format!("cannot read {}: {error}", self.path.display());
        match error.kind() {
            // It says the same however often it is read.
            io::ErrorKind::InvalidData
            | io::ErrorKind::InvalidInput
            | io::ErrorKind::UnexpectedEof => SourceError::permanent(
                reason + "; is it whole, and compressed as `compression` says?",
            ),
            _ => SourceError::transient(reason),
        }
    }
}

fn read_field(text: &str) -> Result<Path, String> {
    let path: Path = text.parse().map_err(|error: InvalidPath| error.to_string())?;
    match path.lists_up() {
        0 => Ok(path),
        _ => Err(format!("'{text}' steps out of a list, and a record of a file is one row")),
    }
}

fn read_unit(text: &str) -> Result<TimeFormat, String> {
    let unit: TimeFormat = text.parse().map_err(|error: InvalidTimeFormat| error.to_string())?;
    if unit.has_no_year() {
        return Err(format!("'{text}' has no year, and nothing beside a file says which one"));
    }
    Ok(unit)
}

fn read_speed(section: &Section<'_>) -> Result<Option<Speed>, ConfigError> {
    let Some(speed) = section.optional_number("speed")? else {
        for key in ["time_field", "time_unit", "delimiter", "max_pause"] {
            section.refuse(key, "has no effect without `speed`; leave it out")?;
        }
        return Ok(None);
    };
    if section.choice("mode")? == 0 {
        return Err(speed.error(
            "a file that is followed has its own pace: write mode = \"once\", or leave it out",
        ));
    }
    let Some(field) = section.optional_text("time_field")? else {
        return Err(speed.error("needs the times of the records: write time_field = \"…\" as well"));
    };
    let delimiter = section.text("delimiter")?.value;
    let time = EventTime {
        field: field.convert(|text| read_field(&text))?.value,
        unit: section.text("time_unit")?.convert(|text| read_unit(&text))?.value,
        // The form of the key admits no other.
        delimiter: delimiter.bytes().next().unwrap_or(b','),
    };
    let max_pause = section.positive_duration("max_pause")?;
    Ok(Some(Speed { factor: speed.value, max_pause, time }))
}

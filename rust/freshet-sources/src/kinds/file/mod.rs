//! The lines of a file: once, or for as long as somebody writes them.

mod follow;
mod lines;
mod once;
mod open_file;

use std::io;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use freshet_core::config::{ConfigError, Key, Kind, Presence, Section};

use self::follow::Follow;
pub(super) use self::lines::{Lines, Next};
use self::once::Once;
use self::open_file::{Compression, OpenFile, Position};
use super::SourceKind;
use crate::source::{Batch, Context, Cursor, Message, Open, Opened, Resume, SourceError};
use crate::status::SourceStatus;

/// The kind `file`.
pub(super) const KIND: SourceKind = SourceKind {
    name: "file",
    meaning: "the lines of a file",
    keys: &[
        Key {
            name: "path",
            kind: Kind::Path,
            meaning: "the file; each of its lines is a message",
            example: r#""/var/log/plant/readings.ndjson""#,
            ..Key::NEW
        },
        Key {
            name: "mode",
            kind: Kind::Choice(&["follow", "once"]),
            presence: Presence::Default("follow"),
            meaning: "`follow` waits for what is written to the file, through rotation and truncation, as `tail -F` \
                      does; `once` ends at its end",
            example: r#""once""#,
            ..Key::NEW
        },
        Key {
            name: "start",
            kind: Kind::Choice(&["beginning", "end"]),
            presence: Presence::Default("beginning"),
            meaning: "where a file is begun of which nothing was read yet; `end` goes with `follow`",
            example: r#""end""#,
            ..Key::NEW
        },
        Key {
            name: "compression",
            kind: Kind::Choice(&["auto", "none", "gzip", "zstd"]),
            presence: Presence::Default("auto"),
            meaning: "how the file is compressed; `auto` looks at its first bytes. Compressed files go with `once`",
            example: r#""none""#,
            ..Key::NEW
        },
        Key {
            name: "skip_lines",
            kind: Kind::Integer(0, 1_000),
            presence: Presence::Default("0"),
            meaning: "so many lines at the beginning of the file are no messages: the header of CSV",
            example: "1",
            ..Key::NEW
        },
    ],
    read: |section| Ok(Box::new(Settings::read(section)?)),
};

/// A batch ends with so many lines, or so many bytes.
const MOST_LINES: usize = 1_000;
const MOST_BYTES: usize = 1 << 20;

#[derive(Debug, Clone)]
struct Settings {
    path: PathBuf,
    follows: bool,
    starts_at_end: bool,
    /// What the file says of itself where there is none.
    compression: Option<Compression>,
    skip_lines: u64,
}

impl Settings {
    fn read(section: &Section<'_>) -> Result<Self, ConfigError> {
        let settings = Self {
            path: section.text("path")?.value.into(),
            follows: section.choice("mode")? == 0,
            starts_at_end: section.choice("start")? == 1,
            compression: match section.choice("compression")? {
                1 => Some(Compression::None),
                2 => Some(Compression::Gzip),
                3 => Some(Compression::Zstd),
                _ => None,
            },
            skip_lines: section.integer("skip_lines")?,
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
}

#[async_trait]
impl Open for Settings {
    fn resume(&self) -> Resume {
        Resume::Cursor
    }

    fn can_wait(&self) -> bool {
        true
    }

    async fn check(&self, _: &Context) -> Result<(), SourceError> {
        let opened = OpenFile::open(&self.path, self.compression);
        opened.map(drop).map_err(|error| self.unreadable(&error))
    }

    fn open(&self, context: Context, cursor: Option<&Cursor>) -> Result<Opened, SourceError> {
        let position = match cursor.map(Cursor::read::<Position>).transpose() {
            Ok(position) => position,
            Err(error) => {
                return Err(SourceError::permanent(format!(
                    "the topic of cursors has no position in a file for this source ({error}); give it a name of its \
                     own"
                )));
            }
        };
        Ok(if self.follows {
            Opened::new(Follow::new(self.clone(), context, position))
        } else {
            Opened::new(Once::new(self.clone(), context, position))
        })
    }
}

impl Settings {
    fn unreadable(&self, error: &io::Error) -> SourceError {
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

/// The lines that can be had now, as a batch; `None` at the end.
fn read_batch(
    file: &mut OpenFile,
    settings: &Settings,
    status: &SourceStatus,
) -> io::Result<Option<Batch>> {
    let mut batch = Batch::default();
    let before = file.line();
    let mut bytes = 0;
    while batch.messages.len() < MOST_LINES && bytes < MOST_BYTES {
        let next = file.next()?;
        if next == Next::End {
            break;
        }
        bytes += add(&mut batch, next, file.line(), settings, status);
    }
    finish(batch, before, file)
}

/// The line at the end of a file that nobody writes to any more.
fn read_last(
    file: &mut OpenFile,
    settings: &Settings,
    status: &SourceStatus,
) -> io::Result<Option<Batch>> {
    let mut batch = Batch::default();
    let before = file.line();
    let last = file.last();
    add(&mut batch, last, file.line(), settings, status);
    finish(batch, before, file)
}

/// Adds a line that is a message; gives back its bytes.
fn add(
    batch: &mut Batch,
    next: Next,
    line: u64,
    settings: &Settings,
    status: &SourceStatus,
) -> usize {
    match next {
        Next::Line(payload) if line > settings.skip_lines && !payload.is_empty() => {
            let bytes = payload.len();
            let place = Some(format!("line {line} of {}", settings.path.display()));
            batch.messages.push(Message { payload, place, ..Message::default() });
            bytes
        }
        Next::TooLong => {
            status.dropped(1, &format!("line {line} is longer than 1 MiB"));
            0
        }
        Next::Line(_) | Next::End => 0,
    }
}

fn finish(mut batch: Batch, before: u64, file: &OpenFile) -> io::Result<Option<Batch>> {
    if file.line() == before {
        return Ok(None);
    }
    batch.cursor = Some(Cursor::new(&file.position())?);
    Ok(Some(batch))
}

/// Another file of the folder that is the one of that position: the one that was followed, under its new name.
fn find_renamed(path: &Path, position: &Position) -> Option<PathBuf> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let entries = std::fs::read_dir(folder.unwrap_or(Path::new("."))).ok()?;
    entries.filter_map(Result::ok).map(|entry| entry.path()).find(|candidate| {
        open_file::Identity::of(candidate).is_ok_and(|identity| identity == position.identity)
    })
}

#[cfg(test)]
mod tests;

//! The lines of a file: once, or for as long as somebody writes them.

mod event_time;
mod follow;
mod lines;
mod once;
mod open_file;
mod pace;
mod replay;
mod settings;
mod watch;

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use freshet_core::config::{ConfigError, Key, Kind, Presence};

use self::follow::Follow;
pub(super) use self::lines::{Lines, Next};
use self::once::Once;
use self::open_file::{OpenFile, Position};
use self::settings::Settings;
use super::{BATCH_BYTES, BATCH_MESSAGES, SourceKind};
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
        Key {
            name: "speed",
            kind: Kind::Number(0.001, 1e6),
            presence: Presence::Optional("as fast as it goes"),
            meaning: "replays the file, with `mode = \"once\"`: records come as they came by their own times, so many \
                      times as fast. Needs `time_field`",
            example: "10.0",
            ..Key::NEW
        },
        Key {
            name: "time_field",
            presence: Presence::Optional("no time is read"),
            meaning: "where the time of a record stands, for `speed`: path in a line of JSON; in CSV a column, by its \
                      name in the last of the `skip_lines`, or by its number, from 1",
            example: r#""properties.time""#,
            ..Key::NEW
        },
        Key {
            name: "time_unit",
            presence: Presence::Default("ms"),
            meaning: "how that time is written: `s`, `ms`, `us`, `ns`, `rfc3339` or a strftime pattern",
            example: r#""rfc3339""#,
            ..Key::NEW
        },
        Key {
            name: "delimiter",
            kind: Kind::Text(Some("^[\t !#-~]$")),
            presence: Presence::Default(","),
            meaning: "what is between two columns of CSV, for `time_field`",
            form: "a delimiter is one character of ASCII, and no quotation mark",
            example: r#"";""#,
            ..Key::NEW
        },
        Key {
            name: "max_pause",
            kind: Kind::Duration(Duration::from_hours(366 * 24)),
            presence: Presence::Default("1h"),
            meaning: "the longest pause of a replay, whatever the times of its records are",
            example: r#""10s""#,
            refuses_zero: true,
            ..Key::NEW
        },
    ],
    read: |section| Ok(Box::new(Settings::read(section)?)),
};

#[async_trait]
impl Open for Settings {
    fn resume(&self) -> Resume {
        Resume::Cursor
    }

    fn can_wait(&self) -> bool {
        true
    }

    fn skip_lines(&self) -> u64 {
        self.skip_lines
    }

    fn examine(&self) -> Result<(), ConfigError> {
        Settings::examine(self)
    }

    async fn check(&self, _: &Context) -> Result<(), SourceError> {
        let opened = OpenFile::open(&self.path, self.compression);
        let checked = opened.and_then(|_| match &self.speed {
            Some(speed) => replay::check(speed, self),
            None => Ok(()),
        });
        checked.map_err(|error| self.unreadable(&error))
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

/// The lines that can be had now, as a batch; `None` at the end.
fn read_batch(
    file: &mut OpenFile,
    settings: &Settings,
    status: &SourceStatus,
) -> io::Result<Option<Batch>> {
    let mut batch = Batch::default();
    let before = file.line();
    let mut bytes = 0;
    while batch.messages.len() < BATCH_MESSAGES && bytes < BATCH_BYTES {
        let next = file.next();
        let next = file.behind_lines(next, !batch.messages.is_empty())?;
        let Some(next) = next.filter(|next| *next != Next::End) else { break };
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
        Next::Line(payload) if is_message(&payload, line, settings) => {
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

/// Whether a line of that number is a message.
fn is_message(payload: &[u8], line: u64, settings: &Settings) -> bool {
    line > settings.skip_lines && !payload.is_empty()
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
mod replay_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod watch_tests;

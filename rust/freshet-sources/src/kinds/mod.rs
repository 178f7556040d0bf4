//! The kinds of sources: one file for each.

mod file;
mod host;
mod http;
mod mqtt;
mod raw_json;
mod sse;
mod stdin;
mod synthetic;
mod websocket;

use std::fmt::Debug;
use std::time::Duration;

use freshet_core::config::{ConfigError, Key, Kind, Presence, Section};
use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::source::{Open, SourceError};

/// A kind of source: what it is called, what settings it has, and how they are read.
#[derive(Debug)]
pub struct SourceKind {
    /// Its name in the configuration.
    pub name: &'static str,
    /// What it is, in half a sentence.
    pub meaning: &'static str,
    /// Its settings.
    pub keys: &'static [Key],
    /// Reads them.
    pub(crate) read: fn(&Section<'_>) -> Result<Box<dyn Open>, ConfigError>,
}

/// All kinds, in the order of the documentation.
pub const KINDS: &[&SourceKind] = &[
    &host::KIND,
    &synthetic::KIND,
    &file::KIND,
    &stdin::KIND,
    &http::KIND,
    &sse::KIND,
    &websocket::KIND,
    &mqtt::KIND,
];

/// The kind of that name.
pub fn kind(name: &str) -> Option<&'static SourceKind> {
    KINDS.iter().find(|kind| kind.name == name).copied()
}

/// A batch has about that many messages at most.
const BATCH_MESSAGES: usize = 1_000;
/// And about that many bytes.
const BATCH_BYTES: usize = 1 << 20;

/// `every`, of sources that look at something again and again.
const EVERY: Key = Key {
    name: "every",
    kind: Kind::Duration(Duration::from_hours(366 * 24)),
    presence: Presence::Default("1s"),
    meaning: "time between two samples",
    example: r#""10s""#,
    ..Key::NEW
};

/// `idle_timeout`, of sources that listen.
const IDLE_TIMEOUT: Key = Key {
    name: "idle_timeout",
    kind: Kind::Duration(Duration::from_hours(24)),
    presence: Presence::Default("60s"),
    meaning: "a connection on which nothing has come for that long counts as lost",
    example: r#""5m""#,
    ..Key::NEW
};

/// The failure of a source that finds a cursor which it has not written.
fn foreign_cursor() -> SourceError {
    SourceError::permanent(
        "the cursor that is stored under this source's name is of another kind of source; give the source another \
         name",
    )
}

/// Ticks that keep their phase: a late one is made up for by none, and the next one is on time.
fn schedule(every: Duration) -> Interval {
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    ticks
}

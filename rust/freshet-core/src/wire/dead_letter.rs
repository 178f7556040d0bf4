//! Dead letters: rejected records, kept with the reason.
//!
//! The value is the record's own bytes. The key is `topic-partition-offset`, so that a replay overwrites its letters
//! instead of repeating them.

use std::fmt;

/// Names of the Kafka headers of a dead letter.
pub mod header {
    /// Which part rejected the record: see [`super::Stage`].
    pub const STAGE: &str = "freshet-stage";
    /// Why: see [`super::ReasonCode`].
    pub const REASON: &str = "freshet-reason";
    /// What exactly, for people.
    pub const DETAIL: &str = "freshet-detail";
    /// The topic the record came from.
    pub const TOPIC: &str = "freshet-topic";
    /// The partition the record came from.
    pub const PARTITION: &str = "freshet-partition";
    /// The record's offset in its partition.
    pub const OFFSET: &str = "freshet-offset";
    /// The record's own key; absent where it had none.
    pub const KEY: &str = "freshet-key";
    /// Set where the record was too large for its letter: how many bytes its value had.
    pub const TRUNCATED: &str = "freshet-truncated";
    /// Set where the record's key was too large for its letter: how many bytes it had.
    pub const KEY_TRUNCATED: &str = "freshet-key-truncated";
    /// On raw records: the kind of source that sent it.
    pub const SOURCE: &str = "freshet-source";
}

/// Which part of the pipeline rejected a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// The producer, running a source's transform.
    Transform,
    /// The Spark job, parsing raw records.
    Parse,
    /// The writer, storing windows.
    Write,
}

/// Why a record was rejected. The codes are part of the interface; what they cover is in `docs/records.md`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum ReasonCode {
    /// The bytes are not UTF-8.
    InvalidUtf8,
    /// The text is not one JSON object.
    InvalidJson,
    /// The text is not a CSV record.
    InvalidCsv,
    /// The text is not line protocol.
    InvalidLineProtocol,
    /// A part of the series id is missing, null or no plain value.
    MissingSeries,
    /// The event time is missing or null.
    MissingTime,
    /// None of the stream's metrics is there.
    MissingValue,
    /// The event time cannot be read.
    InvalidTime,
    /// A metric is no finite number.
    InvalidValue,
    /// The record or its series id is too long.
    TooLarge,
    /// The record is nested too deeply.
    TooDeep,
    /// The event time is too far ahead of Kafka's timestamp.
    InFuture,
    /// The source's transform failed on the record.
    TransformFailed,
    /// The window cannot be stored.
    Unwritable,
}

impl ReasonCode {
    /// All codes.
    pub const ALL: [Self; 14] = [
        Self::InvalidUtf8,
        Self::InvalidJson,
        Self::InvalidCsv,
        Self::InvalidLineProtocol,
        Self::MissingSeries,
        Self::MissingTime,
        Self::MissingValue,
        Self::InvalidTime,
        Self::InvalidValue,
        Self::TooLarge,
        Self::TooDeep,
        Self::InFuture,
        Self::TransformFailed,
        Self::Unwritable,
    ];

    /// The code as it stands in the header.
    pub fn code(self) -> &'static str {
        match self {
            Self::InvalidUtf8 => "invalid_utf8",
            Self::InvalidJson => "invalid_json",
            Self::InvalidCsv => "invalid_csv",
            Self::InvalidLineProtocol => "invalid_line_protocol",
            Self::MissingSeries => "missing_series",
            Self::MissingTime => "missing_time",
            Self::MissingValue => "missing_value",
            Self::InvalidTime => "invalid_time",
            Self::InvalidValue => "invalid_value",
            Self::TooLarge => "too_large",
            Self::TooDeep => "too_deep",
            Self::InFuture => "in_future",
            Self::TransformFailed => "transform_failed",
            Self::Unwritable => "unwritable",
        }
    }
}

impl fmt::Display for ReasonCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl Stage {
    /// The stage as it stands in the header.
    pub fn name(self) -> &'static str {
        match self {
            Self::Transform => "transform",
            Self::Parse => "parse",
            Self::Write => "write",
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

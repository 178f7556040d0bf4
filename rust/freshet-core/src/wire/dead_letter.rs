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
    /// Set where the record's value was too large for its letter: how many bytes its value had.
    pub const TRUNCATED: &str = "freshet-truncated";
    /// Set where the record's key was too large for its letter: how many bytes it had.
    pub const KEY_TRUNCATED: &str = "freshet-key-truncated";
    /// On raw records: the kind of source that sent it.
    pub const SOURCE: &str = "freshet-source";
}

/// The most bytes of a detail.
pub const MAX_DETAIL_BYTES: usize = 1_024;

/// A detail as it stands in the header: at most [`MAX_DETAIL_BYTES`] of it, and whole characters.
pub fn cut_detail(detail: &str) -> &str {
    &detail[..detail.floor_char_boundary(MAX_DETAIL_BYTES)]
}

/// The record in a dead letter: all of it, or what the cluster takes of it.
///
/// `DeadLetters.java` follows the same policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LetterRecord<'a> {
    /// The record's value, which is the letter's; empty where it was left out.
    pub value: &'a [u8],
    /// The record's key, for [`header::KEY`]; `None` where it had none or was left out.
    pub key: Option<&'a [u8]>,
    /// Bytes of the value that was left out, for [`header::TRUNCATED`].
    pub truncated: Option<usize>,
    /// Bytes of the key that was left out, for [`header::KEY_TRUNCATED`].
    pub key_truncated: Option<usize>,
}

impl<'a> LetterRecord<'a> {
    /// The whole record.
    pub const fn whole(key: Option<&'a [u8]>, value: &'a [u8]) -> Self {
        Self { value, key, truncated: None, key_truncated: None }
    }

    /// What is left when the cluster does not take that much: the longer of key and value goes, the value when they are
    /// equally long. `None` when nothing is left that could go.
    #[must_use]
    pub fn shortened(self) -> Option<Self> {
        let (key, value) = (self.key.map_or(0, <[u8]>::len), self.value.len());
        if key > value {
            return Some(Self { key: None, key_truncated: Some(key), ..self });
        }
        (value > 0).then_some(Self { value: &[], truncated: Some(value), ..self })
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_detail_is_cut_between_characters() {
        let cases = [
            ("short".to_owned(), 5),
            ("a".repeat(1_024), 1_024),
            ("a".repeat(1_025), 1_024),
            // Two, three and four bytes a character.
            ("é".repeat(2_000), 1_024),
            ("€".repeat(2_000), 1_023),
            (format!("a{}", "€".repeat(2_000)), 1_024),
            ("😀".repeat(2_000), 1_024),
            (format!("abc{}", "😀".repeat(2_000)), 1_023),
        ];
        for (detail, bytes) in cases {
            let cut = cut_detail(&detail);
            assert_eq!(cut.len(), bytes);
            assert!(detail.starts_with(cut));
        }
    }

    /// Bytes of key and value, and what is left out of the first and of the second shorter letter: (key, value).
    type Case = (Option<usize>, usize, Option<LeftOut>, Option<LeftOut>);
    type LeftOut = (Option<usize>, Option<usize>);

    #[test]
    fn the_longer_of_key_and_value_is_left_out_first() {
        const KEY: LeftOut = (Some(80), None);
        let cases: [Case; 8] = [
            (Some(20), 80, Some((None, Some(80))), Some((Some(20), Some(80)))),
            (Some(80), 20, Some(KEY), Some((Some(80), Some(20)))),
            (Some(80), 80, Some((None, Some(80))), Some((Some(80), Some(80)))),
            (Some(80), 0, Some(KEY), None),
            (Some(0), 80, Some((None, Some(80))), None),
            (None, 80, Some((None, Some(80))), None),
            (None, 0, None, None),
            (Some(0), 0, None, None),
        ];
        let (key, value) = ([b'k'; 80], [b'v'; 80]);
        for (key_bytes, value_bytes, first, second) in cases {
            let key = key_bytes.map(|bytes| &key[..bytes]);
            let whole = LetterRecord::whole(key, &value[..value_bytes]);
            let left_out = |letter: LetterRecord<'_>| (letter.key_truncated, letter.truncated);
            let shorter = whole.shortened();
            assert_eq!(shorter.map(left_out), first, "{key_bytes:?} {value_bytes}");
            let shortest = shorter.and_then(LetterRecord::shortened);
            assert_eq!(shortest.map(left_out), second, "{key_bytes:?} {value_bytes}");
            assert_eq!(shortest.and_then(LetterRecord::shortened), None);
            for letter in [shorter, shortest].into_iter().flatten() {
                assert_eq!(letter.value.is_empty(), letter.truncated.is_some() || value_bytes == 0);
                assert_eq!(letter.key.is_none(), letter.key_truncated.is_some() || key.is_none());
            }
        }
    }
}

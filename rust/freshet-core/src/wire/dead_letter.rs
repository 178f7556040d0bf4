//! Dead letters: rejected records, kept with the reason.
//!
//! The value is the record's own bytes. The key is `topic-partition-offset`, so that a replay overwrites its letters
//! instead of repeating them.

use crate::text::declare_names;

declare_names! {
    /// The Kafka headers of dead letters and of raw records.
    pub enum Header as "header" {
        /// Which part rejected the record: a stage.
        Stage = "freshet-stage",
        /// Why: a reason code.
        Reason = "freshet-reason",
        /// What exactly, for people: at most 1,024 bytes, cut between characters.
        Detail = "freshet-detail",
        /// The topic that the record came from.
        Topic = "freshet-topic",
        /// The partition that the record came from.
        Partition = "freshet-partition",
        /// The record's offset in its partition.
        Offset = "freshet-offset",
        /// The record's own key; absent where it had none.
        Key = "freshet-key",
        /// Set where the record's value was too large for its letter: how many bytes the value had.
        Truncated = "freshet-truncated",
        /// Set where the record's key was too large for its letter: how many bytes the key had.
        KeyTruncated = "freshet-key-truncated",
        /// Of raw records, and of dead letters of the producer: the name of the source that sent it.
        Source = "freshet-source",
    }
}

/// The largest dead letter, in bytes: nobody sends a larger one.
pub const MAX_LETTER_BYTES: u32 = 16 << 20;

/// The most bytes of a detail.
pub const MAX_DETAIL_BYTES: usize = 1_024;

/// A detail as it stands in the header: at most [`MAX_DETAIL_BYTES`] of it, and whole characters.
pub fn cut_detail(detail: &str) -> &str {
    &detail[..detail.floor_char_boundary(MAX_DETAIL_BYTES)]
}

/// The record in a dead letter: all of it, or what the cluster takes of it.
///
/// `DeadLetters.java` follows the same policy; names and limits it has from here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LetterRecord<'a> {
    /// The record's value, which is the letter's; empty where it was left out.
    pub value: &'a [u8],
    /// The record's key, for [`Header::Key`]; `None` where it had none or was left out.
    pub key: Option<&'a [u8]>,
    /// Bytes of the value that was left out, for [`Header::Truncated`].
    pub truncated: Option<usize>,
    /// Bytes of the key that was left out, for [`Header::KeyTruncated`].
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

declare_names! {
    /// Which part of the pipeline rejected a record.
    pub enum Stage as "stage" {
        /// The producer, running a source's transform.
        Transform = "transform",
        /// The producer, sending records.
        Send = "send",
        /// The Spark job, parsing raw records.
        Parse = "parse",
        /// The Cassandra writer, storing windows.
        Write = "write",
    }
}

declare_names! {
    /// Why a record was rejected. The codes are part of the interface.
    pub enum ReasonCode as "reason code" {
        /// The value, or the key that names the series, is not UTF-8.
        InvalidUtf8 = "invalid_utf8",
        /// The value is not JSON, or neither objects nor lists.
        InvalidJson = "invalid_json",
        /// The value is not CSV, or lacks a column.
        InvalidCsv = "invalid_csv",
        /// The value is not line protocol.
        InvalidLineProtocol = "invalid_line_protocol",
        /// The value is not one map of `MessagePack`.
        InvalidMsgpack = "invalid_msgpack",
        /// The value is not one map of CBOR.
        InvalidCbor = "invalid_cbor",
        /// The value is not one datum of the stream's Avro schema.
        InvalidAvro = "invalid_avro",
        /// The value is not one message of the stream's Protobuf schema.
        InvalidProtobuf = "invalid_protobuf",
        /// The value is not compressed as the stream's `compression` says, or its compressed bytes are damaged.
        InvalidCompression = "invalid_compression",
        /// The value does not begin with a zero and the id of a schema, as the stream's `framing` says.
        InvalidFraming = "invalid_framing",
        /// The schema registry does not know the schema that the record names, or it is none that can be read with.
        UnknownSchema = "unknown_schema",
        /// A part of the series is missing, null, a list or an object; or there is no key.
        MissingSeries = "missing_series",
        /// The event time is missing or null; in SQL, also when the record has no timestamp to take its place.
        MissingTime = "missing_time",
        /// None of the stream's metrics is there, or no row, or no value at all (a tombstone).
        MissingValue = "missing_value",
        /// The event time cannot be read in the stream's unit, or is outside the years 1 to 9999.
        InvalidTime = "invalid_time",
        /// A metric is not a number, or beyond ±1e150.
        InvalidValue = "invalid_value",
        /// The value has more than 1 MiB, as it comes or decompressed, or the series id more than 1 KiB.
        TooLarge = "too_large",
        /// The value is nested deeper than 64 levels.
        TooDeep = "too_deep",
        /// The event time is further ahead of Kafka's timestamp, or of the clock of the machine that parses it, than
        /// `max_future`.
        InFuture = "in_future",
        /// The source's transform failed on the record.
        TransformFailed = "transform_failed",
        /// The raw topic does not take the record: it is larger than `max.message.bytes` of the topic.
        Unsendable = "unsendable",
        /// The window message cannot be stored.
        Unwritable = "unwritable",
    }
}

impl ReasonCode {
    /// The code as it stands in the header.
    pub const fn code(self) -> &'static str {
        self.name()
    }

    /// The part that rejects records for this reason.
    pub const fn stage(self) -> Stage {
        match self {
            Self::TransformFailed => Stage::Transform,
            Self::Unsendable => Stage::Send,
            Self::Unwritable => Stage::Write,
            _ => Stage::Parse,
        }
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

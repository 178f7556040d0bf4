//! What a health report says of a source: its state, and a number for each kind of loss.

use serde::{Deserialize, Serialize};

use super::health::{Field, FieldType, Kind, PRODUCER, Presence};
use crate::text::{declare_names, serde_as_text};

declare_names! {
    /// Whether a source is connected, or what it does instead.
    pub enum Connection as "connection" {
        /// It was not heard of yet.
        Connecting = "connecting",
        /// It is, and was heard of within its idle timeout.
        Connected = "connected",
        /// It failed, and is about to be asked again.
        Reconnecting = "reconnecting",
        /// There will be no more.
        Ended = "ended",
        /// It failed for good.
        Failed = "failed",
    }
}

serde_as_text!(Connection);

impl FieldType for Connection {
    const KIND: Kind = Kind::Text;
}

/// Makes [`SourceHealth`] and [`SOURCE_FIELDS`] of one list.
macro_rules! source_health {
    (
        required {
            $($(#[doc = $required_meaning:literal])+ $required:ident: $required_type:ty, $required_unit:literal;)+
        }
        optional {
            $($(#[doc = $optional_meaning:literal])+ $optional:ident: $optional_type:ty, $optional_unit:literal;)+
        }
    ) => {
        /// What the producer says of one of its sources. Counters are totals since the producer's start.
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        pub struct SourceHealth {
            $($(#[doc = $required_meaning])+ pub $required: $required_type,)+
            $(
                $(#[doc = $optional_meaning])+
                #[serde(skip_serializing_if = "Option::is_none")]
                pub $optional: Option<$optional_type>,
            )+
        }

        /// All fields of [`SourceHealth`].
        pub const SOURCE_FIELDS: &[Field] = &[
            $(Field {
                name: stringify!($required),
                kind: <$required_type as FieldType>::KIND,
                unit: $required_unit,
                presence: Presence::Required,
                told_by: PRODUCER,
                meaning: concat!($($required_meaning),+).trim_ascii(),
            },)+
            $(Field {
                name: stringify!($optional),
                kind: <$optional_type as FieldType>::KIND,
                unit: $optional_unit,
                presence: Presence::Optional,
                told_by: PRODUCER,
                meaning: concat!($($optional_meaning),+).trim_ascii(),
            },)+
        ];
    };
}

source_health! {
    required {
        /// Whether it is connected: `connecting`, `connected`, `reconnecting` (it failed and is asked again), `ended`
        /// (there will be no more), `failed` (for good).
        connection: Connection, "";
        /// Since when it is so.
        connection_since: i64, "epoch milliseconds";
        /// Messages that it has sent.
        messages_in: u64, "messages";
        /// Their bytes.
        bytes_in: u64, "bytes";
        /// Records of it that are durable in Kafka.
        records_out: u64, "records";
        /// Messages and records that became dead letters.
        rejected: u64, "records";
        /// Messages that were lost here, without room, too large or no text.
        dropped: u64, "messages";
        /// How often messages were missed before they came here, as far as that can be known: a loss.
        gaps: u64, "gaps";
        /// How often it was connected again.
        reconnections: u64, "reconnections";
    }
    optional {
        /// When messages of it came last; pings and comments are none.
        last_heard: i64, "epoch milliseconds";
        /// What went wrong last, in one line and without secrets; it stays after recovery.
        last_error: String, "";
        /// When the last error happened.
        last_error_time: i64, "epoch milliseconds";
    }
}

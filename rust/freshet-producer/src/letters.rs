//! Dead letters of the producer: messages that a transform fails on, and records that Kafka does not take.

use freshet_core::wire::{LetterRecord, ReasonCode};
use freshet_service::dead_letters::{Letter, Origin};
use freshet_sources::{Message, Record};
use rdkafka::message::OwnedHeaders;

/// What was rejected, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rejected {
    key: Option<Vec<u8>>,
    value: Vec<u8>,
    reason: ReasonCode,
    detail: String,
}

impl Rejected {
    /// A message that the transform failed on.
    pub(crate) fn message(message: &Message, detail: &str) -> Self {
        let detail = match &message.place {
            Some(place) => format!("{place}: {detail}"),
            None => detail.to_owned(),
        };
        Self {
            key: message.key.clone().map(String::into_bytes),
            value: message.payload.clone(),
            reason: ReasonCode::TransformFailed,
            detail,
        }
    }

    /// A record that the topic does not take.
    pub(crate) fn record(record: Record) -> Self {
        let bytes = record.payload.len();
        let detail =
            format!("a record of {bytes} bytes is larger than the topic's max.message.bytes");
        let reason = ReasonCode::Unsendable;
        Self { key: record.key, value: record.payload, reason, detail }
    }

    /// Roughly the memory that it takes, in bytes.
    pub(crate) fn size(&self) -> usize {
        self.value.len() + self.key.as_ref().map_or(0, Vec::len) + self.detail.len()
    }

    pub(crate) fn detail(&self) -> &str {
        &self.detail
    }

    /// The record in the letter, shortened so often.
    pub(crate) fn letter(&self, shortened: usize) -> LetterRecord<'_> {
        let whole = LetterRecord::whole(self.key.as_deref(), &self.value);
        (0..shortened).fold(whole, |letter, _| letter.shortened().unwrap_or(letter))
    }

    /// The headers of the letter; the topic is the one that the record was meant for.
    pub(crate) fn headers(
        &self,
        source: &str,
        topic: &str,
        record: LetterRecord<'_>,
    ) -> OwnedHeaders {
        let (reason, detail, origin) = (self.reason, &self.detail, Origin::Source(source));
        Letter { reason, detail, topic, origin, record }.headers()
    }
}

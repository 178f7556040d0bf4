//! What the filters of a source make of a sample, before the mapping.

use freshet_sources::{Message, Record, SourceConfig, Transform, TransformError};
use serde::Serialize;

use super::Answer;
use crate::cli::ParseArgs;

/// The filters of a source, with what its messages have beside their bytes.
pub(super) struct Filters<'a> {
    transform: &'a Transform,
    envelope: Message,
    /// Lines at the beginning that are no messages.
    skip_lines: u64,
}

impl<'a> Filters<'a> {
    pub(super) fn new(source: &'a SourceConfig, arguments: &ParseArgs) -> Self {
        let (key, topic) = (arguments.key.clone(), arguments.topic.clone());
        let envelope = Message { key, topic, ..Message::default() };
        Self { transform: &source.transform, envelope, skip_lines: source.open.skip_lines() }
    }

    /// Whether a line, from 1, of a file is a message to the source.
    pub(super) fn is_message(&self, line: u64, text: &[u8]) -> bool {
        line > self.skip_lines && !text.is_empty()
    }

    /// The records of a message.
    pub(super) fn apply(&self, payload: &[u8]) -> Result<Vec<Record>, TransformError> {
        let payload = payload.to_vec();
        self.transform.apply(&Message { payload, ..self.envelope.clone() })
    }
}

/// What a record is made of and what is sent to Kafka; empty where no source is named.
#[derive(Default, Serialize)]
pub(super) struct Sent {
    /// Where the message is in the sample.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    record: Option<String>,
}

impl Sent {
    /// Of a message at that place.
    pub(super) fn of(place: String) -> Self {
        Self { message: Some(place), ..Self::default() }
    }

    /// Shows key and value of a record as text.
    pub(super) fn show(&mut self, record: &Record) {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        self.key = record.key.as_deref().map(text);
        self.record = Some(text(&record.payload));
    }
}

/// A line of the answer.
#[derive(Serialize)]
pub(super) struct Line<'a> {
    #[serde(flatten)]
    pub(super) sent: &'a Sent,
    #[serde(flatten)]
    pub(super) answer: &'a Answer<'a>,
}

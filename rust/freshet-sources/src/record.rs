//! From what a source sends to what Kafka gets.

use thiserror::Error;

use crate::source::Message;

/// A record for the raw topic.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Record {
    /// The key, where there is one: the series id, so that records of one series stay in order.
    pub key: Option<Vec<u8>>,
    /// The value.
    pub payload: Vec<u8>,
}

/// A message that could not be transformed, in words for people.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct TransformError(pub String);

/// What becomes of the messages of a source: each one zero or more records.
#[derive(Debug, Clone, Default)]
pub struct Transform {}

impl Transform {
    /// The record of a message that nothing transforms, with the message's own bytes.
    ///
    /// # Errors
    ///
    /// The message, where there is a filter: it is for [`Transform::apply`].
    pub fn pass(&self, message: Message) -> Result<Record, Message> {
        let key = message.key.map(String::into_bytes);
        Ok(Record { key, payload: message.payload })
    }

    /// The records of one message; without a filter its own bytes.
    ///
    /// # Errors
    ///
    /// When the filter fails on it: the message is to become a dead letter.
    pub fn apply(&self, message: &Message) -> Result<Vec<Record>, TransformError> {
        let key = message.key.clone().map(String::into_bytes);
        Ok(vec![Record { key, payload: message.payload.clone() }])
    }
}

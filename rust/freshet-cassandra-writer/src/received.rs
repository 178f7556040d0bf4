//! From a message of Kafka to a window update.

use freshet_core::bucket;
use freshet_core::window::{InvalidWindow, WindowSpec};
use freshet_core::window_version::{InvalidWindowMessage, WindowMessage};
use rdkafka::message::{BorrowedMessage, Message};
use thiserror::Error;

use crate::plan::Origin;

/// Why a message is no window update.
#[derive(Debug, Error)]
pub(crate) enum DecodeError {
    #[error(transparent)]
    Message(#[from] InvalidWindowMessage),
    #[error(transparent)]
    Window(#[from] InvalidWindow),
}

/// A message, taken out of librdkafka's memory.
pub(crate) struct Received {
    pub(crate) origin: Origin,
    pub(crate) has_payload: bool,
}

impl Received {
    pub(crate) fn new(message: &BorrowedMessage<'_>) -> Self {
        Self {
            origin: Origin {
                topic: message.topic().to_owned(),
                partition: message.partition(),
                offset: message.offset(),
                key: message.key().map(<[u8]>::to_vec),
                payload: message.payload().unwrap_or_default().to_vec(),
            },
            has_payload: message.payload().is_some(),
        }
    }
}

/// The window update in a message, and the bucket that it belongs to.
pub(crate) fn decode(payload: &[u8]) -> Result<(WindowMessage, i64), DecodeError> {
    let message = WindowMessage::parse(payload)?;
    let window: WindowSpec = message.window().parse()?;
    let bucket = bucket::start(&window, message.start());
    Ok((message, bucket))
}

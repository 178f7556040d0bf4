//! Listens, answers pings, and connects again.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::{FutureExt, SinkExt, StreamExt};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at, sleep_until, timeout};
use tokio_tungstenite::tungstenite::Message as Frame;
use tokio_tungstenite::tungstenite::error::CapacityError;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};

use super::Subscription;
use crate::kinds::{BATCH_BYTES, BATCH_MESSAGES};
use crate::network::{Socket, WebSocketError, causes, connect, one_line, shown};
use crate::source::{Batch, Context, Message, Source, SourceError};

/// A message that is longer is dropped, and the connection with it.
const MAX_MESSAGE_BYTES: usize = 1 << 20;
/// Written at once from so many bytes on; what is less is written with the next flush.
const WRITE_BYTES: usize = 16 << 10;
/// What waits because the server does not read: the answers to its pings, above all.
const MAX_UNREAD_BYTES: usize = 64 << 10;
/// How long a farewell may take.
const FAREWELL: Duration = Duration::from_secs(1);

/// The messages of a server.
pub(super) struct Listener {
    subscription: Arc<Subscription>,
    context: Context,
    connection: Option<Connection>,
    was_connected: bool,
    /// What became of the last connection while its last messages were taken.
    failure: Option<SourceError>,
}

/// A socket that is open.
struct Connection {
    socket: Socket,
    pings: Interval,
    /// When anything came last.
    heard: Instant,
}

/// What a frame means.
enum Heard {
    Message(Vec<u8>),
    Life,
    End(SourceError),
}

/// What a connection keeps in memory is bounded in both directions. Each message of ours has room, also a long one.
fn limits(subscription: &Subscription) -> WebSocketConfig {
    let longest = subscription.messages.iter().map(|message| message.expose().len()).max();
    WebSocketConfig::default()
        .read_buffer_size(16 << 10)
        .write_buffer_size(WRITE_BYTES)
        .max_write_buffer_size(MAX_UNREAD_BYTES + longest.unwrap_or_default())
        .max_message_size(Some(MAX_MESSAGE_BYTES))
        .max_frame_size(Some(MAX_MESSAGE_BYTES))
}

/// Connects, and says farewell.
pub(super) async fn check(subscription: &Subscription) -> Result<(), SourceError> {
    let mut socket = connect(&subscription.endpoint, limits(subscription)).await?;
    say_farewell(&mut socket).await;
    Ok(())
}

/// Whether the server hears it is its own business.
async fn say_farewell(socket: &mut Socket) {
    drop(timeout(FAREWELL, socket.close(None)).await);
}

impl Listener {
    pub(super) fn new(subscription: Arc<Subscription>, context: Context) -> Self {
        Self { subscription, context, connection: None, was_connected: false, failure: None }
    }

    async fn connect(&mut self) -> Result<Connection, SourceError> {
        let mut socket = connect(&self.subscription.endpoint, limits(&self.subscription)).await?;
        for message in &self.subscription.messages {
            self.send(&mut socket, Frame::text(message.expose())).await?;
        }
        self.context.status.connected();
        if self.was_connected {
            self.context.status.gap("what the server sent before it was connected again is missed");
        }
        self.was_connected = true;
        let every = self.subscription.ping_interval;
        let mut pings = interval_at(Instant::now() + every, every);
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Ok(Connection { socket, pings, heard: Instant::now() })
    }

    async fn send(&self, socket: &mut Socket, frame: Frame) -> Result<(), SourceError> {
        match timeout(self.subscription.idle_timeout, socket.send(frame)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(self.lost(&error)),
            Err(_) => Err(self.unread()),
        }
    }

    /// Waits for messages, and takes those that have come with the first.
    async fn listen(&mut self, connection: &mut Connection) -> Result<Vec<Message>, SourceError> {
        let first = self.wait(connection).await?;
        let mut bytes = first.len();
        let mut messages = vec![message(first)];
        while messages.len() < BATCH_MESSAGES
            && bytes < BATCH_BYTES
            && let Some(frame) = connection.socket.next().now_or_never()
        {
            connection.heard = Instant::now();
            match self.hear(frame) {
                Heard::Message(payload) => {
                    bytes += payload.len();
                    messages.push(message(payload));
                }
                Heard::Life => {}
                Heard::End(failure) => {
                    self.failure = Some(failure);
                    break;
                }
            }
        }
        Ok(messages)
    }

    /// Waits for one message.
    async fn wait(&self, connection: &mut Connection) -> Result<Vec<u8>, SourceError> {
        loop {
            let silence = connection.heard + self.subscription.idle_timeout;
            let heard = tokio::select! {
                biased;
                _ = connection.pings.tick() => {
                    self.send(&mut connection.socket, Frame::Ping(Vec::new().into())).await?;
                    continue;
                }
                frame = connection.socket.next() => self.hear(frame),
                // Only what has not come is silence: the last frame may be long ago because nobody has asked since.
                () = sleep_until(silence) => return Err(self.silent()),
            };
            connection.heard = Instant::now();
            match heard {
                Heard::Message(payload) => return Ok(payload),
                Heard::Life => {}
                Heard::End(failure) => {
                    say_farewell(&mut connection.socket).await;
                    return Err(failure);
                }
            }
        }
    }

    fn hear(&self, frame: Option<Result<Frame, WebSocketError>>) -> Heard {
        let frame = match frame {
            Some(Ok(frame)) => frame,
            Some(Err(error)) => return Heard::End(self.lost(&error)),
            None => return Heard::End(self.lost(&WebSocketError::ConnectionClosed)),
        };
        match frame {
            Frame::Text(text) => Heard::Message(text.as_bytes().to_vec()),
            Frame::Binary(bytes) => Heard::Message(bytes.to_vec()),
            // The library answers pings.
            Frame::Ping(_) | Frame::Pong(_) | Frame::Frame(_) => Heard::Life,
            Frame::Close(farewell) => Heard::End(self.closed(farewell)),
        }
    }

    fn url(&self) -> String {
        shown(&self.subscription.endpoint.url)
    }

    fn silent(&self) -> SourceError {
        let seconds = self.subscription.idle_timeout.as_secs_f64();
        SourceError::transient(format!(
            "nothing has come from {} for {seconds} s, not even the answer to a ping",
            self.url()
        ))
    }

    /// A server may send for ever, and yet not read.
    fn unread(&self) -> SourceError {
        let reason = "the server does not read what is sent to it";
        SourceError::transient(format!("the connection to {} is lost: {reason}", self.url()))
    }

    fn closed(&self, farewell: Option<CloseFrame>) -> SourceError {
        let reason = farewell.map_or_else(String::new, |farewell| {
            format!(": {} {}", u16::from(farewell.code), one_line(&farewell.reason))
        });
        SourceError::transient(format!(
            "{} has closed the connection{}",
            self.url(),
            reason.trim_end()
        ))
    }

    /// A connection that can be used no more. A message that was no message is lost with it.
    fn lost(&self, error: &WebSocketError) -> SourceError {
        let url = self.url();
        let reason = match error {
            WebSocketError::Capacity(CapacityError::MessageTooLong { .. }) => {
                let reason = format!("a message is larger than {} MiB", MAX_MESSAGE_BYTES >> 20);
                self.context.status.dropped(1, &reason);
                reason
            }
            WebSocketError::Utf8(_) => {
                let reason = "a text is not UTF-8".to_owned();
                self.context.status.dropped(1, &reason);
                reason
            }
            WebSocketError::ConnectionClosed | WebSocketError::AlreadyClosed => {
                return SourceError::transient(format!("{url} has closed the connection"));
            }
            WebSocketError::WriteBufferFull(_) => return self.unread(),
            error => causes(error),
        };
        SourceError::transient(format!("the connection to {url} is lost: {reason}"))
    }

    async fn next_batch(&mut self) -> Result<Batch, SourceError> {
        if let Some(failure) = self.failure.take() {
            return Err(failure);
        }
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.connect().await?,
        };
        let messages = self.listen(&mut connection).await?;
        if self.failure.is_none() {
            self.connection = Some(connection);
        }
        Ok(Batch { messages, ..Batch::default() })
    }
}

fn message(payload: Vec<u8>) -> Message {
    Message { payload, ..Message::default() }
}

#[async_trait]
impl Source for Listener {
    async fn next(&mut self) -> Result<Option<Batch>, SourceError> {
        self.next_batch().await.map(Some)
    }
}

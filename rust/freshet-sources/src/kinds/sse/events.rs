//! Listens, and connects again where the stream ended.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use reqwest::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Response, StatusCode};
use serde::{Deserialize, Serialize};
use tokio::time::timeout;

use super::Subscription;
use super::blocks::{Block, Blocks, MAX_EVENT_BYTES};
use super::event::{self, Said};
use crate::kinds::{BATCH_BYTES, BATCH_MESSAGES, foreign_cursor};
use crate::network::{Client, PATIENCE, causes, one_line, refusal, shown};
use crate::source::{Batch, Context, Cursor, Message, Source, SourceError};

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
const MEDIA_TYPE: &str = "text/event-stream";
/// A longer id is not kept: servers refuse headers that are too long, and the cursor has to stay small.
const MAX_ID_BYTES: usize = 8 << 10;

/// Where the stream goes on.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Position {
    last_event_id: Option<String>,
}

/// The events of a server.
pub(super) struct Events {
    subscription: Arc<Subscription>,
    client: Client,
    context: Context,
    position: Position,
    /// Whether it was connected before, in this process or in one before.
    was_connected: bool,
    /// The least time before it connects again, as the server wants it.
    retry: Option<Duration>,
    connection: Option<Connection>,
    /// Whether the server has said that it need not be asked again.
    has_ended: bool,
}

/// A stream that is open.
struct Connection {
    response: Response,
    /// What has come and was not looked at.
    piece: Vec<u8>,
    /// How much of the piece was.
    looked_at: usize,
    blocks: Blocks,
    /// Whether it sends an event that does not end.
    is_endless: bool,
}

/// Asks for the stream; returns when it begins. `None`: the server has said that there is none any more, and does not
/// want to be asked again (HTML standard, section 9.2.3).
pub(super) async fn connect(
    subscription: &Subscription,
    client: &Client,
    last_event_id: Option<&str>,
) -> Result<Option<Response>, SourceError> {
    let headers = headers(last_event_id);
    let url = shown(&subscription.endpoint.url);
    let idle = subscription.idle_timeout;
    let response = timeout(idle, client.get(&headers)).await.map_err(|_| {
        let seconds = idle.as_secs_f64();
        SourceError::transient(format!("{url} does not answer within {seconds} s"))
    })??;
    if response.status() == StatusCode::NO_CONTENT {
        return Ok(None);
    }
    if response.status() != StatusCode::OK {
        return Err(refusal(response.url(), response.status(), response.headers(), PATIENCE));
    }
    let media_type = response.headers().get(CONTENT_TYPE).map_or(&[][..], HeaderValue::as_bytes);
    let media_type = String::from_utf8_lossy(media_type).to_ascii_lowercase();
    if media_type.split(';').next().map(str::trim) != Some(MEDIA_TYPE) {
        let reason = format!(
            "{url} sends '{}' and not {MEDIA_TYPE}; check `url`, or take another kind of source",
            one_line(&media_type)
        );
        return Err(SourceError::refused(reason, PATIENCE));
    }
    Ok(Some(response))
}

fn headers(last_event_id: Option<&str>) -> HeaderMap {
    let mut headers = HeaderMap::from_iter([
        (ACCEPT, HeaderValue::from_static(MEDIA_TYPE)),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ]);
    if let Some(id) = last_event_id.and_then(header_value) {
        headers.insert(LAST_EVENT_ID, id);
    }
    headers
}

/// An id as the header has it: UTF-8, as the standard says.
fn header_value(id: &str) -> Option<HeaderValue> {
    HeaderValue::from_bytes(id.as_bytes()).ok().filter(|_| id.len() <= MAX_ID_BYTES)
}

impl Events {
    /// # Errors
    ///
    /// When the cursor is that of another kind of source.
    pub(super) fn open(
        subscription: Arc<Subscription>,
        context: Context,
        cursor: Option<&Cursor>,
    ) -> Result<Self, SourceError> {
        let position = match cursor {
            Some(cursor) => cursor.read().map_err(|_| foreign_cursor())?,
            None => Position { last_event_id: None },
        };
        let client = subscription.client()?;
        Ok(Self {
            subscription,
            client,
            context,
            position,
            was_connected: cursor.is_some(),
            retry: None,
            connection: None,
            has_ended: false,
        })
    }

    /// `None` where the server does not want to be asked again.
    async fn connect(&mut self) -> Result<Option<Connection>, SourceError> {
        let id = self.position.last_event_id.as_deref();
        let Some(response) = connect(&self.subscription, &self.client, id).await? else {
            return Ok(None);
        };
        self.context.status.connected();
        if self.was_connected && id.is_none() {
            self.context.status.gap(
                "the server's events have no ids to go on at; what it sent before it was connected again is missed",
            );
        }
        self.was_connected = true;
        let (piece, blocks) = (Vec::new(), Blocks::default());
        Ok(Some(Connection { response, piece, looked_at: 0, blocks, is_endless: false }))
    }

    /// The next messages of a connection.
    async fn listen(&mut self, connection: &mut Connection) -> Result<Batch, SourceError> {
        loop {
            let messages = self.look_at(connection);
            if !messages.is_empty() {
                let cursor = Cursor::new(&self.position).map_err(|error| {
                    SourceError::transient(format!("cannot write a cursor: {error}"))
                })?;
                return Ok(Batch { messages, cursor: Some(cursor), ..Batch::default() });
            }
            connection.receive(&self.subscription).await?;
        }
    }

    /// The messages in what has come, no more than a batch.
    fn look_at(&mut self, connection: &mut Connection) -> Vec<Message> {
        let (mut messages, mut bytes) = (Vec::new(), 0);
        while messages.len() < BATCH_MESSAGES
            && bytes < BATCH_BYTES
            && let Some(block) = connection.next_block()
        {
            let message = match block {
                Block::Lines(lines) => self.read(&lines),
                Block::TooLong => {
                    let mib = MAX_EVENT_BYTES >> 20;
                    self.context.status.dropped(1, &format!("an event is larger than {mib} MiB"));
                    None
                }
                Block::Endless => {
                    connection.is_endless = true;
                    break;
                }
            };
            bytes += message.as_ref().map_or(0, |message| message.payload.len());
            messages.extend(message);
        }
        messages
    }

    /// The message of a block, where it has one that is wanted.
    fn read(&mut self, lines: &[u8]) -> Option<Message> {
        let said = event::read(lines);
        if said.is_none() {
            self.context.status.dropped(1, "an event is not UTF-8");
        }
        self.heed(said?)
    }

    fn heed(&mut self, said: Said) -> Option<Message> {
        self.retry = said.retry.or(self.retry);
        let place = (!said.id.is_empty()).then(|| format!("event {}", one_line(&said.id)));
        if !said.id.is_empty() {
            // From one that cannot be sent back the stream cannot go on.
            self.position.last_event_id = header_value(&said.id).map(|_| said.id);
        }
        let (kind, data) = said.event?;
        let is_wanted =
            self.subscription.events.as_ref().is_none_or(|events| events.contains(&kind));
        // One without data has nothing to say.
        (is_wanted && !data.is_empty()).then(|| Message {
            payload: data.into_bytes(),
            place,
            ..Message::default()
        })
    }

    /// The same failure, and not before the server wants to be asked again.
    fn in_time(&self, error: SourceError) -> SourceError {
        match error {
            SourceError::Transient { reason, retry_after } => {
                SourceError::Transient { reason, retry_after: retry_after.max(self.retry) }
            }
            SourceError::Refused { reason, retry_after } => {
                SourceError::Refused { reason, retry_after: retry_after.max(self.retry) }
            }
            error @ SourceError::Permanent(_) => error,
        }
    }

    async fn next_batch(&mut self) -> Result<Option<Batch>, SourceError> {
        if self.has_ended {
            return Ok(None);
        }
        let connected = match self.connection.take() {
            Some(connection) => Some(connection),
            None => self.connect().await?,
        };
        let Some(mut connection) = connected else {
            self.has_ended = true;
            tracing::info!(
                source = self.context.name,
                "{} answers 204 No Content: the stream has ended, and is not asked for again before the next start",
                shown(&self.subscription.endpoint.url)
            );
            return Ok(None);
        };
        let batch = self.listen(&mut connection).await?;
        self.connection = Some(connection);
        Ok(Some(batch))
    }
}

impl Connection {
    fn next_block(&mut self) -> Option<Block> {
        let mut rest = &self.piece[self.looked_at..];
        let block = self.blocks.take(&mut rest);
        self.looked_at = self.piece.len() - rest.len();
        block
    }

    /// Waits for more. Anything is a sign of life, comments too.
    async fn receive(&mut self, subscription: &Subscription) -> Result<(), SourceError> {
        let url = shown(&subscription.endpoint.url);
        if self.is_endless {
            return Err(SourceError::transient(format!("{url} sends an event that does not end")));
        }
        let idle = subscription.idle_timeout;
        let received = timeout(idle, self.response.chunk()).await.map_err(|_| {
            let seconds = idle.as_secs_f64();
            SourceError::transient(format!("nothing has come from {url} for {seconds} s"))
        })?;
        let piece = received.map_err(|error| {
            let reason = causes(&error.without_url());
            SourceError::transient(format!("the stream of {url} broke off: {reason}"))
        })?;
        let piece =
            piece.ok_or_else(|| SourceError::transient(format!("{url} has ended the stream")))?;
        self.piece = piece.into();
        self.looked_at = 0;
        Ok(())
    }
}

#[async_trait]
impl Source for Events {
    async fn next(&mut self) -> Result<Option<Batch>, SourceError> {
        let next = self.next_batch().await;
        next.map_err(|error| self.in_time(error))
    }
}

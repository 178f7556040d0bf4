//! Asks, again and again, and hands on what is new.

use std::mem;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use freshet_runtime::log_limit::LogLimit;
use reqwest::header::{
    ACCEPT, ETAG, HeaderMap, HeaderName, HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH,
    LAST_MODIFIED,
};
use reqwest::{Response, StatusCode};
use tokio::time::{Instant, sleep_until, timeout};
use twox_hash::XxHash3_64;

use super::items::{self, Items};
use super::position::{Part, Position, Validators};
use super::{Input, Poll};
use crate::kinds::{BATCH_BYTES, BATCH_MESSAGES};
use crate::network::{Client, causes, refusal, shown};
use crate::source::{Batch, Context, Cursor, Message, Source, SourceError};

/// Complaints about messages come with every body.
const COMPLAINT_INTERVAL: Duration = Duration::from_mins(1);
/// A longer validator is not kept: the cursor has to stay small.
const MAX_VALIDATOR: usize = 1_024;

/// A feed that is open.
pub(super) struct Feed {
    poll: Arc<Poll>,
    client: Client,
    context: Context,
    position: Position,
    pending: Option<Pending>,
    due: Instant,
    complaints: LogLimit,
}

/// A body that is being handed on.
struct Pending {
    body: Vec<u8>,
    hash: u64,
    validators: Validators,
    items: Items,
    /// How many of the new items were handed on.
    sent: usize,
}

/// What a server sends.
struct Fetched {
    body: Vec<u8>,
    validators: Validators,
}

/// Asks once, and looks at the head of the answer alone.
pub(super) async fn check(poll: &Poll) -> Result<(), SourceError> {
    let client = poll.client()?;
    let nothing = Validators::default();
    let asking = request(poll, &client, &nothing);
    timeout(poll.timeout, asking).await.map_err(|_| too_slow(poll))?.map(drop)
}

/// The answer to a request; `None` where nothing has changed, or there is nothing.
async fn request(
    poll: &Poll,
    client: &Client,
    known: &Validators,
) -> Result<Option<Response>, SourceError> {
    let response = client.get(&headers(poll, known)).await?;
    match response.status() {
        StatusCode::NOT_MODIFIED | StatusCode::NO_CONTENT => Ok(None),
        status if status.is_success() => Ok(Some(response)),
        status => Err(refusal(response.url(), status, response.headers(), poll.every)),
    }
}

fn headers(poll: &Poll, known: &Validators) -> HeaderMap {
    let accept = if poll.input == Input::Json { "application/json, */*;q=0.5" } else { "*/*" };
    let mut headers = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static(accept))]);
    let conditions = [(IF_NONE_MATCH, &known.etag), (IF_MODIFIED_SINCE, &known.last_modified)];
    for (name, validator) in conditions {
        if let Some(value) = validator.as_ref().and_then(|text| HeaderValue::from_str(text).ok()) {
            headers.insert(name, value);
        }
    }
    headers
}

fn too_slow(poll: &Poll) -> SourceError {
    let (url, seconds) = (shown(&poll.endpoint.url), poll.timeout.as_secs_f64());
    SourceError::transient(format!(
        "{url} does not answer within {seconds} s; set `timeout` if it needs longer"
    ))
}

impl Feed {
    /// # Errors
    ///
    /// When the cursor is that of another kind of source.
    pub(super) fn open(
        poll: Arc<Poll>,
        context: Context,
        cursor: Option<&Cursor>,
    ) -> Result<Self, SourceError> {
        let position = match cursor {
            Some(cursor) => Position::read(cursor, &poll)?,
            None => Position::default(),
        };
        let client = poll.client()?;
        let complaints = LogLimit::every(COMPLAINT_INTERVAL);
        Ok(Self { poll, client, context, position, pending: None, due: Instant::now(), complaints })
    }

    /// Asks once. What is new waits in `pending` then.
    async fn ask(&mut self) -> Result<(), SourceError> {
        let fetching = self.fetch();
        let fetched =
            timeout(self.poll.timeout, fetching).await.map_err(|_| too_slow(&self.poll))??;
        if let Some(fetched) = fetched {
            self.pending = Some(self.examine(fetched)?);
        }
        self.context.status.connected();
        // Ticks keep their phase, and a late one is made up for by none.
        self.due += self.poll.every;
        if self.due < Instant::now() {
            self.due = Instant::now() + self.poll.every;
        }
        Ok(())
    }

    /// What has changed since the last body.
    async fn fetch(&self) -> Result<Option<Fetched>, SourceError> {
        let known = &self.position.validators;
        let Some(response) = request(&self.poll, &self.client, known).await? else {
            return Ok(None);
        };
        let validator = |name: HeaderName| {
            let value = response.headers().get(name)?.to_str().ok()?;
            (value.len() <= MAX_VALIDATOR).then(|| value.to_owned())
        };
        let validators =
            Validators { etag: validator(ETAG), last_modified: validator(LAST_MODIFIED) };
        Ok(Some(Fetched { body: self.read_body(response).await?, validators }))
    }

    /// The body, uncompressed, as long as it is no larger than it may be.
    async fn read_body(&self, mut response: Response) -> Result<Vec<u8>, SourceError> {
        let mut body = Vec::new();
        loop {
            let chunk = response.chunk().await.map_err(|error| {
                let url = shown(response.url());
                let reason = causes(&error.without_url());
                SourceError::transient(format!("the answer of {url} broke off: {reason}"))
            })?;
            let Some(chunk) = chunk else { return Ok(body) };
            if body.len() + chunk.len() > self.poll.max_body {
                let mib = self.poll.max_body >> 20;
                let reason =
                    format!("the body is larger than {mib} MiB; set `max_body` if it may be");
                self.context.status.dropped(1, &reason);
                return Err(self.no_sooner(reason));
            }
            body.extend_from_slice(&chunk);
        }
    }

    /// Finds what is new in a body.
    fn examine(&self, fetched: Fetched) -> Result<Pending, SourceError> {
        let Fetched { body, validators } = fetched;
        let items = items::find(&self.poll, &body, &self.position.seen)
            .map_err(|reason| self.no_sooner(format!("the body {reason}")))?;
        if let Some(reason) = &items.untold
            && let Some(held_back) = self.complaints.permit()
        {
            tracing::warn!(
                source = self.context.name,
                reason,
                held_back,
                "`new_by` fails on a message, which is told from others by all that it says"
            );
        }
        let hash = XxHash3_64::oneshot(&body);
        let part = self.position.part.as_ref().filter(|part| part.body == hash);
        let sent = part.map_or(0, |part| part.messages.min(items.new.len()));
        Ok(Pending { body, hash, validators, items, sent })
    }

    /// A failure that another request would only find again.
    fn no_sooner(&self, reason: String) -> SourceError {
        SourceError::Transient { reason, retry_after: Some(self.poll.every) }
    }

    /// The next messages of the body; `None` where there are none.
    fn hand_on(&mut self, mut pending: Pending) -> Result<Option<Batch>, SourceError> {
        let mut messages = Vec::new();
        let mut bytes = 0;
        let waiting = &pending.items.new[pending.sent..];
        for item in waiting.iter().take(BATCH_MESSAGES) {
            if bytes > 0 && bytes + item.range.len() > BATCH_BYTES {
                break;
            }
            bytes += item.range.len();
            if let Some(key) = item.key {
                self.position.seen.insert(key);
            }
            let payload = pending.body[item.range.clone()].to_vec();
            let place = Some(format!("message {} of the body", item.number));
            messages.push(Message { payload, place, ..Message::default() });
        }
        pending.sent += messages.len();
        if pending.sent < pending.items.new.len() {
            // What has a key is known by it.
            let is_counted = self.poll.new_by.is_none();
            self.position.part =
                is_counted.then_some(Part { body: pending.hash, messages: pending.sent });
            self.pending = Some(pending);
        } else {
            self.position.part = None;
            self.position.validators = pending.validators;
            self.position.seen.refresh(&pending.items.keys);
        }
        if messages.is_empty() {
            return Ok(None);
        }
        let cursor = Some(self.position.cursor(&self.poll)?);
        Ok(Some(Batch { messages, cursor, ..Batch::default() }))
    }
}

#[async_trait]
impl Source for Feed {
    async fn next(&mut self) -> Result<Option<Batch>, SourceError> {
        loop {
            if let Some(pending) = mem::take(&mut self.pending)
                && let Some(batch) = self.hand_on(pending)?
            {
                return Ok(Some(batch));
            }
            sleep_until(self.due).await;
            self.ask().await?;
        }
    }
}

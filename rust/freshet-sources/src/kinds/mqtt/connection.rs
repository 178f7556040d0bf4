//! One connection, in a task of its own: it answers the broker while nobody asks for messages.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use super::client::{self, Client, Event, Failure, MAX_PACKET_BYTES, Publication, Session};
use super::inbox::{Inbox, Receipt, Received};
use super::{Subscription, topics};
use crate::network::CONNECT_TIMEOUT;
use crate::source::{Context, Message, SourceError};

/// A message that is larger is dropped.
const MAX_MESSAGE_BYTES: usize = 1 << 20;
/// How long a farewell may take.
const FAREWELL: Duration = Duration::from_secs(1);

/// What there was before.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Past {
    /// Whether there was a connection.
    was_connected: bool,
    /// Whether the topics were subscribed to.
    was_subscribed: bool,
    /// Whether the broker would send a message again that cannot be taken: its session has to go.
    must_forget: bool,
}

/// How a connection ended.
pub(super) struct Ended {
    pub(super) failure: SourceError,
    pub(super) past: Past,
}

/// A connection.
pub(super) struct Connection {
    subscription: Arc<Subscription>,
    context: Context,
    inbox: Arc<Inbox>,
    past: Past,
    client: Box<dyn Client>,
    id: String,
    /// Whether the broker has taken the connection.
    is_connected: bool,
    /// Whether it has taken the topics as well.
    is_subscribed: bool,
    /// Acknowledgements that are queued, and not sent.
    unsent: Arc<watch::Sender<usize>>,
}

impl Connection {
    pub(super) fn new(
        subscription: Arc<Subscription>,
        context: Context,
        inbox: Arc<Inbox>,
        past: Past,
    ) -> Self {
        let id = subscription.client_id(&context.name);
        let session = if subscription.is_acknowledged { Session::Kept } else { Session::Clean };
        let client = client::new(&subscription, &id, session);
        let unsent = Arc::new(watch::Sender::new(0));
        Self {
            subscription,
            context,
            inbox,
            past,
            client,
            id,
            is_connected: false,
            is_subscribed: false,
            unsent,
        }
    }

    /// Lives until the connection is lost, or all who need it have gone.
    pub(super) async fn run(mut self, mut needed: watch::Receiver<()>) -> Ended {
        let failure = tokio::select! {
            biased;
            () = not_needed(&mut needed) => {
                self.leave().await;
                SourceError::transient("the source is closed")
            }
            Err(failure) = self.live() => {
                // Whoever asks for messages may not ask before Kafka is there again.
                self.context.status.lost(&failure.to_string());
                failure
            }
        };
        // What is not sent yet never will be: nobody need wait for it.
        self.unsent.send_replace(0);
        Ended { failure, past: self.past }
    }

    async fn live(&mut self) -> Result<Infallible, SourceError> {
        if self.past.must_forget {
            client::visit(&self.subscription, &self.id).await?;
            self.past.must_forget = false;
        }
        let ready_by = Instant::now() + 2 * CONNECT_TIMEOUT;
        loop {
            let patience = if self.is_subscribed {
                self.silence()
            } else {
                ready_by.saturating_duration_since(Instant::now())
            };
            let event = match timeout(patience, self.client.poll()).await {
                Ok(Ok(event)) => event,
                Ok(Err(failure)) => return Err(self.failed(&failure)),
                Err(_) => return Err(client::silent(&self.subscription)),
            };
            self.handle(event).await?;
        }
    }

    /// After so long without anything, not even a ping that was sent, something is stuck.
    fn silence(&self) -> Duration {
        let own = Duration::from_secs(self.subscription.keep_alive.into());
        2 * own.max(self.client.keep_alive()) + CONNECT_TIMEOUT
    }

    fn failed(&mut self, failure: &Failure) -> SourceError {
        if !self.is_connected {
            return client::unconnected(&self.subscription, failure);
        }
        if let Failure::TooLarge = failure {
            let reason = format!("a message is larger than {} MiB", MAX_PACKET_BYTES >> 20);
            self.context.status.dropped(1, &reason);
            self.past.must_forget = self.subscription.is_acknowledged;
        }
        client::lost(&self.subscription, failure)
    }

    async fn handle(&mut self, event: Event) -> Result<(), SourceError> {
        match event {
            Event::Connected { has_session } => self.connected(has_session),
            Event::Subscribed(answers) => return self.subscribed(&answers),
            Event::Published(publication) => return self.published(publication).await,
            Event::Acknowledged => {
                self.unsent.send_modify(|unsent| *unsent = unsent.saturating_sub(1));
            }
            Event::Left | Event::Other => {}
        }
        Ok(())
    }

    fn connected(&mut self, has_session: bool) {
        self.is_connected = true;
        if self.past.was_connected && !self.subscription.is_acknowledged {
            self.context.status.gap("what was sent before it was connected again is missed");
        } else if self.past.was_connected && !has_session {
            self.context.status.gap("the broker has forgotten what it had kept for this source");
        }
        self.past.was_connected = true;
        if has_session && self.past.was_subscribed && !self.client.may_subscribe_again() {
            self.ready();
        } else {
            self.client.subscribe(&self.subscription, &self.subscription.topics);
        }
    }

    fn subscribed(&mut self, answers: &[Result<u8, String>]) -> Result<(), SourceError> {
        if let Some(refused) = client::unsubscribed(&self.subscription, answers) {
            return Err(refused);
        }
        let wanted = u8::from(self.subscription.is_acknowledged);
        if answers.iter().flatten().any(|granted| *granted < wanted) {
            tracing::warn!(
                source = self.context.name,
                "the broker grants QoS 0 only: what it sends while Kafka is slow, or nobody is connected, may be lost"
            );
        }
        self.past.was_subscribed = true;
        self.ready();
        Ok(())
    }

    fn ready(&mut self) {
        self.is_subscribed = true;
        self.context.status.connected();
    }

    async fn published(&mut self, publication: Publication) -> Result<(), SourceError> {
        let Publication { topic, payload, is_retained, acknowledge } = publication;
        let topic = String::from_utf8_lossy(&topic).into_owned();
        let receipt = acknowledge
            .map(|acknowledge| Receipt { acknowledge, unsent: Arc::clone(&self.unsent) });
        let received = Received { message: self.message(topic, payload, is_retained), receipt };
        if self.subscription.is_acknowledged {
            return self.put(received).await;
        }
        if self.inbox.offer(received).is_some() {
            let reason = "the producer does not take them as fast as the broker sends them";
            self.context.status.dropped(1, reason);
        }
        Ok(())
    }

    /// The message, if it is to be had.
    fn message(&self, topic: String, payload: Vec<u8>, is_retained: bool) -> Option<Message> {
        if payload.len() > MAX_MESSAGE_BYTES {
            let reason = format!(
                "a message of {} bytes is larger than {} MiB; topic {topic}",
                payload.len(),
                MAX_MESSAGE_BYTES >> 20
            );
            self.context.status.dropped(1, &reason);
            return None;
        }
        // A session may have topics that it was asked for by an earlier configuration.
        let is_wanted = (self.subscription.retained || !is_retained)
            && topics::is_one_of(&topic, &self.subscription.topics);
        is_wanted.then(|| Message {
            payload,
            place: Some(format!("topic {topic}")),
            topic: Some(topic),
            ..Message::default()
        })
    }

    /// Waits for room, but not for so long that the broker misses a ping.
    async fn put(&mut self, received: Received) -> Result<(), SourceError> {
        let patience = Duration::from_secs(self.subscription.keep_alive.into());
        timeout(patience, self.inbox.put(received)).await.map_err(|_| {
            SourceError::transient(
                "Kafka does not take what comes, and the broker hears nothing meanwhile; the connection is left, and \
                 what is not acknowledged comes again",
            )
        })
    }

    /// Says farewell; whether the broker hears it is its own business.
    async fn leave(&mut self) {
        self.client.leave();
        let farewell =
            async { while !matches!(self.client.poll().await, Ok(Event::Left) | Err(_)) {} };
        drop(timeout(FAREWELL, farewell).await);
    }
}

async fn not_needed(needed: &mut watch::Receiver<()>) {
    while needed.changed().await.is_ok() {}
}

//! What the two versions of the protocol have in common.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use freshet_core::config::ConfigError;
use tokio::time::{Instant, timeout_at};

use super::{Subscription, Version, topics, v4, v5};
use crate::network;
use crate::network::{CONNECT_TIMEOUT, PATIENCE, Server, one_line};
use crate::source::SourceError;

/// A packet that is larger ends the connection: that much of one message is in memory before its size can be judged.
pub(super) const MAX_PACKET_BYTES: u32 = 16 << 20;
/// Messages that the broker may send without an acknowledgement (version 5; the brokers of 3.1.1 have their own limit).
pub(super) const WINDOW: u16 = 1_000;
/// Acknowledgements that are sent with one flush.
pub(super) const MAX_REQUESTS: usize = 100;

/// What is said of a broker that ends a connection without a word.
const CLOSED: &str = "it has closed the connection";

/// What came from the broker, or has gone to it.
pub(super) enum Event {
    /// The broker has taken the connection, and has or has not kept the session.
    Connected { has_session: bool },
    /// What it says to the topics: the `QoS` that it grants, or why it grants none, for each.
    Subscribed(Vec<Result<u8, String>>),
    /// A message.
    Published(Publication),
    /// An acknowledgement was sent.
    Acknowledged,
    /// The farewell was sent.
    Left,
    /// Life.
    Other,
}

/// A message of the broker.
pub(super) struct Publication {
    pub(super) topic: Vec<u8>,
    pub(super) payload: Vec<u8>,
    /// Whether it was sent before, and kept for new subscribers.
    pub(super) is_retained: bool,
    /// What tells the broker that it need not keep it; none of `QoS` 0.
    pub(super) acknowledge: Option<Acknowledgement>,
}

/// Queues an acknowledgement; false when the connection is gone.
pub(super) type Acknowledgement = Box<dyn FnOnce() -> bool + Send>;

/// Why there is no connection any more.
pub(super) enum Failure {
    /// The network, before there was a connection.
    Unreachable(io::Error),
    /// The broker refused; these are its words.
    Refused(Refusal, String),
    /// A packet of more than [`MAX_PACKET_BYTES`].
    TooLarge,
    /// The broker has closed the connection without a word.
    Closed,
    /// Something else.
    Lost(String),
}

/// What a broker has against a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    Login,
    ClientId,
    Version,
    Other,
}

/// A client of one connection. It ends with the connection.
#[async_trait]
pub(super) trait Client: Send {
    /// Waits for the next event. The first call connects.
    async fn poll(&mut self) -> Result<Event, Failure>;

    /// Asks for topics.
    fn subscribe(&self, subscription: &Subscription, topics: &[String]);

    /// Says farewell.
    fn leave(&self);

    /// After how long without traffic it pings the broker.
    fn keep_alive(&self) -> Duration;

    /// Whether topics may be subscribed to again without getting their retained messages again.
    fn may_subscribe_again(&self) -> bool;
}

/// How long the session is to last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Session {
    /// As long as the connection, without anything from before.
    Clean,
    /// Beyond the connection.
    Kept,
}

/// A client that is not connected yet.
pub(super) fn new(subscription: &Subscription, id: &str, session: Session) -> Box<dyn Client> {
    match subscription.version {
        Version::V3 => Box::new(v4::Client::new(subscription, id, session)),
        Version::V5 => Box::new(v5::Client::new(subscription, id, session)),
    }
}

/// Why a broker could not be visited.
enum Unmet {
    /// It has not answered in time.
    Silent,
    /// There was no connection.
    Unconnected(Failure),
    /// There was one.
    Lost(Failure),
}

impl Unmet {
    fn error(&self, subscription: &Subscription) -> SourceError {
        match self {
            Self::Silent => silent(subscription),
            Self::Unconnected(failure) => unconnected(subscription, failure),
            Self::Lost(failure) => lost(subscription, failure),
        }
    }
}

/// Connects with a session of its own, and leaves again. A session that the broker keeps for the same client is gone
/// after that.
pub(super) async fn visit(subscription: &Subscription, id: &str) -> Result<(), SourceError> {
    let met = meet(subscription, id, &[]).await;
    met.map(drop).map_err(|unmet| unmet.error(subscription))
}

/// Connects with a session of its own, asks for the topics, and leaves again. Of topics that are shared it asks for
/// all messages, which takes none from those that share them.
///
/// # Errors
///
/// What the broker refuses has to be changed: that is permanent, and names the key.
pub(super) async fn check(subscription: &Subscription, id: &str) -> Result<(), SourceError> {
    let topics = &subscription.topics;
    let unshared: Vec<String> =
        topics.iter().filter_map(|topic| topics::unshared(topic)).map(str::to_owned).collect();
    let answers = meet(subscription, id, &unshared).await.map_err(|unmet| {
        let error = unmet.error(subscription);
        match unmet {
            Unmet::Unconnected(Failure::Refused(refusal, _)) => {
                subscription.places.of(refusal).map_or(error.clone(), |place| wrong(place, &error))
            }
            _ => error,
        }
    })?;
    let refused = unsubscribed(subscription, &answers);
    refused.map_or(Ok(()), |error| Err(wrong(&subscription.places.topics, &error)))
}

/// The same failure at the place in the configuration where it can be mended.
fn wrong(place: &ConfigError, error: &SourceError) -> SourceError {
    SourceError::permanent(place.with_message(error.to_string()).to_string())
}

/// Connects, asks for topics if there are any, and leaves: what the broker says to each of them.
async fn meet(
    subscription: &Subscription,
    id: &str,
    topics: &[String],
) -> Result<Vec<Result<u8, String>>, Unmet> {
    let mut client = new(subscription, id, Session::Clean);
    // Enough for the broker to answer, and for the farewell.
    let deadline = Instant::now() + CONNECT_TIMEOUT + Duration::from_secs(1);
    let (mut is_connected, mut said) = (false, Vec::new());
    loop {
        let event = timeout_at(deadline, client.poll()).await.map_err(|_| Unmet::Silent)?;
        match event {
            Ok(Event::Connected { .. }) => {
                is_connected = true;
                if topics.is_empty() {
                    client.leave();
                } else {
                    client.subscribe(subscription, topics);
                }
            }
            Ok(Event::Subscribed(answers)) => {
                said = answers;
                client.leave();
            }
            Ok(Event::Left) => return Ok(said),
            Ok(_) => {}
            Err(failure) if is_connected => return Err(Unmet::Lost(failure)),
            Err(failure) => return Err(Unmet::Unconnected(failure)),
        }
    }
}

/// A broker that has not answered in time.
pub(super) fn silent(subscription: &Subscription) -> SourceError {
    SourceError::transient(format!("{} does not answer", subscription.server.url))
}

/// A failure before there was a connection.
pub(super) fn unconnected(subscription: &Subscription, failure: &Failure) -> SourceError {
    let url = &subscription.server.url;
    match failure {
        Failure::Unreachable(error) => {
            let reason = format!("no connection to {url}: {}", Server::reason(error));
            network::unconnected(reason, error)
        }
        Failure::Refused(refusal, words) => refused(subscription, *refusal, words),
        Failure::TooLarge => too_large(subscription),
        Failure::Closed => unanswered(subscription, CLOSED),
        Failure::Lost(reason) => unanswered(subscription, reason),
    }
}

/// A connection on which the broker has not even refused.
fn unanswered(subscription: &Subscription, reason: &str) -> SourceError {
    let advice = match subscription.version {
        Version::V5 => "; set `version = \"3.1.1\"` if the broker does not know MQTT 5",
        Version::V3 => "",
    };
    let url = &subscription.server.url;
    SourceError::transient(format!("no connection to {url}: {reason}{advice}"))
}

/// A failure of a connection that there was.
pub(super) fn lost(subscription: &Subscription, failure: &Failure) -> SourceError {
    let url = &subscription.server.url;
    let reason = match failure {
        Failure::Unreachable(error) => Server::reason(error),
        Failure::Refused(_, words) => words.clone(),
        Failure::TooLarge => return too_large(subscription),
        // Older brokers end a connection so whose client has connected again.
        Failure::Closed => format!(
            "{CLOSED}; if it does so again and again, another client may have the same `client_id`"
        ),
        Failure::Lost(reason) => reason.clone(),
    };
    SourceError::transient(format!("the connection to {url} is lost: {reason}"))
}

fn too_large(subscription: &Subscription) -> SourceError {
    let reason = format!("a message is larger than {} MiB", MAX_PACKET_BYTES >> 20);
    SourceError::transient(format!(
        "the connection to {} is lost: {reason}",
        subscription.server.url
    ))
}

fn refused(subscription: &Subscription, refusal: Refusal, words: &str) -> SourceError {
    let (url, version) = (&subscription.server.url, subscription.version);
    let other = Version::ALL.into_iter().find(|other| *other != version).map_or("", Version::name);
    let advice = match refusal {
        Refusal::Login => {
            "; check `username` and `password`, and whether the broker allows this client"
                .to_owned()
        }
        Refusal::ClientId => "; set another `client_id`".to_owned(),
        Refusal::Version => format!("; set `version = \"{other}\"`"),
        Refusal::Other => String::new(),
    };
    let reason = format!("{url} refuses the connection: {words}{advice}");
    match refusal {
        Refusal::Version => SourceError::Permanent(reason),
        _ => SourceError::refused(reason, PATIENCE),
    }
}

/// Topics that the broker refuses.
pub(super) fn unsubscribed(
    subscription: &Subscription,
    answers: &[Result<u8, String>],
) -> Option<SourceError> {
    let asked = subscription.topics.iter().zip(answers);
    let refused: Vec<String> = asked
        .filter_map(|(topic, answer)| {
            answer.as_ref().err().map(|words| format!("{topic} ({words})"))
        })
        .collect();
    if refused.is_empty() {
        return None;
    }
    let reason = format!(
        "{} refuses topics: {}; allow them to this user, or take them out of `topics`",
        subscription.server.url,
        one_line(&refused.join(", "))
    );
    Some(SourceError::refused(reason, PATIENCE))
}

/// The name of a reason as words: `NotAuthorized` is `not authorized`.
pub(super) fn words(name: &str) -> String {
    let mut words = String::new();
    for character in name.chars() {
        if character.is_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        words.extend(character.to_lowercase());
    }
    words
}

/// Opens the connection of a client.
pub(super) fn connector(
    subscription: &Subscription,
) -> impl Fn() -> futures_util::future::BoxFuture<'static, io::Result<Box<dyn crate::network::Stream>>>
+ Send
+ Sync
+ 'static {
    let server = Arc::new(subscription.server.clone());
    move || {
        let server = Arc::clone(&server);
        Box::pin(async move { server.connect().await })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_words() {
        assert_eq!(words("NotAuthorized"), "not authorized");
        assert_eq!(words("Banned"), "banned");
    }
}

//! WebSocket (RFC 6455): what is sent while nobody listens is gone.

mod listener;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use freshet_core::config::{ConfigError, Key, Kind, Presence, Secret, Section};

use self::listener::Listener;
use super::{IDLE_TIMEOUT, SourceKind};
use crate::network::{ALLOW_PRIVATE, CA_FILE, Endpoint, HEADERS, QUERY, TOKEN, WEB_SOCKET};
use crate::source::{Context, Cursor, Open, Opened, Resume, SourceError};

/// The kind `websocket`.
pub(super) const KIND: SourceKind = SourceKind {
    name: "websocket",
    meaning: "messages of a WebSocket",
    keys: &[
        Key {
            name: "url",
            meaning: "where the messages come from, with ws: or wss:",
            example: r#""wss://ws-feed.exchange.coinbase.com""#,
            ..Key::NEW
        },
        Key {
            name: "subscribe",
            kind: Kind::Texts,
            presence: Presence::Optional("nothing is sent"),
            meaning: "messages that are sent each time it is connected, such as what is to be sent from there",
            example: r#"['{"type": "subscribe", "channels": ["matches"]}']"#,
            is_secret: true,
            ..Key::NEW
        },
        Key {
            name: "ping_interval",
            kind: Kind::Duration(Duration::from_hours(1)),
            presence: Presence::Default("20s"),
            meaning: "time between two pings; shorter than `idle_timeout`, so that a server that has nothing to send \
                      is heard of",
            example: r#""10s""#,
            ..Key::NEW
        },
        IDLE_TIMEOUT,
        QUERY,
        TOKEN,
        HEADERS,
        CA_FILE,
        ALLOW_PRIVATE,
    ],
    read: |section| Ok(Box::new(Settings(Arc::new(Subscription::read(section)?)))),
};

/// What is listened to.
#[derive(Debug)]
struct Subscription {
    endpoint: Endpoint,
    /// Sent when it is connected. Some servers want a key in there.
    messages: Vec<Secret>,
    ping_interval: Duration,
    idle_timeout: Duration,
}

impl Subscription {
    fn read(section: &Section<'_>) -> Result<Self, ConfigError> {
        let messages = section.optional_texts("subscribe")?.map(|messages| messages.value);
        let idle_timeout = section.positive_duration("idle_timeout")?;
        let ping_interval = section.positive_duration("ping_interval")?;
        if ping_interval >= idle_timeout {
            let reason = "has to be shorter than `idle_timeout`: a server that has nothing to send is heard of only \
                          when it answers a ping";
            return Err(section.duration("ping_interval")?.error(reason));
        }
        Ok(Self {
            endpoint: Endpoint::read(section, WEB_SOCKET)?,
            messages: messages.unwrap_or_default().into_iter().map(Secret::new).collect(),
            ping_interval,
            idle_timeout,
        })
    }
}

#[derive(Debug)]
struct Settings(Arc<Subscription>);

#[async_trait]
impl Open for Settings {
    fn resume(&self) -> Resume {
        Resume::None
    }

    /// While it waits it answers no ping, and the server gives it up.
    fn can_wait(&self) -> bool {
        false
    }

    async fn check(&self, _: &Context) -> Result<(), SourceError> {
        listener::check(&self.0).await
    }

    fn open(&self, context: Context, _: Option<&Cursor>) -> Result<Opened, SourceError> {
        Ok(Opened::new(Listener::new(Arc::clone(&self.0), context)))
    }
}

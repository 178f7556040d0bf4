//! Server-sent events (the WHATWG's HTML standard, section 9.2).

mod blocks;
mod event;
mod events;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use freshet_core::config::{ConfigError, Key, Kind, Presence, Section};

use self::events::Events;
use super::{IDLE_TIMEOUT, SourceKind};
use crate::network::{
    ALLOW_PRIVATE, CA_FILE, Client, Compression, Endpoint, HEADERS, QUERY, TOKEN, WEB, shown,
};
use crate::source::{Context, Cursor, Open, Opened, Resume, SourceError};

/// The kind `sse`.
pub(super) const KIND: SourceKind = SourceKind {
    name: "sse",
    meaning: "server-sent events",
    keys: &[
        Key {
            name: "url",
            meaning: "where the events come from, with http: or https:",
            example: r#""https://stream.wikimedia.org/v2/stream/recentchange""#,
            ..Key::NEW
        },
        Key {
            name: "events",
            kind: Kind::Texts,
            presence: Presence::Optional("all"),
            meaning: "types of events that are messages; one without a type is a `message`",
            example: r#"["trade"]"#,
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
    /// Of which types; `None`: of all.
    events: Option<Vec<String>>,
    idle_timeout: Duration,
}

impl Subscription {
    fn read(section: &Section<'_>) -> Result<Self, ConfigError> {
        Ok(Self {
            endpoint: Endpoint::read(section, WEB)?,
            events: read_events(section)?,
            idle_timeout: section.positive_duration("idle_timeout")?,
        })
    }

    fn client(&self) -> Result<Client, SourceError> {
        Client::new(self.endpoint.clone(), Compression::None)
    }
}

#[derive(Debug)]
struct Settings(Arc<Subscription>);

fn read_events(section: &Section<'_>) -> Result<Option<Vec<String>>, ConfigError> {
    match section.optional_texts("events")? {
        Some(events) if events.value.is_empty() => {
            Err(events.error("is empty, and no event would be a message; leave it out for all"))
        }
        events => Ok(events.map(|events| events.value)),
    }
}

#[async_trait]
impl Open for Settings {
    fn resume(&self) -> Resume {
        Resume::Cursor
    }

    fn can_wait(&self) -> bool {
        true
    }

    async fn check(&self, _: &Context) -> Result<(), SourceError> {
        match events::connect(&self.0, &self.0.client()?, None).await? {
            Some(_) => Ok(()),
            None => Err(SourceError::transient(format!(
                "{} answers 204 No Content: it has no stream, and the source would end at once; check `url`",
                shown(&self.0.endpoint.url)
            ))),
        }
    }

    fn open(&self, context: Context, cursor: Option<&Cursor>) -> Result<Opened, SourceError> {
        Ok(Opened::new(Events::open(Arc::clone(&self.0), context, cursor)?))
    }
}

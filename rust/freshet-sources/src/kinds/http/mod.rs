//! Something behind a URL, asked for again and again: JSON, CSV or text.

mod feed;
mod items;
mod new_by;
mod path;
mod position;
mod seen;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use freshet_core::config::{ConfigError, Key, Kind, Presence, Section};

use self::feed::Feed;
use self::new_by::NewBy;
use self::path::Path;
use super::{EVERY, SourceKind};
use crate::network::{
    ALLOW_PRIVATE, CA_FILE, Client, Compression, Endpoint, HEADERS, QUERY, TOKEN, WEB,
};
use crate::source::{Context, Cursor, Open, Opened, Resume, SourceError};

/// The kind `http`.
pub(super) const KIND: SourceKind = SourceKind {
    name: "http",
    meaning: "what is behind a URL, asked for again and again",
    keys: &[
        Key {
            name: "url",
            meaning: "what is asked for, with http: or https:",
            example: r#""https://example.org/feed.json""#,
            ..Key::NEW
        },
        Key {
            presence: Presence::Default("1m"),
            meaning: "time between two requests",
            example: r#""5m""#,
            ..EVERY
        },
        Key {
            name: "timeout",
            kind: Kind::Duration(Duration::from_hours(1)),
            presence: Presence::Default("30s"),
            meaning: "how long a request may take, redirects and body included",
            example: r#""10s""#,
            ..Key::NEW
        },
        Key {
            name: "input",
            kind: Kind::Choice(&Input::NAMES),
            presence: Presence::Default("json"),
            meaning: "what the body is: one JSON text, which is one message or the list of them at `items`; lines, of \
                      which each is a message; or text, which is one message",
            example: r#""lines""#,
            ..Key::NEW
        },
        Key {
            name: "items",
            presence: Presence::Optional("the body is one message"),
            meaning: "path of the list in the body whose items are the messages, names with dots between them; `.` \
                      where the body is the list",
            example: r#""features""#,
            ..Key::NEW
        },
        Key {
            name: "new_by",
            presence: Presence::Optional("everything is sent each time"),
            meaning: "a jq filter that makes of each message what tells it from others: what was sent is not sent \
                      again. `.` is the whole message, and `a.b` is short for `.a.b`",
            example: r#""[.id, .properties.updated]""#,
            ..Key::NEW
        },
        Key {
            name: "skip_lines",
            kind: Kind::Integer(0, 1_000),
            presence: Presence::Default("0"),
            meaning: "lines at the beginning of the body that are no messages, such as the names of CSV columns; for \
                      `input = \"lines\"`",
            example: "0",
            ..Key::NEW
        },
        Key {
            name: "max_body",
            kind: Kind::Integer(1, 256),
            presence: Presence::Default("16"),
            meaning: "MiB that a body may have, uncompressed; a larger one is dropped and counted",
            example: "64",
            ..Key::NEW
        },
        QUERY,
        TOKEN,
        HEADERS,
        CA_FILE,
        ALLOW_PRIVATE,
    ],
    read: |section| Ok(Box::new(Settings(Arc::new(Poll::read(section)?)))),
};

/// What the body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Input {
    Json,
    Lines,
    Text,
}

impl Input {
    const ALL: [Self; 3] = [Self::Json, Self::Lines, Self::Text];
    const NAMES: [&str; 3] = [Self::ALL[0].name(), Self::ALL[1].name(), Self::ALL[2].name()];

    const fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Lines => "lines",
            Self::Text => "text",
        }
    }
}

/// What is asked for, and what becomes of it.
#[derive(Debug)]
struct Poll {
    endpoint: Endpoint,
    every: Duration,
    timeout: Duration,
    input: Input,
    items: Option<Path>,
    new_by: Option<NewBy>,
    skip_lines: usize,
    max_body: usize,
}

impl Poll {
    fn read(section: &Section<'_>) -> Result<Self, ConfigError> {
        const MIB: usize = 1 << 20;
        let input = Input::ALL[section.choice("input")?];
        let items = section.optional_text("items")?;
        if let Some(items) = items.as_ref().filter(|_| input != Input::Json) {
            return Err(items.error("is for `input = \"json\"`; leave it out"));
        }
        let skip_lines = if input == Input::Lines {
            section.integer("skip_lines")?
        } else {
            section.refuse("skip_lines", "is for `input = \"lines\"`; leave it out")?;
            0
        };
        let path = |text: String| Path::parse(&text);
        Ok(Self {
            endpoint: Endpoint::read(section, WEB)?,
            every: section.positive_duration("every")?,
            timeout: section.positive_duration("timeout")?,
            input,
            items: items.map(|items| items.convert(path)).transpose()?.map(|items| items.value),
            new_by: NewBy::read(section)?,
            skip_lines,
            max_body: section.integer::<usize>("max_body")? * MIB,
        })
    }

    fn client(&self) -> Result<Client, SourceError> {
        Client::new(self.endpoint.clone(), Compression::Allowed)
    }
}

#[derive(Debug)]
struct Settings(Arc<Poll>);

#[async_trait]
impl Open for Settings {
    fn resume(&self) -> Resume {
        Resume::Cursor
    }

    fn can_wait(&self) -> bool {
        true
    }

    fn skip_lines(&self) -> u64 {
        self.0.skip_lines as u64
    }

    async fn check(&self, _: &Context) -> Result<(), SourceError> {
        feed::check(&self.0).await
    }

    fn open(&self, context: Context, cursor: Option<&Cursor>) -> Result<Opened, SourceError> {
        Ok(Opened::new(Feed::open(Arc::clone(&self.0), context, cursor)?))
    }
}

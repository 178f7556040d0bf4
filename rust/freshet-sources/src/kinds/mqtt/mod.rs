//! MQTT 3.1.1 and 5 (OASIS): messages of a broker, acknowledged when Kafka has them.

mod client;
mod connection;
mod inbox;
mod listener;
mod topics;
mod v4;
mod v5;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use freshet_core::config::{ConfigError, Key, Kind, Located, Presence, Secret, Section};

use self::client::Refusal;
use self::listener::Listener;
use super::SourceKind;
use crate::network::{ALLOW_PRIVATE, CA_FILE, MQTT, Server};
use crate::source::{Context, Cursor, Open, Opened, Resume, SourceError};

/// The ports that are registered for it: with TLS, and without.
const PORTS: [u16; 2] = [8883, 1883];
/// A text of the protocol has its length in two bytes.
const MAX_TEXT_BYTES: usize = u16::MAX as usize;

/// The kind `mqtt`.
pub(super) const KIND: SourceKind = SourceKind {
    name: "mqtt",
    meaning: "messages of an MQTT broker",
    keys: &[
        Key {
            name: "url",
            meaning: "the broker, with mqtt: or mqtts:, and its port unless that is 1883 or 8883",
            example: r#""mqtts://broker.example.org""#,
            ..Key::NEW
        },
        Key {
            name: "topics",
            kind: Kind::Texts,
            meaning: "topics that are subscribed to, also with the wildcards + and #, and shared ones ($share/…)",
            example: r#"["zigbee2mqtt/+", "home/#"]"#,
            ..Key::NEW
        },
        Key {
            name: "qos",
            kind: Kind::Integer(0, 1),
            presence: Presence::Default("1"),
            meaning: "1: the broker keeps a message until Kafka has it; 0: what cannot be taken at once is lost",
            example: "0",
            ..Key::NEW
        },
        Key {
            name: "version",
            kind: Kind::Choice(&Version::NAMES),
            presence: Presence::Default("5"),
            meaning: "the version of MQTT that the broker is spoken to with",
            example: r#""3.1.1""#,
            ..Key::NEW
        },
        Key {
            name: "client_id",
            presence: Presence::Optional("`freshet-` and the source's name"),
            meaning: "what the broker knows the source by, and keeps its messages under; no other client of the broker \
                      may have it",
            example: r#""freshet-cellar""#,
            ..Key::NEW
        },
        Key {
            name: "username",
            presence: Presence::Optional("no login"),
            meaning: "user name for the broker",
            example: r#""freshet""#,
            ..Key::NEW
        },
        Key {
            name: "password",
            presence: Presence::Optional("none"),
            meaning: "password for the broker",
            example: r#""secret""#,
            is_secret: true,
            ..Key::NEW
        },
        Key {
            name: "keep_alive",
            kind: Kind::Duration(Duration::from_hours(18)),
            presence: Presence::Default("30s"),
            meaning: "time without traffic after which the broker is asked whether it is there; whole seconds",
            example: r#""60s""#,
            ..Key::NEW
        },
        Key {
            name: "session_expiry",
            kind: Kind::Duration(Duration::from_hours(366 * 24)),
            presence: Presence::Default("1d"),
            meaning: "how long the broker keeps messages while nobody is connected, with `qos` 1 and version 5; with \
                      3.1.1 the broker decides",
            example: r#""7d""#,
            ..Key::NEW
        },
        Key {
            name: "retained",
            kind: Kind::Flag,
            presence: Presence::Default("true"),
            meaning: "whether to take the last message of each topic that the broker keeps for new subscribers",
            example: "false",
            ..Key::NEW
        },
        CA_FILE,
        ALLOW_PRIVATE,
    ],
    read: |section| Ok(Box::new(Settings(Arc::new(Subscription::read(section)?)))),
};

/// A version of MQTT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Version {
    V5,
    V3,
}

impl Version {
    const ALL: [Self; 2] = [Self::V5, Self::V3];
    const NAMES: [&str; 2] = [Self::ALL[0].name(), Self::ALL[1].name()];

    const fn name(self) -> &'static str {
        match self {
            Self::V5 => "5",
            Self::V3 => "3.1.1",
        }
    }
}

/// What is subscribed to, and where.
#[derive(Debug)]
struct Subscription {
    server: Server,
    topics: Vec<String>,
    /// Whether the broker keeps messages until they are acknowledged: `QoS` 1, and not 0.
    is_acknowledged: bool,
    version: Version,
    client_id: Option<String>,
    username: Option<String>,
    password: Option<Secret>,
    /// In seconds.
    keep_alive: u16,
    /// In seconds.
    session_expiry: u32,
    /// Whether retained messages are taken.
    retained: bool,
    places: Places,
}

/// Where that was written which a broker may refuse.
#[derive(Debug)]
struct Places {
    version: ConfigError,
    client_id: ConfigError,
    /// The password, or else the user name.
    login: ConfigError,
    topics: ConfigError,
}

impl Places {
    fn read(section: &Section<'_>) -> Result<Self, ConfigError> {
        let place = |key: &'static str| -> Result<_, ConfigError> {
            let written = section.optional_text(key)?;
            Ok(written.map(|text| text.error("")))
        };
        let login = place("password")?.or(place("username")?);
        Ok(Self {
            version: section.text("version")?.error(""),
            client_id: place("client_id")?.unwrap_or_else(|| section.error("client_id", "")),
            login: login.unwrap_or_else(|| section.error("username", "")),
            topics: section.texts("topics")?.error(""),
        })
    }

    /// What there is to change when a broker refuses a client for that.
    fn of(&self, refusal: Refusal) -> Option<&ConfigError> {
        match refusal {
            Refusal::Login => Some(&self.login),
            Refusal::ClientId => Some(&self.client_id),
            Refusal::Version => Some(&self.version),
            Refusal::Other => None,
        }
    }
}

impl Subscription {
    fn read(section: &Section<'_>) -> Result<Self, ConfigError> {
        let version = Version::ALL[section.choice("version")?];
        let is_acknowledged = section.integer::<u8>("qos")? == 1;
        let (username, password) = read_login(section, version)?;
        Ok(Self {
            server: Server::read(section, MQTT, PORTS)?,
            topics: read_topics(section)?,
            is_acknowledged,
            version,
            client_id: read_client_id(section)?,
            username,
            password,
            keep_alive: read_keep_alive(section)?,
            session_expiry: read_session_expiry(section, version, is_acknowledged)?,
            retained: section.flag("retained")?,
            places: Places::read(section)?,
        })
    }

    /// What the broker knows the source of that name by.
    fn client_id(&self, source: &str) -> String {
        self.client_id.clone().unwrap_or_else(|| format!("freshet-{source}"))
    }
}

fn read_topics(section: &Section<'_>) -> Result<Vec<String>, ConfigError> {
    let topics = section.texts("topics")?;
    if topics.value.is_empty() {
        return Err(topics.error("is empty; name at least one topic, such as home/#"));
    }
    for topic in &topics.value {
        topics::check(topic).map_err(|reason| topics.error(reason))?;
    }
    Ok(topics.value)
}

fn read_client_id(section: &Section<'_>) -> Result<Option<String>, ConfigError> {
    let Some(id) = section.optional_text("client_id")? else { return Ok(None) };
    if id.value.is_empty() || id.value.len() > MAX_TEXT_BYTES || id.value.contains('\0') {
        return Err(id.error(
            "has no characters, too many, or one that is none; write such as freshet-cellar",
        ));
    }
    Ok(Some(id.value))
}

fn read_login(
    section: &Section<'_>,
    version: Version,
) -> Result<(Option<String>, Option<Secret>), ConfigError> {
    let username = section.optional_text("username")?;
    let password = section.optional_text("password")?;
    for text in [&username, &password].into_iter().flatten() {
        if text.value.len() > MAX_TEXT_BYTES || text.value.contains('\0') {
            return Err(text.error("is too long for MQTT, or has a character that is none"));
        }
    }
    if let (Version::V3, None, Some(password)) = (version, &username, &password) {
        return Err(password.error("has no effect in MQTT 3.1.1 without `username`; set that, too"));
    }
    let plain = |text: Located<String>| text.value;
    Ok((username.map(plain), password.map(plain).map(Secret::new)))
}

/// The protocol counts whole seconds, and takes zero for "never".
fn read_keep_alive(section: &Section<'_>) -> Result<u16, ConfigError> {
    let keep_alive = section.duration("keep_alive")?;
    let seconds = whole_seconds(keep_alive.value).and_then(|seconds| u16::try_from(seconds).ok());
    match seconds {
        Some(seconds) if seconds > 0 => Ok(seconds),
        _ => Err(keep_alive.error("has to be whole seconds, from 1s on")),
    }
}

fn read_session_expiry(
    section: &Section<'_>,
    version: Version,
    is_acknowledged: bool,
) -> Result<u32, ConfigError> {
    if version == Version::V3 || !is_acknowledged {
        section.refuse(
            "session_expiry",
            "has an effect with `qos = 1` and `version = \"5\"` only; leave it out",
        )?;
        return Ok(0);
    }
    let expiry = section.duration("session_expiry")?;
    let seconds = whole_seconds(expiry.value).and_then(|seconds| u32::try_from(seconds).ok());
    match seconds {
        Some(seconds) if seconds > 0 => Ok(seconds),
        _ => {
            Err(expiry.error("has to be whole seconds, from 1s on; with `qos = 0` nothing is kept"))
        }
    }
}

fn whole_seconds(duration: Duration) -> Option<u64> {
    (duration.subsec_nanos() == 0).then_some(duration.as_secs())
}

#[derive(Debug)]
struct Settings(Arc<Subscription>);

#[async_trait]
impl Open for Settings {
    fn resume(&self) -> Resume {
        if self.0.is_acknowledged { Resume::Acknowledgement } else { Resume::None }
    }

    /// What is not acknowledged is kept by the broker, which stops at its window of such messages.
    fn can_wait(&self) -> bool {
        self.0.is_acknowledged
    }

    async fn check(&self, context: &Context) -> Result<(), SourceError> {
        // With the source's own name it would end the connection of a producer that runs.
        let id = format!("{}-check-{}", self.0.client_id(&context.name), std::process::id());
        client::check(&self.0, &id).await
    }

    fn open(&self, context: Context, _: Option<&Cursor>) -> Result<Opened, SourceError> {
        Ok(Listener::open(Arc::clone(&self.0), context))
    }
}

//! `[dashboard]`: the web server.

use std::net::IpAddr;

use serde::Serialize;

use super::error::ConfigError;
use super::key::{Key, Kind, PORT, Presence, Table};
use super::secret::Secret;
use super::section::Section;

/// `[dashboard]`.
pub(super) const TABLE: Table = Table {
    path: "dashboard",
    is_repeated: false,
    meaning: "the web server",
    keys: &[
        Key {
            name: "host",
            presence: Presence::Default("127.0.0.1"),
            meaning: "the address that it binds to; one that others than this machine reach needs a token",
            example: r#""0.0.0.0""#,
            ..Key::NEW
        },
        Key {
            name: "port",
            kind: PORT,
            presence: Presence::Default("3000"),
            meaning: "the port",
            example: "8080",
            ..Key::NEW
        },
        Key {
            name: "allowed_hosts",
            kind: Kind::Texts,
            presence: Presence::Default(""),
            meaning: "hosts that the dashboard answers to, besides `localhost`, loopback addresses and its own \
                      address; see [docs/dashboard.md](docs/dashboard.md)",
            example: r#"["wall.example.com"]"#,
            ..Key::NEW
        },
        Key {
            name: "token",
            presence: Presence::Optional("none"),
            meaning: "when set, the API asks for it",
            example: r#""secret""#,
            is_secret: true,
            ..Key::NEW
        },
    ],
};

/// Where the dashboard listens and who may ask.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Dashboard {
    /// The address it binds to; this machine only by default.
    pub host: String,
    /// The port.
    pub port: u16,
    /// Host names and addresses that it answers to, besides loopback names and its own address.
    pub allowed_hosts: Vec<String>,
    /// When set, the API asks for it.
    pub token: Option<Secret>,
}

impl Dashboard {
    pub(super) fn read(section: &Section<'_>) -> Result<Self, ConfigError> {
        let dashboard = Self {
            host: section.text("host")?.value,
            port: section.integer("port")?,
            allowed_hosts: read_allowed_hosts(section)?,
            token: read_token(section)?,
        };
        section.finish()?;
        Ok(dashboard)
    }
}

/// An empty token would let everybody in while looking like protection.
fn read_token(section: &Section<'_>) -> Result<Option<Secret>, ConfigError> {
    match section.optional_text("token")? {
        Some(found) if found.value.is_empty() => {
            Err(found.error("is empty: write a token, or leave the key out"))
        }
        found => Ok(found.map(|found| Secret::new(found.value))),
    }
}

fn read_allowed_hosts(section: &Section<'_>) -> Result<Vec<String>, ConfigError> {
    let found = section.texts("allowed_hosts")?;
    match found.value.iter().find(|host| !is_host(host)) {
        Some(host) => Err(found.error(format!(
            "'{host}' is not a host: write a name or an address, without scheme, port or wildcard"
        ))),
        None => Ok(found.value),
    }
}

/// Whether the text is a host name or an IP address, and nothing more.
fn is_host(text: &str) -> bool {
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    bare.parse::<IpAddr>().is_ok() || is_name(text.strip_suffix('.').unwrap_or(text))
}

/// Labels of letters, digits, hyphens and underscores, joined by dots; a hyphen stands at neither end of a label.
fn is_name(text: &str) -> bool {
    let legal = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    text.split('.').all(|label| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(legal)
    })
}
